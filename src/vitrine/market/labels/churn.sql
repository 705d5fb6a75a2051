-- Churn: an active seller goes $horizon_days without a sale. Active: the last sale is fewer than $horizon_days old. The
-- days since then count, so the label looks at what is left of the horizon; with nothing left there is nothing to say.
-- `seller` has the reference dates and the sellers.
WITH last_sale AS (
    SELECT
        f.reference_date,
        f.seller_id,
        date_diff('day', CAST(max(s.purchased_at) AS DATE), f.reference_date) AS days_since
    FROM seller AS f
    JOIN sale AS s ON s.seller_id = f.seller_id AND s.purchased_at < f.reference_date
    GROUP BY f.reference_date, f.seller_id
),

next_sale AS (
    SELECT f.reference_date, f.seller_id, min(s.purchased_at) AS sold_at
    FROM seller AS f
    JOIN sale AS s ON s.seller_id = f.seller_id AND s.purchased_at >= f.reference_date
    GROUP BY f.reference_date, f.seller_id
)

SELECT
    f.reference_date,
    f.seller_id,
    f.reference_date + CAST($horizon_days AS INTEGER) AS settled_on,
    CASE
        WHEN l.days_since >= $horizon_days THEN 'not active'
        WHEN f.reference_date + CAST($horizon_days AS INTEGER) > $end THEN 'immature'
        ELSE 'labelled'
    END AS state,
    CASE
        WHEN n.sold_at < f.reference_date + CAST($horizon_days - l.days_since AS INTEGER) THEN 0
        ELSE 1
    END AS label
FROM seller AS f
JOIN last_sale AS l ON l.reference_date = f.reference_date AND l.seller_id = f.seller_id
LEFT JOIN next_sale AS n ON n.reference_date = f.reference_date AND n.seller_id = f.seller_id
