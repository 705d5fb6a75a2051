-- The payments as they were known at each reference date: once approved.
SELECT
    d.reference_date,
    date_diff('day', p.purchased_on, d.reference_date) AS age_days,
    p.seller_id,
    p.payment_type,
    p.installments,
    p.paid,
    p.first_of_order
FROM reference_dates AS d
JOIN payment AS p ON p.approved_at < d.reference_date AND p.purchased_at < d.reference_date
