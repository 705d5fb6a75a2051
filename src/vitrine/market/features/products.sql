-- What kind of products the seller sells. Shares count the items whose category is known.
WITH windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS items,
        count(DISTINCT k.product_id) AS products,
        count(DISTINCT k.category) AS categories,
        avg(k.photos) AS photos_mean,
        avg(k.volume_cm3) AS volume_mean,
        median(k.volume_cm3) AS volume_median,
        min(k.volume_cm3) AS volume_min,
        max(k.volume_cm3) AS volume_max,
        avg(k.weight_g) AS weight_mean,
        avg(k.name_length) AS name_length_mean,
        avg(k.description_length) AS description_length_mean,
        count(*) FILTER (WHERE k.category = 'cama_mesa_banho') AS bed_bath_table,
        count(*) FILTER (WHERE k.category = 'beleza_saude') AS health_beauty,
        count(*) FILTER (WHERE k.category = 'esporte_lazer') AS sports_leisure,
        count(*) FILTER (WHERE k.category = 'moveis_decoracao') AS furniture_decor,
        count(*) FILTER (WHERE k.category = 'informatica_acessorios') AS computers_accessories,
        count(*) FILTER (WHERE k.category = 'utilidades_domesticas') AS housewares,
        count(*) FILTER (WHERE k.category = 'relogios_presentes') AS watches_gifts,
        count(*) FILTER (WHERE k.category = 'telefonia') AS telephony,
        count(*) FILTER (WHERE k.category = 'brinquedos') AS toys,
        count(*) FILTER (WHERE k.category = 'ferramentas_jardim') AS garden_tools,
        count(*) FILTER (WHERE k.category = 'automotivo') AS auto,
        count(*) FILTER (WHERE k.category = 'cool_stuff') AS cool_stuff,
        count(*) FILTER (WHERE k.category = 'perfumaria') AS perfumery,
        count(*) FILTER (WHERE k.category = 'bebes') AS baby,
        count(*) FILTER (WHERE k.category = 'eletronicos') AS electronics,
        count(k.category) AS categorized
    FROM item_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

-- What a category costs, over all sellers, as known at the reference date.
category_price AS (
    SELECT reference_date, category, avg(price) AS price
    FROM item_known
    WHERE category IS NOT NULL
    GROUP BY reference_date, category
),

price_position AS (
    SELECT k.reference_date, k.seller_id, w.window_name, avg(k.price / c.price) AS ratio
    FROM item_known AS k
    JOIN category_price AS c ON c.reference_date = k.reference_date AND c.category = k.category AND c.price > 0
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name
),

by_category AS (
    SELECT k.reference_date, k.seller_id, w.window_name, k.category, CAST(count(*) AS DOUBLE) AS items
    FROM item_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    WHERE k.category IS NOT NULL
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.category
),

-- Herfindahl-Hirschman index: 1 where all items are of one category.
concentration AS (
    SELECT
        reference_date,
        seller_id,
        window_name,
        sum(items * items) / (sum(items) * sum(items)) AS by_square
    FROM by_category
    GROUP BY reference_date, seller_id, window_name
),

by_product AS (
    SELECT k.reference_date, k.seller_id, w.window_name, k.product_id, CAST(count(*) AS DOUBLE) AS items
    FROM item_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.product_id
),

best_seller AS (
    SELECT reference_date, seller_id, window_name, max(items) / sum(items) AS share
    FROM by_product
    GROUP BY reference_date, seller_id, window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(w.products, 0) AS products_count_window,
    coalesce(w.categories, 0) AS products_categories_window,
    w.photos_mean AS products_photos_mean_window,
    w.volume_mean AS products_volume_cm3_mean_window,
    w.volume_median AS products_volume_cm3_median_window,
    w.volume_min AS products_volume_cm3_min_window,
    w.volume_max AS products_volume_cm3_max_window,
    w.weight_mean AS products_weight_g_mean_window,
    w.name_length_mean AS products_name_length_mean_window,
    w.description_length_mean AS products_description_length_mean_window,
    (w.items - w.categorized) / w.items AS products_uncategorized_share_window,
    c.by_square AS products_category_concentration_window,
    b.share AS products_best_seller_share_window,
    -- 1 where the seller asks what the category's items cost on average.
    r.ratio AS products_price_position_window,
    w.bed_bath_table / nullif(w.categorized, 0) AS products_category_bed_bath_table_share_long,
    w.health_beauty / nullif(w.categorized, 0) AS products_category_health_beauty_share_long,
    w.sports_leisure / nullif(w.categorized, 0) AS products_category_sports_leisure_share_long,
    w.furniture_decor / nullif(w.categorized, 0) AS products_category_furniture_decor_share_long,
    w.computers_accessories / nullif(w.categorized, 0) AS products_category_computers_accessories_share_long,
    w.housewares / nullif(w.categorized, 0) AS products_category_housewares_share_long,
    w.watches_gifts / nullif(w.categorized, 0) AS products_category_watches_gifts_share_long,
    w.telephony / nullif(w.categorized, 0) AS products_category_telephony_share_long,
    w.toys / nullif(w.categorized, 0) AS products_category_toys_share_long,
    w.garden_tools / nullif(w.categorized, 0) AS products_category_garden_tools_share_long,
    w.auto / nullif(w.categorized, 0) AS products_category_auto_share_long,
    w.cool_stuff / nullif(w.categorized, 0) AS products_category_cool_stuff_share_long,
    w.perfumery / nullif(w.categorized, 0) AS products_category_perfumery_share_long,
    w.baby / nullif(w.categorized, 0) AS products_category_baby_share_long,
    w.electronics / nullif(w.categorized, 0) AS products_category_electronics_share_long
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN concentration AS c
    ON c.reference_date = f.reference_date AND c.seller_id = f.seller_id AND c.window_name = f.window_name
LEFT JOIN best_seller AS b
    ON b.reference_date = f.reference_date AND b.seller_id = f.seller_id AND b.window_name = f.window_name
LEFT JOIN price_position AS r
    ON r.reference_date = f.reference_date AND r.seller_id = f.seller_id AND r.window_name = f.window_name
