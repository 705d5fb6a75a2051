-- Items of the orders that exist; the seller's deadline is set when the payment is approved.
SELECT i.* REPLACE (CASE WHEN o.order_approved_at < cut_on THEN i.shipping_limit_date END AS shipping_limit_date)
FROM main.cut, main.order_items AS i
JOIN main.orders AS o ON o.order_id = i.order_id
WHERE o.order_purchase_timestamp < cut_on
