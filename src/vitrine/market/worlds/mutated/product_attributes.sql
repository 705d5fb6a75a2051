-- What is still to be said of the photos is something else, at another time; every third known value is said anew.
SELECT
    a.product_id,
    a.attribute,
    CASE WHEN a.known_at < cut_on THEN a.value ELSE 'changed' END AS value,
    CASE WHEN a.known_at < cut_on THEN a.confidence ELSE 1 - a.confidence / 2 END AS confidence,
    CASE
        WHEN a.known_at < cut_on THEN a.known_at
        ELSE cut_on + to_days(roll(a.product_id, a.attribute, 60))
    END AS known_at
FROM main.cut, main.product_attributes AS a
UNION ALL
SELECT a.product_id, a.attribute, 'changed', 1e0, cut_on + to_days(61 + roll(a.product_id, 'again', 40))
FROM main.cut, main.product_attributes AS a
WHERE a.known_at < cut_on AND roll(a.product_id, 'chosen', 3) = 0
