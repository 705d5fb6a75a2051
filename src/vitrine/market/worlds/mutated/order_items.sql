-- Items of later orders cost something else and are sold by others; deadlines still to be set are moved.
SELECT
    i.order_id,
    i.order_item_id,
    i.product_id,
    CASE
        WHEN o.order_purchase_timestamp < cut_on THEN i.seller_id
        ELSE lead(i.seller_id, 1, i.seller_id) OVER (ORDER BY hash(i.order_id), i.order_item_id)
    END AS seller_id,
    CASE WHEN o.order_approved_at < cut_on THEN i.shipping_limit_date ELSE moved(NULL, i.order_id, 'ship by') END
        AS shipping_limit_date,
    CASE WHEN o.order_purchase_timestamp < cut_on THEN i.price ELSE i.price * (2 + roll(i.order_id, 'price', 5)) END
        AS price,
    CASE WHEN o.order_purchase_timestamp < cut_on THEN i.freight_value ELSE i.freight_value + 100 END AS freight_value
FROM main.cut, main.order_items AS i
JOIN main.orders AS o ON o.order_id = i.order_id
UNION ALL
SELECT
    'again ' || i.order_id,
    i.order_item_id,
    i.product_id,
    i.seller_id,
    cut_on + to_days(3 + roll(i.order_id, 'again', 40)),
    3 * i.price,
    i.freight_value + 50
FROM main.cut, main.order_items AS i
JOIN main.orders AS o ON o.order_id = i.order_id
WHERE o.order_purchase_timestamp < cut_on AND roll(i.order_id, 'chosen', 3) = 0
