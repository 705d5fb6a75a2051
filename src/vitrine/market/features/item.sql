-- One row an item sold, with what the catalog says of its product. Attributes of products carry no time: they are
-- taken as known when the item was sold.
SELECT
    i.order_id,
    i.order_item_id,
    i.seller_id,
    i.product_id,
    o.order_purchase_timestamp AS purchased_at,
    CAST(o.order_purchase_timestamp AS DATE) AS purchased_on,
    i.price,
    i.freight_value AS freight,
    p.product_category_name AS category,
    p.product_photos_qty AS photos,
    p.product_name_lenght AS name_length,
    p.product_description_lenght AS description_length,
    p.product_weight_g AS weight_g,
    CAST(p.product_length_cm AS DOUBLE) * p.product_height_cm * p.product_width_cm AS volume_cm3
FROM order_items AS i
JOIN orders AS o ON o.order_id = i.order_id
LEFT JOIN products AS p ON p.product_id = i.product_id
