-- Deals that are won.
SELECT d.*
FROM main.closed_deals AS d, main.cut
WHERE d.won_date < cut_on
