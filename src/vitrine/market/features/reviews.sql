-- What customers said. Windows count the days since the answer came; the reviewed share counts the window's sales.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS reviews,
        avg(k.score) AS score_mean,
        min(k.score) AS score_min,
        max(k.score) AS score_max,
        count(*) FILTER (WHERE k.score <= 1) AS to_1,
        count(*) FILTER (WHERE k.score <= 2) AS low,
        count(*) FILTER (WHERE k.score <= 3) AS to_3,
        count(*) FILTER (WHERE k.score <= 4) AS to_4,
        sum(k.commented) AS commented,
        avg(k.answer_hours) AS answer_hours
    FROM review_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

before AS (
    SELECT k.reference_date, k.seller_id, w.window_name, avg(k.score) AS score_mean
    FROM review_known AS k
    JOIN windows AS w ON k.age_days > w.days AND k.age_days <= 2 * w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

sold AS (
    SELECT k.reference_date, k.seller_id, w.window_name, count(*) AS orders
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

reviewed AS (
    SELECT k.reference_date, k.seller_id, w.window_name, count(*) AS orders
    FROM review_known AS k
    JOIN windows AS w ON k.sale_age_days <= w.days
    WHERE k.first_of_order
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

last_review AS (
    SELECT reference_date, seller_id, min(age_days) AS days
    FROM review_known
    GROUP BY reference_date, seller_id
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(w.reviews, 0) AS reviews_count_window,
    w.score_mean AS reviews_score_mean_window,
    -- The median of scores from 1 to 5 by counting: one more for each score that fewer than half reach up to, and half of
    -- one where exactly half do.
    CASE
        WHEN w.reviews > 0
            THEN 1e0
                + CASE WHEN 2 * w.to_1 < w.reviews THEN 1e0 WHEN 2 * w.to_1 = w.reviews THEN 5e-1 ELSE 0e0 END
                + CASE WHEN 2 * w.low < w.reviews THEN 1e0 WHEN 2 * w.low = w.reviews THEN 5e-1 ELSE 0e0 END
                + CASE WHEN 2 * w.to_3 < w.reviews THEN 1e0 WHEN 2 * w.to_3 = w.reviews THEN 5e-1 ELSE 0e0 END
                + CASE WHEN 2 * w.to_4 < w.reviews THEN 1e0 WHEN 2 * w.to_4 = w.reviews THEN 5e-1 ELSE 0e0 END
    END AS reviews_score_median_window,
    w.score_min AS reviews_score_min_window,
    w.score_max AS reviews_score_max_window,
    w.low / w.reviews AS reviews_low_share_window,
    w.commented / w.reviews AS reviews_commented_share_window,
    w.answer_hours AS reviews_answer_hours_mean_window,
    coalesce(r.orders, 0) / s.orders AS reviews_reviewed_share_window,
    w.score_mean - b.score_mean AS reviews_score_trend_days,
    l.days AS reviews_days_since_last_review
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN before AS b
    ON b.reference_date = f.reference_date AND b.seller_id = f.seller_id AND b.window_name = f.window_name
LEFT JOIN sold AS s
    ON s.reference_date = f.reference_date AND s.seller_id = f.seller_id AND s.window_name = f.window_name
LEFT JOIN reviewed AS r
    ON r.reference_date = f.reference_date AND r.seller_id = f.seller_id AND r.window_name = f.window_name
LEFT JOIN last_review AS l ON l.reference_date = f.reference_date AND l.seller_id = f.seller_id
