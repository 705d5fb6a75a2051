-- How the seller delivers: in time or late, how long each step takes, what the freight costs.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS orders,
        avg(CAST(k.late AS DOUBLE)) AS late_share,
        avg(CAST(k.cancelled AS DOUBLE)) AS cancelled_share,
        count(k.cancelled) AS settled,
        count(k.delivered_at) AS delivered,
        -- Promised for a day that has passed, and not there.
        count(*) FILTER (WHERE k.late = 1 AND k.delivered_at IS NULL) AS overdue,
        avg(k.freight) AS freight_mean,
        median(k.freight) AS freight_median,
        min(k.freight) AS freight_min,
        max(k.freight) AS freight_max,
        sum(k.freight) / nullif(sum(k.revenue + k.freight), 0) AS freight_share,
        avg(epoch(k.approved_at) - epoch(k.purchased_at)) / 86400e0 AS approval_days,
        avg(epoch(k.shipped_at) - epoch(k.approved_at)) / 86400e0 AS handling_days,
        max(epoch(k.shipped_at) - epoch(k.approved_at)) / 86400e0 AS handling_days_max,
        avg(CASE WHEN k.shipped_at > k.ship_by THEN 1e0 WHEN k.shipped_at IS NOT NULL THEN 0e0 END) AS shipped_late,
        avg(epoch(k.delivered_at) - epoch(k.shipped_at)) / 86400e0 AS transit_days,
        avg(epoch(k.delivered_at) - epoch(k.approved_at)) / 86400e0 AS approval_to_delivery_days,
        avg(epoch(k.delivered_at) - epoch(k.purchased_at)) / 86400e0 AS purchase_to_delivery_days,
        avg(CASE WHEN k.delivered_at IS NOT NULL THEN date_diff('day', CAST(k.delivered_at AS DATE), k.promised_on) END)
            AS margin_days,
        avg(date_diff('day', CAST(k.purchased_at AS DATE), k.promised_on)) AS promise_days
    FROM sale_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    w.late_share AS delivery_late_share_window,
    -- Null where no sale of the window is old enough to know.
    w.cancelled_share AS delivery_cancelled_share_window,
    w.settled / w.orders AS delivery_cancellation_known_share_window,
    w.delivered / w.orders AS delivery_delivered_share_window,
    w.overdue / w.orders AS delivery_overdue_share_window,
    w.freight_mean AS delivery_freight_mean_window,
    w.freight_median AS delivery_freight_median_window,
    w.freight_min AS delivery_freight_min_window,
    w.freight_max AS delivery_freight_max_window,
    w.freight_share AS delivery_freight_share_window,
    w.approval_days AS delivery_approval_days_mean_window,
    w.handling_days AS delivery_handling_days_mean_window,
    w.handling_days_max AS delivery_handling_days_max_window,
    w.shipped_late AS delivery_shipped_late_share_window,
    w.transit_days AS delivery_transit_days_mean_window,
    w.approval_to_delivery_days AS delivery_approval_to_delivery_days_mean_window,
    w.purchase_to_delivery_days AS delivery_purchase_to_delivery_days_mean_window,
    w.margin_days AS delivery_promise_margin_days_mean_window,
    w.promise_days AS delivery_promise_days_mean_window
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
