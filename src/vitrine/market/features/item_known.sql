-- The items as they were known at each reference date: an item is known when it is bought.
SELECT
    d.reference_date,
    date_diff('day', i.purchased_on, d.reference_date) AS age_days,
    i.seller_id,
    i.product_id,
    i.price,
    i.category,
    i.photos,
    i.name_length,
    i.description_length,
    i.weight_g,
    i.volume_cm3
FROM reference_dates AS d
JOIN item AS i ON i.purchased_at < d.reference_date
