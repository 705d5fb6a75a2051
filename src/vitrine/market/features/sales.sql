-- What the seller sold. A window of n days holds the n days before the reference date.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS orders,
        count(*) FILTER (WHERE k.first_of_day) AS active_days,
        min(k.age_days) AS youngest,
        max(k.age_days) AS oldest,
        sum(k.items) AS items,
        sum(k.revenue) AS revenue,
        min(k.revenue) AS order_value_min,
        max(k.revenue) AS order_value_max,
        stddev_samp(k.revenue) AS order_value_sd,
        min(k.price_min) AS price_min,
        max(k.price_max) AS price_max,
        count(*) FILTER (WHERE k.shared) AS shared_orders
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

-- The window before the window: what was normal for this seller.
before AS (
    SELECT k.reference_date, k.seller_id, w.window_name, count(*) AS orders, sum(k.revenue) AS revenue
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days > w.days AND k.age_days <= 2 * w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(w.orders, 0) AS sales_orders_window,
    coalesce(w.active_days, 0) AS sales_active_days_window,
    coalesce(w.items, 0) AS sales_items_window,
    coalesce(w.revenue, 0) AS sales_revenue_window,
    w.revenue / w.orders AS sales_order_value_mean_window,
    w.order_value_min AS sales_order_value_min_window,
    w.order_value_max AS sales_order_value_max_window,
    w.order_value_sd AS sales_order_value_sd_window,
    w.revenue / w.items AS sales_item_price_mean_window,
    w.price_min AS sales_item_price_min_window,
    w.price_max AS sales_item_price_max_window,
    w.items / w.orders AS sales_items_per_order_window,
    w.shared_orders / w.orders AS sales_shared_order_share_window,
    -- Mean days between two days with a sale.
    (w.oldest - w.youngest) / nullif(w.active_days - 1, 0) AS sales_interval_days_window,
    coalesce(w.orders, 0) / f.orders AS sales_orders_share_days,
    coalesce(w.revenue, 0) / nullif(f.revenue, 0) AS sales_revenue_share_days,
    -- From -1 (nothing any more) over 0 (as before) to 1 (nothing before).
    (coalesce(w.orders, 0) - coalesce(b.orders, 0)) / nullif(coalesce(w.orders, 0) + coalesce(b.orders, 0), 0)
        AS sales_orders_trend_days,
    (coalesce(w.revenue, 0) - coalesce(b.revenue, 0)) / nullif(coalesce(w.revenue, 0) + coalesce(b.revenue, 0), 0)
        AS sales_revenue_trend_days,
    f.days_since_last_sale AS sales_days_since_last_sale,
    f.days_since_first_sale AS sales_days_since_first_sale
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN before AS b
    ON b.reference_date = f.reference_date AND b.seller_id = f.seller_id AND b.window_name = f.window_name
