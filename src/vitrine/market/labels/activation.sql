-- Activation: the seller of a won deal makes a first sale within $horizon_days. Known the morning after the deal.
WITH deal AS (
    SELECT seller_id, mql_id, won_date, row_number() OVER (PARTITION BY seller_id ORDER BY won_date, mql_id) AS place
    FROM closed_deals
),

first_sale AS (
    SELECT seller_id, min(purchased_at) AS sold_at
    FROM sale
    GROUP BY seller_id
)

SELECT
    CAST(d.won_date AS DATE) + 1 AS reference_date,
    d.seller_id,
    d.mql_id,
    least(CAST(f.sold_at AS DATE), CAST(d.won_date AS DATE) + CAST($horizon_days AS INTEGER)) + 1 AS settled_on,
    CASE
        WHEN d.place > 1 THEN 'a later deal of the same seller'
        WHEN f.sold_at < CAST(d.won_date AS DATE) + 1 THEN 'had sold before'
        WHEN CAST(d.won_date AS DATE) + 1 + CAST($horizon_days AS INTEGER) > $end THEN 'immature'
        ELSE 'labelled'
    END AS state,
    CASE WHEN f.sold_at < CAST(d.won_date AS DATE) + 1 + CAST($horizon_days AS INTEGER) THEN 1 ELSE 0 END AS label
FROM deal AS d
LEFT JOIN first_sale AS f ON f.seller_id = d.seller_id
