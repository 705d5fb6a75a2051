-- The reviews as they were known at each reference date: once answered.
SELECT
    d.reference_date,
    date_diff('day', r.answered_on, d.reference_date) AS age_days,
    date_diff('day', r.purchased_on, d.reference_date) AS sale_age_days,
    r.seller_id,
    r.score,
    r.commented,
    r.first_of_order,
    r.answer_hours
FROM reference_dates AS d
JOIN review AS r
    ON r.answered_at < d.reference_date AND r.asked_at < d.reference_date AND r.purchased_at < d.reference_date
