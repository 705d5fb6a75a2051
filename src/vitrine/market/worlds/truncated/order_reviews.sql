-- Reviews whose answer has come.
SELECT r.*
FROM main.cut, main.order_reviews AS r
JOIN main.orders AS o ON o.order_id = r.order_id
WHERE r.review_answer_timestamp < cut_on AND r.review_creation_date < cut_on AND o.order_purchase_timestamp < cut_on
