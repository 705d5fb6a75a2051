-- What photos show of a product: each value from when it was known until another one was.
SELECT
    product_id,
    attribute,
    value,
    confidence,
    known_at,
    lead(known_at) OVER (PARTITION BY product_id, attribute ORDER BY known_at) AS known_until
FROM product_attributes
