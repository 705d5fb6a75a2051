-- What was known of the photos.
SELECT a.*
FROM main.product_attributes AS a, main.cut
WHERE a.known_at < cut_on
