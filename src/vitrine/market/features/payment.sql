-- One row a payment and seller of the order: what the seller gets of it, by the value of what each seller sold.
SELECT
    p.order_id,
    s.seller_id,
    s.purchased_at,
    s.purchased_on,
    s.approved_at,
    p.payment_type,
    p.payment_installments AS installments,
    p.payment_value * s.value_share AS paid,
    -- All payments of an order become known together, with its approval.
    row_number() OVER (PARTITION BY p.order_id, s.seller_id ORDER BY p.payment_sequential) = 1 AS first_of_order
FROM order_payments AS p
JOIN sale AS s ON s.order_id = p.order_id
