-- Orders as a copy of the tables made at the cut would have them. 60 days after the promise the status is taken as known
-- (features/sale.sql); before that it is what the steps say.
SELECT
    order_id,
    customer_id,
    CASE
        WHEN CAST(order_estimated_delivery_date AS DATE) + 60 <= cut_on THEN order_status
        WHEN order_delivered_customer_date < cut_on THEN 'delivered'
        WHEN order_delivered_carrier_date < cut_on THEN 'shipped'
        WHEN order_approved_at < cut_on THEN 'approved'
        ELSE 'created'
    END AS order_status,
    order_purchase_timestamp,
    CASE WHEN order_approved_at < cut_on THEN order_approved_at END AS order_approved_at,
    CASE WHEN order_delivered_carrier_date < cut_on THEN order_delivered_carrier_date END
        AS order_delivered_carrier_date,
    CASE WHEN order_delivered_customer_date < cut_on THEN order_delivered_customer_date END
        AS order_delivered_customer_date,
    order_estimated_delivery_date
FROM main.orders, main.cut
WHERE order_purchase_timestamp < cut_on
