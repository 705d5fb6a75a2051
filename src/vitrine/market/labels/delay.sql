-- Delay: the order is not there when the promised day ends. Promises that reach beyond $horizon_days and orders that ended
-- cancelled (nobody waits for them any more) are left out; whether an order is mature does not depend on its outcome, or
-- the last weeks would hold only what came early.
WITH ordered AS (
    SELECT
        order_id,
        max(CASE WHEN place = 1 THEN seller_id END) AS seller_id,
        min(purchased_at) AS purchased_at,
        min(delivered_at) AS delivered_at,
        min(late_from) AS late_from,
        bool_or(ended_cancelled) AS cancelled
    FROM (SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY value_share DESC, seller_id) AS place FROM sale)
    GROUP BY order_id
)

SELECT
    CAST(purchased_at AS DATE) AS reference_date,
    order_id,
    seller_id,
    least(CAST(delivered_at AS DATE) + 1, late_from) AS settled_on,
    CASE
        WHEN cancelled AND delivered_at IS NULL THEN 'cancelled'
        WHEN late_from > CAST(purchased_at AS DATE) + CAST($horizon_days AS INTEGER) THEN 'promise beyond the horizon'
        WHEN CAST(purchased_at AS DATE) + CAST($horizon_days AS INTEGER) > $end THEN 'immature'
        ELSE 'labelled'
    END AS state,
    CASE WHEN delivered_at < late_from THEN 0 ELSE 1 END AS label
FROM ordered
