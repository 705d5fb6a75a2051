-- What is known of an order when it is bought, and of its route, seller and category from what had become known before
-- that very moment. One row an order; of several sellers the one with the largest part stands for it.
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY value_share DESC, seller_id) AS place
    FROM sale
),

main AS (
    SELECT order_id, seller_id, seller_state, customer_state, order_sellers, purchased_at, promised_on
    FROM ranked
    WHERE place = 1
),

contents AS (
    SELECT
        order_id,
        count(*) AS items,
        count(DISTINCT product_id) AS products,
        round(sum(price), 2) AS price,
        round(sum(freight), 2) AS freight,
        sum(weight_g) AS weight_g,
        max(weight_g) AS weight_max_g,
        sum(volume_cm3) AS volume_cm3,
        max(volume_cm3) AS volume_max_cm3,
        min(category) AS category
    FROM item
    GROUP BY order_id
),

-- How a customer will pay is chosen at the checkout.
paying AS (
    SELECT
        order_id,
        max(payment_installments) AS installments,
        max(CASE WHEN payment_type = 'boleto' THEN 1 ELSE 0 END) AS boleto,
        max(CASE WHEN payment_type = 'credit_card' THEN 1 ELSE 0 END) AS credit_card
    FROM order_payments
    GROUP BY order_id
),

-- Two kinds of events: an outcome becomes known (delivered, or not there when the promise has passed), and an order
-- asks what is known. The running sums of the outcomes before the question are the answer. At the same moment the
-- question comes first: known means strictly before.
outcome AS (
    SELECT
        order_id,
        seller_id,
        seller_state,
        customer_state,
        CASE WHEN delivered_at < late_from THEN delivered_at ELSE CAST(late_from AS TIMESTAMP) END AS happened_at,
        CASE WHEN delivered_at < late_from THEN 0 ELSE 1 END AS late
    FROM sale
),

delivery AS (
    SELECT
        seller_id,
        seller_state,
        customer_state,
        delivered_at AS happened_at,
        -- Whole seconds add up to the same number in any order, days do not.
        epoch(delivered_at) - epoch(purchased_at) AS seconds,
        epoch(shipped_at) - epoch(purchased_at) AS handling_seconds
    FROM sale
    WHERE delivered_at IS NOT NULL
),

event AS (
    SELECT
        NULL AS order_id, seller_id, seller_state, customer_state, happened_at,
        1 AS outcomes, late, 0 AS deliveries, 0e0 AS seconds, 0e0 AS handling_seconds, 0 AS sales, 1 AS turn
    FROM outcome
    UNION ALL
    SELECT NULL, seller_id, seller_state, customer_state, happened_at, 0, 0, 1, seconds, handling_seconds, 0, 1
    FROM delivery
    UNION ALL
    SELECT order_id, seller_id, seller_state, customer_state, purchased_at, 0, 0, 0, 0e0, 0e0, 1, 0
    FROM main
),

history AS (
    SELECT
        order_id,
        sum(outcomes) OVER on_route AS route_outcomes,
        sum(late) OVER on_route AS route_late,
        sum(deliveries) OVER on_route AS route_deliveries,
        sum(seconds) OVER on_route / 86400e0 AS route_days,
        sum(outcomes) OVER by_seller AS seller_outcomes,
        sum(late) OVER by_seller AS seller_late,
        sum(deliveries) OVER by_seller AS seller_deliveries,
        sum(handling_seconds) OVER by_seller / 86400e0 AS seller_handling_days,
        sum(sales) OVER by_seller AS seller_sales,
        sum(outcomes) OVER lately AS recent_outcomes,
        sum(late) OVER lately AS recent_late,
        sum(sales) OVER lately AS recent_sales
    FROM event
    WINDOW
        on_route AS (
            PARTITION BY seller_state, customer_state
            ORDER BY happened_at, turn, order_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        by_seller AS (
            PARTITION BY seller_id
            ORDER BY happened_at, turn, order_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        -- The whole marketplace in the four weeks before the day of the order.
        lately AS (
            ORDER BY date_diff('day', DATE '2010-01-01', CAST(happened_at AS DATE))
            RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING
        )
)

SELECT
    m.order_id,
    m.seller_id,
    m.purchased_at,
    m.seller_state AS order_seller_state,
    m.customer_state AS order_customer_state,
    c.category AS order_category,
    CASE WHEN m.seller_state = m.customer_state THEN 1 WHEN m.seller_state <> m.customer_state THEN 0 END
        AS order_same_state,
    date_diff('day', CAST(m.purchased_at AS DATE), m.promised_on) AS order_promise_days,
    m.order_sellers,
    c.items AS order_items,
    c.products AS order_products,
    c.price AS order_price,
    c.freight AS order_freight,
    c.freight / nullif(c.price + c.freight, 0) AS order_freight_share,
    c.weight_g AS order_weight_g,
    c.weight_max_g AS order_weight_max_g,
    c.volume_cm3 AS order_volume_cm3,
    c.volume_max_cm3 AS order_volume_max_cm3,
    p.installments AS order_installments,
    p.boleto AS order_boleto,
    p.credit_card AS order_credit_card,
    extract(month FROM m.purchased_at) AS order_month,
    extract(hour FROM m.purchased_at) AS order_hour,
    -- Days since a Monday, so that both engines number the weekdays alike: 0 is Monday.
    date_diff('day', DATE '2010-01-04', CAST(m.purchased_at AS DATE)) % 7 AS order_weekday,
    coalesce(h.route_outcomes, 0) AS route_outcomes,
    h.route_late / nullif(h.route_outcomes, 0) AS route_late_share,
    h.route_days / nullif(h.route_deliveries, 0) AS route_delivery_days_mean,
    -- What is left of the promise where the parcel takes as long as parcels of this route did.
    date_diff('day', CAST(m.purchased_at AS DATE), m.promised_on) - h.route_days / nullif(h.route_deliveries, 0)
        AS route_promise_margin_days,
    coalesce(h.seller_sales, 0) AS seller_sales,
    coalesce(h.seller_outcomes, 0) AS seller_outcomes,
    h.seller_late / nullif(h.seller_outcomes, 0) AS seller_late_share,
    h.seller_handling_days / nullif(h.seller_deliveries, 0) AS seller_handling_days_mean,
    coalesce(h.recent_sales, 0) AS recent_sales,
    h.recent_late / nullif(h.recent_outcomes, 0) AS recent_late_share
FROM main AS m
JOIN contents AS c ON c.order_id = m.order_id
LEFT JOIN paying AS p ON p.order_id = m.order_id
LEFT JOIN history AS h ON h.order_id = m.order_id
