-- Who has features: every seller with a sale known at the reference date.
SELECT
    reference_date,
    seller_id,
    min(age_days) AS days_since_last_sale,
    max(age_days) AS days_since_first_sale,
    count(*) AS orders,
    sum(revenue) AS revenue
FROM sale_known
GROUP BY reference_date, seller_id
