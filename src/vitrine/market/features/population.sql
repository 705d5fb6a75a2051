-- Who has features: every seller with a sale known at the reference date.
SELECT
    d.reference_date,
    s.seller_id,
    min(s.purchased_at) AS first_sale_at,
    max(s.purchased_at) AS last_sale_at
FROM reference_dates AS d
JOIN sale AS s ON s.purchased_at < d.reference_date
GROUP BY d.reference_date, s.seller_id
