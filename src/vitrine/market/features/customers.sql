-- Who buys from the seller, and where they live. Shares count the orders whose customer is known.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(DISTINCT k.customer_state) AS states,
        count(DISTINCT k.customer_unique_id) AS customers,
        count(k.customer_unique_id) AS identified,
        count(*) FILTER (WHERE k.customer_state = k.seller_state) AS same_state,
        count(*) FILTER (WHERE k.customer_state = 'AC') AS state_ac,
        count(*) FILTER (WHERE k.customer_state = 'AL') AS state_al,
        count(*) FILTER (WHERE k.customer_state = 'AM') AS state_am,
        count(*) FILTER (WHERE k.customer_state = 'AP') AS state_ap,
        count(*) FILTER (WHERE k.customer_state = 'BA') AS state_ba,
        count(*) FILTER (WHERE k.customer_state = 'CE') AS state_ce,
        count(*) FILTER (WHERE k.customer_state = 'DF') AS state_df,
        count(*) FILTER (WHERE k.customer_state = 'ES') AS state_es,
        count(*) FILTER (WHERE k.customer_state = 'GO') AS state_go,
        count(*) FILTER (WHERE k.customer_state = 'MA') AS state_ma,
        count(*) FILTER (WHERE k.customer_state = 'MG') AS state_mg,
        count(*) FILTER (WHERE k.customer_state = 'MS') AS state_ms,
        count(*) FILTER (WHERE k.customer_state = 'MT') AS state_mt,
        count(*) FILTER (WHERE k.customer_state = 'PA') AS state_pa,
        count(*) FILTER (WHERE k.customer_state = 'PB') AS state_pb,
        count(*) FILTER (WHERE k.customer_state = 'PE') AS state_pe,
        count(*) FILTER (WHERE k.customer_state = 'PI') AS state_pi,
        count(*) FILTER (WHERE k.customer_state = 'PR') AS state_pr,
        count(*) FILTER (WHERE k.customer_state = 'RJ') AS state_rj,
        count(*) FILTER (WHERE k.customer_state = 'RN') AS state_rn,
        count(*) FILTER (WHERE k.customer_state = 'RO') AS state_ro,
        count(*) FILTER (WHERE k.customer_state = 'RR') AS state_rr,
        count(*) FILTER (WHERE k.customer_state = 'RS') AS state_rs,
        count(*) FILTER (WHERE k.customer_state = 'SC') AS state_sc,
        count(*) FILTER (WHERE k.customer_state = 'SE') AS state_se,
        count(*) FILTER (WHERE k.customer_state = 'SP') AS state_sp,
        count(*) FILTER (WHERE k.customer_state = 'TO') AS state_to,
        count(k.customer_state) AS located
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

by_state AS (
    SELECT k.reference_date, k.seller_id, w.window_name, k.customer_state, CAST(count(*) AS DOUBLE) AS orders
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    WHERE k.customer_state IS NOT NULL
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.customer_state
),

-- 1 where all orders go to one state, 1/27 where they spread evenly (Herfindahl-Hirschman index).
concentration AS (
    SELECT
        reference_date,
        seller_id,
        window_name,
        sum(orders * orders) / (sum(orders) * sum(orders)) AS by_square,
        max(orders) / sum(orders) AS of_largest
    FROM by_state
    GROUP BY reference_date, seller_id, window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(w.states, 0) AS customers_states_window,
    coalesce(w.customers, 0) AS customers_count_window,
    -- Orders beyond a customer's first one.
    (w.identified - w.customers) / nullif(w.identified, 0) AS customers_repeat_share_window,
    w.same_state / nullif(w.located, 0) AS customers_same_state_share_window,
    c.by_square AS customers_state_concentration_window,
    c.of_largest AS customers_largest_state_share_window,
    w.state_ac / nullif(w.located, 0) AS customers_state_ac_share_long,
    w.state_al / nullif(w.located, 0) AS customers_state_al_share_long,
    w.state_am / nullif(w.located, 0) AS customers_state_am_share_long,
    w.state_ap / nullif(w.located, 0) AS customers_state_ap_share_long,
    w.state_ba / nullif(w.located, 0) AS customers_state_ba_share_long,
    w.state_ce / nullif(w.located, 0) AS customers_state_ce_share_long,
    w.state_df / nullif(w.located, 0) AS customers_state_df_share_long,
    w.state_es / nullif(w.located, 0) AS customers_state_es_share_long,
    w.state_go / nullif(w.located, 0) AS customers_state_go_share_long,
    w.state_ma / nullif(w.located, 0) AS customers_state_ma_share_long,
    w.state_mg / nullif(w.located, 0) AS customers_state_mg_share_long,
    w.state_ms / nullif(w.located, 0) AS customers_state_ms_share_long,
    w.state_mt / nullif(w.located, 0) AS customers_state_mt_share_long,
    w.state_pa / nullif(w.located, 0) AS customers_state_pa_share_long,
    w.state_pb / nullif(w.located, 0) AS customers_state_pb_share_long,
    w.state_pe / nullif(w.located, 0) AS customers_state_pe_share_long,
    w.state_pi / nullif(w.located, 0) AS customers_state_pi_share_long,
    w.state_pr / nullif(w.located, 0) AS customers_state_pr_share_long,
    w.state_rj / nullif(w.located, 0) AS customers_state_rj_share_long,
    w.state_rn / nullif(w.located, 0) AS customers_state_rn_share_long,
    w.state_ro / nullif(w.located, 0) AS customers_state_ro_share_long,
    w.state_rr / nullif(w.located, 0) AS customers_state_rr_share_long,
    w.state_rs / nullif(w.located, 0) AS customers_state_rs_share_long,
    w.state_sc / nullif(w.located, 0) AS customers_state_sc_share_long,
    w.state_se / nullif(w.located, 0) AS customers_state_se_share_long,
    w.state_sp / nullif(w.located, 0) AS customers_state_sp_share_long,
    w.state_to / nullif(w.located, 0) AS customers_state_to_share_long
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN concentration AS c
    ON c.reference_date = f.reference_date AND c.seller_id = f.seller_id AND c.window_name = f.window_name
