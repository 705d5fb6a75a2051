-- Later deals are moved and of another kind.
SELECT d.* REPLACE (
    CASE WHEN d.won_date < cut_on THEN d.won_date ELSE d.won_date + to_days(roll(d.mql_id, 'won', 60)) END AS won_date,
    CASE WHEN d.won_date < cut_on THEN d.business_segment ELSE 'changed' END AS business_segment,
    CASE WHEN d.won_date < cut_on THEN d.sr_id ELSE lead(d.sr_id) OVER (ORDER BY hash(d.mql_id)) END AS sr_id
)
FROM main.closed_deals AS d, main.cut
