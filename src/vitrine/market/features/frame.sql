-- The rows that every feature group answers: a seller of the population, at a reference date, in a window.
SELECT
    p.reference_date,
    p.seller_id,
    w.window_name,
    p.days_since_last_sale,
    p.days_since_first_sale,
    p.orders,
    p.revenue
FROM population AS p
CROSS JOIN windows AS w
