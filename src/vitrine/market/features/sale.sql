-- One row an order and seller: what of the order belongs to this seller, and when each step of it became known.
-- Nothing is cut here; `sale_known` cuts by the reference date.
WITH lines AS (
    SELECT
        order_id,
        seller_id,
        count(*) AS items,
        sum(price) AS revenue,
        sum(freight_value) AS freight,
        min(price) AS price_min,
        max(price) AS price_max,
        max(shipping_limit_date) AS ship_by
    FROM order_items
    GROUP BY order_id, seller_id
),

orders_total AS (
    SELECT
        order_id,
        sum(revenue + freight) AS order_value,
        count(*) AS order_sellers
    FROM lines
    GROUP BY order_id
)

SELECT
    l.order_id,
    l.seller_id,
    s.seller_state,
    c.customer_unique_id,
    c.customer_state,
    c.customer_unique_id IS NOT NULL AS identified,
    c.customer_state = s.seller_state AS at_home,
    l.items,
    l.revenue,
    l.freight,
    l.price_min,
    l.price_max,
    t.order_sellers,
    -- The seller's part of the order by value: payments are shared by it. Equal parts where an order is worth nothing.
    CASE
        WHEN t.order_value > 0 THEN (l.revenue + l.freight) / t.order_value
        ELSE 1e0 / t.order_sellers
    END AS value_share,
    o.order_purchase_timestamp AS purchased_at,
    CAST(o.order_purchase_timestamp AS DATE) AS purchased_on,
    o.order_approved_at AS approved_at,
    l.ship_by,
    o.order_delivered_carrier_date AS shipped_at,
    o.order_delivered_customer_date AS delivered_at,
    -- The promise is a day: a parcel that arrives on it is in time.
    CAST(o.order_estimated_delivery_date AS DATE) AS promised_on,
    CAST(CAST(o.order_estimated_delivery_date AS DATE) + INTERVAL 1 DAY AS DATE) AS late_from,
    -- The status has no time of its own. 60 days after the promise it is taken as known: 99.9 % of late parcels of the
    -- real rows had arrived 55 days after it.
    CAST(CAST(o.order_estimated_delivery_date AS DATE) + INTERVAL 60 DAY AS DATE) AS settled_on,
    o.order_status IN ('canceled', 'unavailable') AS ended_cancelled,
    -- Whole seconds add up to the same number in any order, days do not.
    epoch(o.order_approved_at) - epoch(o.order_purchase_timestamp) AS approval_seconds,
    epoch(o.order_delivered_carrier_date) - epoch(o.order_approved_at) AS handling_seconds,
    CASE
        WHEN o.order_delivered_carrier_date > l.ship_by THEN 1
        WHEN o.order_delivered_carrier_date IS NOT NULL THEN 0
    END AS shipped_late,
    epoch(o.order_delivered_customer_date) - epoch(o.order_delivered_carrier_date) AS transit_seconds,
    epoch(o.order_delivered_customer_date) - epoch(o.order_approved_at) AS approval_to_delivery_seconds,
    epoch(o.order_delivered_customer_date) - epoch(o.order_purchase_timestamp) AS purchase_to_delivery_seconds,
    date_diff('day', CAST(o.order_delivered_customer_date AS DATE), CAST(o.order_estimated_delivery_date AS DATE))
        AS margin_days,
    date_diff('day', CAST(o.order_purchase_timestamp AS DATE), CAST(o.order_estimated_delivery_date AS DATE))
        AS promise_days,
    -- Days and customers are counted by their first sale: far cheaper than count(DISTINCT) at every reference date. Both
    -- look back only. All sales of a day become known together, at the midnight after it.
    row_number() OVER (
        PARTITION BY l.seller_id, CAST(o.order_purchase_timestamp AS DATE)
        ORDER BY o.order_purchase_timestamp, l.order_id
    ) = 1 AS first_of_day,
    lag(o.order_purchase_timestamp) OVER (
        PARTITION BY l.seller_id, c.customer_unique_id
        ORDER BY o.order_purchase_timestamp, l.order_id
    ) AS bought_before_at
FROM lines AS l
JOIN orders AS o ON o.order_id = l.order_id
JOIN orders_total AS t ON t.order_id = l.order_id
LEFT JOIN sellers AS s ON s.seller_id = l.seller_id
LEFT JOIN customers AS c ON c.customer_id = o.customer_id
