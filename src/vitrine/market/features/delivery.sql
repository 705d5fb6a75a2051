-- How the seller delivers: in time or late, how long each step takes, what the freight costs.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS orders,
        avg(k.late) AS late_share,
        avg(k.cancelled) AS cancelled_share,
        count(k.cancelled) AS settled,
        count(*) FILTER (WHERE k.delivered) AS delivered,
        -- Promised for a day that has passed, and not there.
        count(*) FILTER (WHERE k.late = 1 AND NOT k.delivered) AS overdue,
        avg(k.freight) AS freight_mean,
        median(k.freight) AS freight_median,
        min(k.freight) AS freight_min,
        max(k.freight) AS freight_max,
        sum(k.freight) / nullif(sum(k.revenue + k.freight), 0) AS freight_share,
        avg(k.approval_seconds) / 86400e0 AS approval_days,
        avg(k.handling_seconds) / 86400e0 AS handling_days,
        max(k.handling_seconds) / 86400e0 AS handling_days_max,
        avg(k.shipped_late) AS shipped_late,
        avg(k.transit_seconds) / 86400e0 AS transit_days,
        avg(k.approval_to_delivery_seconds) / 86400e0 AS approval_to_delivery_days,
        avg(k.purchase_to_delivery_seconds) / 86400e0 AS purchase_to_delivery_days,
        avg(k.margin_days) AS margin_days,
        avg(k.promise_days) AS promise_days
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
