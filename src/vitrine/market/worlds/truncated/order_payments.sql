-- Payments are chosen at the checkout, with the order.
SELECT p.*
FROM main.cut, main.order_payments AS p
JOIN main.orders AS o ON o.order_id = p.order_id
WHERE o.order_purchase_timestamp < cut_on
