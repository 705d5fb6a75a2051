-- The payments as they were known at each reference date: once approved, and shared between the sellers of an order
-- by the value of what each of them sold.
SELECT
    d.reference_date,
    date_diff('day', CAST(s.purchased_at AS DATE), d.reference_date) AS age_days,
    s.order_id,
    s.seller_id,
    p.payment_type,
    p.payment_installments AS installments,
    p.payment_value * s.value_share AS paid
FROM reference_dates AS d
JOIN sale AS s ON s.approved_at < d.reference_date AND s.purchased_at < d.reference_date
JOIN order_payments AS p ON p.order_id = s.order_id
