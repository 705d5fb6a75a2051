-- Who buys from the seller, and where they live. Shares count the orders whose customer is known.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        -- A customer counts with the first sale in the window: the one before it, if any, is older than the window.
        count(*) FILTER (WHERE k.identified AND (k.bought_before_days IS NULL OR k.bought_before_days > w.days))
            AS customers,
        count(*) FILTER (WHERE k.identified) AS identified
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

by_state AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        k.customer_state AS state,
        CAST(count(*) AS DOUBLE) AS orders,
        count(*) FILTER (WHERE k.at_home) AS at_home
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    WHERE k.customer_state IS NOT NULL
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.customer_state
),

located AS (
    SELECT
        reference_date,
        seller_id,
        window_name,
        count(*) AS states,
        sum(orders) AS orders,
        sum(at_home) AS at_home,
        coalesce(sum(orders) FILTER (WHERE state = 'AC'), 0) AS state_ac,
        coalesce(sum(orders) FILTER (WHERE state = 'AL'), 0) AS state_al,
        coalesce(sum(orders) FILTER (WHERE state = 'AM'), 0) AS state_am,
        coalesce(sum(orders) FILTER (WHERE state = 'AP'), 0) AS state_ap,
        coalesce(sum(orders) FILTER (WHERE state = 'BA'), 0) AS state_ba,
        coalesce(sum(orders) FILTER (WHERE state = 'CE'), 0) AS state_ce,
        coalesce(sum(orders) FILTER (WHERE state = 'DF'), 0) AS state_df,
        coalesce(sum(orders) FILTER (WHERE state = 'ES'), 0) AS state_es,
        coalesce(sum(orders) FILTER (WHERE state = 'GO'), 0) AS state_go,
        coalesce(sum(orders) FILTER (WHERE state = 'MA'), 0) AS state_ma,
        coalesce(sum(orders) FILTER (WHERE state = 'MG'), 0) AS state_mg,
        coalesce(sum(orders) FILTER (WHERE state = 'MS'), 0) AS state_ms,
        coalesce(sum(orders) FILTER (WHERE state = 'MT'), 0) AS state_mt,
        coalesce(sum(orders) FILTER (WHERE state = 'PA'), 0) AS state_pa,
        coalesce(sum(orders) FILTER (WHERE state = 'PB'), 0) AS state_pb,
        coalesce(sum(orders) FILTER (WHERE state = 'PE'), 0) AS state_pe,
        coalesce(sum(orders) FILTER (WHERE state = 'PI'), 0) AS state_pi,
        coalesce(sum(orders) FILTER (WHERE state = 'PR'), 0) AS state_pr,
        coalesce(sum(orders) FILTER (WHERE state = 'RJ'), 0) AS state_rj,
        coalesce(sum(orders) FILTER (WHERE state = 'RN'), 0) AS state_rn,
        coalesce(sum(orders) FILTER (WHERE state = 'RO'), 0) AS state_ro,
        coalesce(sum(orders) FILTER (WHERE state = 'RR'), 0) AS state_rr,
        coalesce(sum(orders) FILTER (WHERE state = 'RS'), 0) AS state_rs,
        coalesce(sum(orders) FILTER (WHERE state = 'SC'), 0) AS state_sc,
        coalesce(sum(orders) FILTER (WHERE state = 'SE'), 0) AS state_se,
        coalesce(sum(orders) FILTER (WHERE state = 'SP'), 0) AS state_sp,
        coalesce(sum(orders) FILTER (WHERE state = 'TO'), 0) AS state_to,
        -- 1 where all orders go to one state, 1/27 where they spread evenly (Herfindahl-Hirschman index).
        sum(orders * orders) / (sum(orders) * sum(orders)) AS concentration,
        max(orders) / sum(orders) AS of_largest
    FROM by_state
    GROUP BY reference_date, seller_id, window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(c.states, 0) AS customers_states_window,
    coalesce(w.customers, 0) AS customers_count_window,
    -- Orders beyond a customer's first one.
    (w.identified - w.customers) / nullif(w.identified, 0) AS customers_repeat_share_window,
    c.at_home / c.orders AS customers_same_state_share_window,
    c.concentration AS customers_state_concentration_window,
    c.of_largest AS customers_largest_state_share_window,
    c.state_ac / c.orders AS customers_state_ac_share_long,
    c.state_al / c.orders AS customers_state_al_share_long,
    c.state_am / c.orders AS customers_state_am_share_long,
    c.state_ap / c.orders AS customers_state_ap_share_long,
    c.state_ba / c.orders AS customers_state_ba_share_long,
    c.state_ce / c.orders AS customers_state_ce_share_long,
    c.state_df / c.orders AS customers_state_df_share_long,
    c.state_es / c.orders AS customers_state_es_share_long,
    c.state_go / c.orders AS customers_state_go_share_long,
    c.state_ma / c.orders AS customers_state_ma_share_long,
    c.state_mg / c.orders AS customers_state_mg_share_long,
    c.state_ms / c.orders AS customers_state_ms_share_long,
    c.state_mt / c.orders AS customers_state_mt_share_long,
    c.state_pa / c.orders AS customers_state_pa_share_long,
    c.state_pb / c.orders AS customers_state_pb_share_long,
    c.state_pe / c.orders AS customers_state_pe_share_long,
    c.state_pi / c.orders AS customers_state_pi_share_long,
    c.state_pr / c.orders AS customers_state_pr_share_long,
    c.state_rj / c.orders AS customers_state_rj_share_long,
    c.state_rn / c.orders AS customers_state_rn_share_long,
    c.state_ro / c.orders AS customers_state_ro_share_long,
    c.state_rr / c.orders AS customers_state_rr_share_long,
    c.state_rs / c.orders AS customers_state_rs_share_long,
    c.state_sc / c.orders AS customers_state_sc_share_long,
    c.state_se / c.orders AS customers_state_se_share_long,
    c.state_sp / c.orders AS customers_state_sp_share_long,
    c.state_to / c.orders AS customers_state_to_share_long
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN located AS c
    ON c.reference_date = f.reference_date AND c.seller_id = f.seller_id AND c.window_name = f.window_name
