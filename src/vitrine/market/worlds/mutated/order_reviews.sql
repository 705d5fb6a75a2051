-- Answers still to come say the opposite, at another time; every third known order gets one more review.
SELECT
    r.review_id,
    r.order_id,
    CASE WHEN r.review_answer_timestamp < cut_on THEN r.review_score ELSE 6 - r.review_score END AS review_score,
    r.review_comment_title,
    CASE
        WHEN r.review_answer_timestamp < cut_on THEN r.review_comment_message
        WHEN r.review_comment_message IS NULL THEN 'changed'
    END AS review_comment_message,
    CASE
        WHEN r.review_creation_date < cut_on THEN r.review_creation_date
        ELSE moved(r.review_creation_date, r.order_id, 'asked')
    END AS review_creation_date,
    CASE
        WHEN r.review_answer_timestamp < cut_on THEN r.review_answer_timestamp
        ELSE cut_on + to_days(roll(r.order_id, 'answer', 60))
    END AS review_answer_timestamp
FROM main.cut, main.order_reviews AS r
UNION ALL
SELECT
    'again ' || o.order_id,
    o.order_id,
    1,
    NULL,
    'changed',
    cut_on + to_days(roll(o.order_id, 'again', 40)),
    cut_on + to_days(1 + roll(o.order_id, 'again', 40))
FROM main.orders AS o, main.cut
WHERE o.order_purchase_timestamp < cut_on AND roll(o.order_id, 'chosen', 3) = 0
