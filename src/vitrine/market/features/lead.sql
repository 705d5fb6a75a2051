-- What is known of a seller on the day its deal is won: the lead, the deal, and how earlier deals of the same sales people
-- and segment went, as far as that was known by then. One row a deal.
WITH deal AS (
    SELECT
        d.mql_id,
        d.seller_id,
        d.sr_id,
        d.sdr_id,
        d.business_segment,
        d.lead_type,
        d.lead_behaviour_profile,
        d.business_type,
        d.has_company,
        d.has_gtin,
        d.average_stock,
        d.declared_product_catalog_size,
        d.declared_monthly_revenue,
        d.won_date AS won_at,
        l.first_contact_date AS contacted_at,
        l.landing_page_id,
        l.origin
    FROM closed_deals AS d
    LEFT JOIN marketing_qualified_leads AS l ON l.mql_id = d.mql_id
),

first_sale AS (
    SELECT i.seller_id, min(o.order_purchase_timestamp) AS sold_at
    FROM order_items AS i
    JOIN orders AS o ON o.order_id = i.order_id
    GROUP BY i.seller_id
),

-- What had become known before a deal was won: the deals won earlier, and which of those had led to a sale. At the same
-- moment the question comes first: known means strictly before.
event AS (
    SELECT d.mql_id, d.sr_id, d.business_segment, d.won_at AS happened_at, 0 AS deals, 0 AS sold, 0 AS turn
    FROM deal AS d
    UNION ALL
    SELECT d.mql_id, d.sr_id, d.business_segment, d.won_at, 1, 0, 1
    FROM deal AS d
    UNION ALL
    SELECT d.mql_id, d.sr_id, d.business_segment, greatest(f.sold_at, d.won_at), 0, 1, 1
    FROM deal AS d
    JOIN first_sale AS f ON f.seller_id = d.seller_id
),

history AS (
    SELECT
        mql_id,
        turn,
        sum(deals) OVER by_sr AS sr_deals,
        sum(sold) OVER by_sr AS sr_sold,
        sum(deals) OVER by_segment AS segment_deals,
        sum(sold) OVER by_segment AS segment_sold
    FROM event
    WINDOW
        by_sr AS (
            PARTITION BY sr_id
            ORDER BY happened_at, turn, mql_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        by_segment AS (
            PARTITION BY business_segment
            ORDER BY happened_at, turn, mql_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
)

SELECT
    d.mql_id,
    d.seller_id,
    d.won_at,
    d.origin AS lead_origin,
    d.business_segment AS deal_segment,
    d.lead_type AS deal_lead_type,
    d.lead_behaviour_profile AS deal_behaviour,
    d.business_type AS deal_business_type,
    d.average_stock AS deal_average_stock,
    CAST(d.has_company AS INT) AS deal_has_company,
    CAST(d.has_gtin AS INT) AS deal_has_gtin,
    d.declared_product_catalog_size AS deal_declared_catalog_size,
    d.declared_monthly_revenue AS deal_declared_monthly_revenue,
    (epoch(d.won_at) - epoch(d.contacted_at)) / 86400e0 AS lead_days_to_deal,
    extract(month FROM d.won_at) AS deal_month,
    coalesce(e.sr_deals, 0) AS deal_sr_deals,
    e.sr_sold / nullif(e.sr_deals, 0) AS deal_sr_sold_share,
    coalesce(e.segment_deals, 0) AS deal_segment_deals,
    e.segment_sold / nullif(e.segment_deals, 0) AS deal_segment_sold_share
FROM deal AS d
LEFT JOIN history AS e ON e.mql_id = d.mql_id AND e.turn = 0
