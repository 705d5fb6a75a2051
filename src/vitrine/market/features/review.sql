-- One row a review and seller of the reviewed order. `review_creation_date` is when the customer was asked,
-- `review_answer_timestamp` when the answer came: the score exists from the answer on.
WITH answered AS (
    SELECT
        *,
        -- The morning after both is the first that knows the review.
        CASE WHEN review_answer_timestamp < review_creation_date THEN review_creation_date ELSE review_answer_timestamp END
            AS known_at
    FROM order_reviews
)

SELECT
    r.order_id,
    s.seller_id,
    s.purchased_at,
    r.review_creation_date AS asked_at,
    r.review_answer_timestamp AS answered_at,
    CAST(r.review_answer_timestamp AS DATE) AS answered_on,
    s.purchased_on,
    (epoch(r.review_answer_timestamp) - epoch(r.review_creation_date)) / 3600e0 AS answer_hours,
    r.review_score AS score,
    CASE WHEN r.review_comment_message IS NOT NULL THEN 1 ELSE 0 END AS commented,
    -- The review that first makes an order a reviewed one.
    row_number() OVER (PARTITION BY r.order_id, s.seller_id ORDER BY r.known_at NULLS LAST, r.review_id) = 1
        AS first_of_order
FROM answered AS r
JOIN sale AS s ON s.order_id = r.order_id
