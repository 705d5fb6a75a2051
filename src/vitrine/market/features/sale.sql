-- One row an order and seller: what of the order belongs to this seller, and when each step of it became known.
-- Nothing is cut here; `sale_known` cuts by the reference date.
WITH lines AS (
    SELECT
        order_id,
        seller_id,
        count(*) AS items,
        count(DISTINCT product_id) AS products,
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
        sum(price + freight_value) AS order_value,
        count(DISTINCT seller_id) AS order_sellers
    FROM order_items
    GROUP BY order_id
)

SELECT
    l.order_id,
    l.seller_id,
    s.seller_state,
    c.customer_unique_id,
    c.customer_state,
    l.items,
    l.products,
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
