-- What the photos of the products show that a seller has sold, each product once, by confidence.
WITH sold AS (
    SELECT DISTINCT reference_date, seller_id, product_id
    FROM item_known
)

SELECT s.reference_date, s.seller_id, a.attribute, a.value, sum(a.confidence) AS weight
FROM sold AS s
JOIN image_attribute AS a
    ON a.product_id = s.product_id
    AND a.known_at < s.reference_date
    AND (a.known_until IS NULL OR a.known_until >= s.reference_date)
GROUP BY s.reference_date, s.seller_id, a.attribute, a.value
