-- Later orders are paid in another way.
SELECT
    p.order_id,
    p.payment_sequential,
    CASE WHEN o.order_purchase_timestamp < cut_on THEN p.payment_type ELSE 'voucher' END AS payment_type,
    CASE
        WHEN o.order_purchase_timestamp < cut_on THEN p.payment_installments
        ELSE 1 + roll(p.order_id, 'installments', 24)
    END AS payment_installments,
    CASE WHEN o.order_purchase_timestamp < cut_on THEN p.payment_value ELSE 7 * p.payment_value + 11 END AS payment_value
FROM main.cut, main.order_payments AS p
JOIN main.orders AS o ON o.order_id = p.order_id
UNION ALL
SELECT 'again ' || p.order_id, p.payment_sequential, 'debit_card', 1, 3 * p.payment_value
FROM main.cut, main.order_payments AS p
JOIN main.orders AS o ON o.order_id = p.order_id
WHERE o.order_purchase_timestamp < cut_on AND roll(p.order_id, 'chosen', 3) = 0
