-- One row a review and seller of the reviewed order. `review_creation_date` is when the customer was asked,
-- `review_answer_timestamp` when the answer came: the score exists from the answer on.
SELECT
    r.order_id,
    s.seller_id,
    s.purchased_at,
    r.review_creation_date AS asked_at,
    r.review_answer_timestamp AS answered_at,
    r.review_score AS score,
    CASE WHEN r.review_comment_message IS NOT NULL THEN 1 ELSE 0 END AS commented
FROM order_reviews AS r
JOIN sale AS s ON s.order_id = r.order_id
