-- How customers pay. A payment of an order with several sellers counts for each by the value of what each sold.
WITH by_type AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        k.payment_type,
        CAST(count(*) AS DOUBLE) AS payments,
        count(*) FILTER (WHERE k.first_of_order) AS paid_orders,
        sum(k.paid) AS paid,
        avg(k.installments) AS installments_mean,
        median(k.installments) AS installments_median,
        min(k.installments) AS installments_min,
        max(k.installments) AS installments_max
    FROM payment_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.payment_type
),

windowed AS (
    SELECT
        reference_date,
        seller_id,
        window_name,
        sum(payments) AS payments,
        sum(paid_orders) AS paid_orders,
        sum(paid) AS paid,
        coalesce(sum(payments) FILTER (WHERE payment_type = 'boleto'), 0) AS boleto_count,
        coalesce(sum(paid) FILTER (WHERE payment_type = 'boleto'), 0) AS boleto_value,
        coalesce(sum(payments) FILTER (WHERE payment_type = 'credit_card'), 0) AS credit_card_count,
        coalesce(sum(paid) FILTER (WHERE payment_type = 'credit_card'), 0) AS credit_card_value,
        coalesce(sum(payments) FILTER (WHERE payment_type = 'voucher'), 0) AS voucher_count,
        coalesce(sum(paid) FILTER (WHERE payment_type = 'voucher'), 0) AS voucher_value,
        coalesce(sum(payments) FILTER (WHERE payment_type = 'debit_card'), 0) AS debit_card_count,
        coalesce(sum(paid) FILTER (WHERE payment_type = 'debit_card'), 0) AS debit_card_value,
        max(installments_mean) FILTER (WHERE payment_type = 'credit_card') AS installments_mean,
        max(installments_median) FILTER (WHERE payment_type = 'credit_card') AS installments_median,
        max(installments_min) FILTER (WHERE payment_type = 'credit_card') AS installments_min,
        max(installments_max) FILTER (WHERE payment_type = 'credit_card') AS installments_max
    FROM by_type
    GROUP BY reference_date, seller_id, window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(w.boleto_count, 0) AS payments_boleto_count_window,
    coalesce(w.boleto_value, 0) AS payments_boleto_value_window,
    w.boleto_count / w.payments AS payments_boleto_count_share_window,
    w.boleto_value / nullif(w.paid, 0) AS payments_boleto_value_share_window,
    coalesce(w.credit_card_count, 0) AS payments_credit_card_count_window,
    coalesce(w.credit_card_value, 0) AS payments_credit_card_value_window,
    w.credit_card_count / w.payments AS payments_credit_card_count_share_window,
    w.credit_card_value / nullif(w.paid, 0) AS payments_credit_card_value_share_window,
    coalesce(w.voucher_count, 0) AS payments_voucher_count_window,
    coalesce(w.voucher_value, 0) AS payments_voucher_value_window,
    w.voucher_count / w.payments AS payments_voucher_count_share_window,
    w.voucher_value / nullif(w.paid, 0) AS payments_voucher_value_share_window,
    coalesce(w.debit_card_count, 0) AS payments_debit_card_count_window,
    coalesce(w.debit_card_value, 0) AS payments_debit_card_value_window,
    w.debit_card_count / w.payments AS payments_debit_card_count_share_window,
    w.debit_card_value / nullif(w.paid, 0) AS payments_debit_card_value_share_window,
    coalesce(w.paid, 0) AS payments_value_window,
    w.payments / w.paid_orders AS payments_per_order_window,
    w.installments_mean AS payments_installments_mean_window,
    w.installments_median AS payments_installments_median_window,
    w.installments_min AS payments_installments_min_window,
    w.installments_max AS payments_installments_max_window
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
