-- The sales as they were known at each reference date: sales from that day on are absent, steps from that day on are
-- empty. Known means strictly before 00:00 of the reference date. Feature groups read sales from here only.
SELECT
    d.reference_date,
    date_diff('day', s.purchased_on, d.reference_date) AS age_days,
    s.seller_id,
    s.customer_state,
    s.at_home,
    s.identified,
    s.first_of_day,
    date_diff('day', CAST(s.bought_before_at AS DATE), d.reference_date) AS bought_before_days,
    s.items,
    s.revenue,
    s.freight,
    s.price_min,
    s.price_max,
    s.order_sellers > 1 AS shared,
    s.promise_days,
    CASE WHEN s.approved_at < d.reference_date THEN s.approval_seconds END AS approval_seconds,
    CASE WHEN s.shipped_at < d.reference_date AND s.approved_at < d.reference_date THEN s.handling_seconds END
        AS handling_seconds,
    -- The seller's deadline is set when the payment is approved: before that, no parcel is shipped too late.
    CASE
        WHEN s.shipped_at < d.reference_date AND s.approved_at < d.reference_date THEN s.shipped_late
        WHEN s.shipped_at < d.reference_date THEN 0
    END AS shipped_late,
    coalesce(s.delivered_at < d.reference_date, FALSE) AS delivered,
    CASE WHEN s.delivered_at < d.reference_date AND s.shipped_at < d.reference_date THEN s.transit_seconds END
        AS transit_seconds,
    CASE WHEN s.delivered_at < d.reference_date AND s.approved_at < d.reference_date THEN s.approval_to_delivery_seconds END
        AS approval_to_delivery_seconds,
    CASE WHEN s.delivered_at < d.reference_date THEN s.purchase_to_delivery_seconds END AS purchase_to_delivery_seconds,
    CASE WHEN s.delivered_at < d.reference_date THEN s.margin_days END AS margin_days,
    -- Late is known once the day after the promise begins without a delivery; in time once delivered before it.
    CASE
        WHEN s.delivered_at < d.reference_date AND s.delivered_at < s.late_from THEN 0
        WHEN s.late_from <= d.reference_date THEN 1
    END AS late,
    CASE WHEN s.settled_on < d.reference_date THEN CAST(s.ended_cancelled AS INT) END AS cancelled
FROM reference_dates AS d
JOIN sale AS s ON s.purchased_at < d.reference_date
