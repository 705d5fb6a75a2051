-- The reviews as they were known at each reference date. `review_creation_date` is when the customer was asked,
-- `review_answer_timestamp` when the answer came: the score exists from the answer on.
SELECT
    d.reference_date,
    date_diff('day', CAST(r.review_answer_timestamp AS DATE), d.reference_date) AS age_days,
    date_diff('day', CAST(s.purchased_at AS DATE), d.reference_date) AS sale_age_days,
    r.order_id,
    s.seller_id,
    r.review_score AS score,
    CASE WHEN r.review_comment_message IS NOT NULL THEN 1 ELSE 0 END AS commented,
    (epoch(r.review_answer_timestamp) - epoch(r.review_creation_date)) / 3600e0 AS answer_hours
FROM reference_dates AS d
JOIN order_reviews AS r ON r.review_answer_timestamp < d.reference_date AND r.review_creation_date < d.reference_date
JOIN sale AS s ON s.order_id = r.order_id AND s.purchased_at < d.reference_date
