-- The rows that every feature group answers: a seller of the population, at a reference date, in a window.
SELECT p.reference_date, p.seller_id, w.window_name, w.days, p.first_sale_at, p.last_sale_at
FROM population AS p
CROSS JOIN windows AS w
