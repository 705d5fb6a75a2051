-- What the photos of an order's items showed when it was bought, by confidence.
SELECT i.order_id, a.attribute, a.value, sum(a.confidence) AS weight
FROM item AS i
JOIN image_attribute AS a
    ON a.product_id = i.product_id
    AND a.known_at < i.purchased_at
    AND (a.known_until IS NULL OR a.known_until >= i.purchased_at)
GROUP BY i.order_id, a.attribute, a.value
