-- Customers who have ordered.
SELECT *
FROM main.customers
WHERE customer_id IN (SELECT customer_id FROM main.orders, main.cut WHERE order_purchase_timestamp < cut_on)
