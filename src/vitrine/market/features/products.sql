-- What kind of products the seller sells. Shares count the items whose category is known.
WITH category_price AS (
    -- What a category costs, over all sellers, as known at the reference date.
    SELECT reference_date, category, avg(price) AS price
    FROM item_known
    WHERE category IS NOT NULL
    GROUP BY reference_date, category
),

windowed AS (
    SELECT
        k.reference_date,
        k.seller_id,
        w.window_name,
        count(*) AS items,
        avg(k.photos) AS photos_mean,
        avg(k.volume_cm3) AS volume_mean,
        median(k.volume_cm3) AS volume_median,
        min(k.volume_cm3) AS volume_min,
        max(k.volume_cm3) AS volume_max,
        avg(k.weight_g) AS weight_mean,
        avg(k.name_length) AS name_length_mean,
        avg(k.description_length) AS description_length_mean,
        count(k.category) AS categorized,
        avg(k.price / nullif(c.price, 0)) AS price_ratio
    FROM item_known AS k
    LEFT JOIN category_price AS c ON c.reference_date = k.reference_date AND c.category = k.category
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

categorized AS (
    SELECT
        reference_date,
        seller_id,
        window_name,
        count(*) AS categories,
        sum(items) AS items,
        coalesce(sum(items) FILTER (WHERE category = 'cama_mesa_banho'), 0) AS bed_bath_table,
        coalesce(sum(items) FILTER (WHERE category = 'beleza_saude'), 0) AS health_beauty,
        coalesce(sum(items) FILTER (WHERE category = 'esporte_lazer'), 0) AS sports_leisure,
        coalesce(sum(items) FILTER (WHERE category = 'moveis_decoracao'), 0) AS furniture_decor,
        coalesce(sum(items) FILTER (WHERE category = 'informatica_acessorios'), 0) AS computers_accessories,
        coalesce(sum(items) FILTER (WHERE category = 'utilidades_domesticas'), 0) AS housewares,
        coalesce(sum(items) FILTER (WHERE category = 'relogios_presentes'), 0) AS watches_gifts,
        coalesce(sum(items) FILTER (WHERE category = 'telefonia'), 0) AS telephony,
        coalesce(sum(items) FILTER (WHERE category = 'brinquedos'), 0) AS toys,
        coalesce(sum(items) FILTER (WHERE category = 'ferramentas_jardim'), 0) AS garden_tools,
        coalesce(sum(items) FILTER (WHERE category = 'automotivo'), 0) AS auto,
        coalesce(sum(items) FILTER (WHERE category = 'cool_stuff'), 0) AS cool_stuff,
        coalesce(sum(items) FILTER (WHERE category = 'perfumaria'), 0) AS perfumery,
        coalesce(sum(items) FILTER (WHERE category = 'bebes'), 0) AS baby,
        coalesce(sum(items) FILTER (WHERE category = 'eletronicos'), 0) AS electronics,
        -- Herfindahl-Hirschman index: 1 where all items are of one category.
        sum(items * items) / (sum(items) * sum(items)) AS concentration
    FROM by_category
    GROUP BY reference_date, seller_id, window_name
),

by_product AS (
    SELECT k.reference_date, k.seller_id, w.window_name, k.product_id, CAST(count(*) AS DOUBLE) AS items
    FROM item_known AS k
    JOIN windows AS w ON k.age_days <= w.days
    GROUP BY k.reference_date, k.seller_id, w.window_name, k.product_id
),

assortment AS (
    SELECT reference_date, seller_id, window_name, count(*) AS products, max(items) / sum(items) AS of_best_seller
    FROM by_product
    GROUP BY reference_date, seller_id, window_name
)

SELECT
    f.reference_date,
    f.seller_id,
    f.window_name,
    coalesce(b.products, 0) AS products_count_window,
    coalesce(c.categories, 0) AS products_categories_window,
    w.photos_mean AS products_photos_mean_window,
    w.volume_mean AS products_volume_cm3_mean_window,
    w.volume_median AS products_volume_cm3_median_window,
    w.volume_min AS products_volume_cm3_min_window,
    w.volume_max AS products_volume_cm3_max_window,
    w.weight_mean AS products_weight_g_mean_window,
    w.name_length_mean AS products_name_length_mean_window,
    w.description_length_mean AS products_description_length_mean_window,
    (w.items - w.categorized) / w.items AS products_uncategorized_share_window,
    c.concentration AS products_category_concentration_window,
    b.of_best_seller AS products_best_seller_share_window,
    -- 1 where the seller asks what the category's items cost on average.
    w.price_ratio AS products_price_position_window,
    c.bed_bath_table / c.items AS products_category_bed_bath_table_share_long,
    c.health_beauty / c.items AS products_category_health_beauty_share_long,
    c.sports_leisure / c.items AS products_category_sports_leisure_share_long,
    c.furniture_decor / c.items AS products_category_furniture_decor_share_long,
    c.computers_accessories / c.items AS products_category_computers_accessories_share_long,
    c.housewares / c.items AS products_category_housewares_share_long,
    c.watches_gifts / c.items AS products_category_watches_gifts_share_long,
    c.telephony / c.items AS products_category_telephony_share_long,
    c.toys / c.items AS products_category_toys_share_long,
    c.garden_tools / c.items AS products_category_garden_tools_share_long,
    c.auto / c.items AS products_category_auto_share_long,
    c.cool_stuff / c.items AS products_category_cool_stuff_share_long,
    c.perfumery / c.items AS products_category_perfumery_share_long,
    c.baby / c.items AS products_category_baby_share_long,
    c.electronics / c.items AS products_category_electronics_share_long
FROM frame AS f
LEFT JOIN windowed AS w
    ON w.reference_date = f.reference_date AND w.seller_id = f.seller_id AND w.window_name = f.window_name
LEFT JOIN categorized AS c
    ON c.reference_date = f.reference_date AND c.seller_id = f.seller_id AND c.window_name = f.window_name
LEFT JOIN assortment AS b
    ON b.reference_date = f.reference_date AND b.seller_id = f.seller_id AND b.window_name = f.window_name
