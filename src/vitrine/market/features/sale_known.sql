-- The sales as they were known at each reference date: sales from that day on are absent, steps from that day on are
-- empty. Known means strictly before 00:00 of the reference date. Feature groups read sales from here only.
SELECT
    d.reference_date,
    date_diff('day', CAST(s.purchased_at AS DATE), d.reference_date) AS age_days,
    s.order_id,
    s.seller_id,
    s.seller_state,
    s.customer_unique_id,
    s.customer_state,
    s.first_of_day,
    date_diff('day', CAST(s.bought_before_at AS DATE), d.reference_date) AS bought_before_days,
    s.items,
    s.products,
    s.revenue,
    s.freight,
    s.price_min,
    s.price_max,
    s.order_sellers,
    s.value_share,
    s.purchased_at,
    CASE WHEN s.approved_at < d.reference_date THEN s.approved_at END AS approved_at,
    -- The seller's deadline is set when the payment is approved.
    CASE WHEN s.approved_at < d.reference_date THEN s.ship_by END AS ship_by,
    CASE WHEN s.shipped_at < d.reference_date THEN s.shipped_at END AS shipped_at,
    CASE WHEN s.delivered_at < d.reference_date THEN s.delivered_at END AS delivered_at,
    s.promised_on,
    -- Late is known once the day after the promise begins without a delivery; in time once delivered before it.
    CASE
        WHEN s.delivered_at < d.reference_date AND s.delivered_at < s.late_from THEN 0
        WHEN s.late_from <= d.reference_date THEN 1
    END AS late,
    CASE WHEN s.settled_on < d.reference_date THEN CAST(s.ended_cancelled AS INT) END AS cancelled
FROM reference_dates AS d
JOIN sale AS s ON s.purchased_at < d.reference_date
