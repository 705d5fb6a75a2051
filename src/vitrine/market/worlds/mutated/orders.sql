-- Orders whose future went another way: later orders are moved and bought by others, steps that are still to come are
-- moved, lost or found, statuses that are not known yet are drawn, and every third known order is bought again later.
SELECT
    order_id,
    CASE
        WHEN order_purchase_timestamp < cut_on THEN customer_id
        ELSE lead(customer_id) OVER (ORDER BY hash(order_id))
    END AS customer_id,
    CASE
        WHEN CAST(order_estimated_delivery_date AS DATE) + 60 <= cut_on AND order_purchase_timestamp < cut_on
            THEN order_status
        ELSE ['delivered', 'canceled', 'unavailable', 'shipped'][1 + roll(order_id, 'status', 4)]
    END AS order_status,
    CASE
        WHEN order_purchase_timestamp < cut_on THEN order_purchase_timestamp
        ELSE order_purchase_timestamp + to_days(roll(order_id, 'purchase', 60))
    END AS order_purchase_timestamp,
    moved(order_approved_at, order_id, 'approved') AS order_approved_at,
    moved(order_delivered_carrier_date, order_id, 'carrier') AS order_delivered_carrier_date,
    moved(order_delivered_customer_date, order_id, 'customer') AS order_delivered_customer_date,
    CASE
        WHEN order_purchase_timestamp < cut_on THEN order_estimated_delivery_date
        ELSE order_estimated_delivery_date + to_days(roll(order_id, 'promise', 90))
    END AS order_estimated_delivery_date
FROM main.orders, main.cut
UNION ALL
SELECT
    'again ' || order_id,
    customer_id,
    'delivered',
    cut_on + to_days(roll(order_id, 'again', 40)),
    cut_on + to_days(1 + roll(order_id, 'again', 40)),
    cut_on + to_days(2 + roll(order_id, 'again', 40)),
    cut_on + to_days(50 + roll(order_id, 'again', 40)),
    cut_on + to_days(20 + roll(order_id, 'again', 40))
FROM main.orders, main.cut
WHERE order_purchase_timestamp < cut_on AND roll(order_id, 'chosen', 3) = 0
