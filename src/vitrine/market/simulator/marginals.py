"""What the simulated marketplace is fitted to: shares, means and coefficients, each with what it was measured on.

Measured on the public Olist tables: "sample" is the 14,057 orders before 2018-07 (with 10,033 reviews, 14,695 payments,
21,946 items), "delay table" the 101,270 order lines of 2017-01 to 2018-06 with promise and lateness, "quarters" the
3,743 seller quarters of 2017; sellers, products, leads and deals are complete. Only figures are here, no rows.
"""

import numpy as np

FIRST_MONTH = np.datetime64("2017-01", "M")

# Delay table: lines a month. The last two months are not in it; they continue the mean of the three before.
LINES_A_MONTH = (
    *(981, 1988, 3126, 2795, 4321, 3738, 4787, 5096, 5041, 5492, 8890, 6502),
    *(8452, 7830, 8484, 8218, 8161, 7368, 7916, 7916),
)
# Delay table: share of lines delivered after the promised day, by month of purchase; the last two as the mean of all.
LATE_A_MONTH = (
    *(0.0265, 0.0342, 0.0531, 0.0716, 0.0363, 0.0391, 0.0349, 0.0306, 0.0522, 0.0493, 0.1363, 0.0817),
    *(0.0641, 0.1545, 0.2003, 0.0478, 0.0794, 0.0136, 0.07, 0.07),
)
# Delay table: days from purchase to promise, mean by month of purchase.
PROMISE_A_MONTH = (
    *(39.0, 30.9, 24.3, 26.4, 23.4, 23.2, 22.5, 22.6, 21.6, 22.1, 21.6, 26.7),
    *(25.5, 23.7, 21.4, 22.7, 22.2, 27.0, 23.8, 23.8),
)
MONTHS = len(LINES_A_MONTH)

# Sample: orders by day of the week (Monday first) and by hour.
WEEKDAYS = (2239, 2130, 2125, 2145, 2128, 1574, 1716)
HOURS = (
    *(
        331,
        166,
        74,
        38,
        31,
        28,
        58,
        176,
        426,
        706,
        902,
        1000,
        854,
        969,
        904,
        913,
        901,
        883,
        774,
        832,
        848,
        856,
        794,
        593,
    ),
)
# Sample: orders against an ordinary day of that November.
BLACK_FRIDAY = {"2017-11-24": 7.1, "2017-11-25": 2.8, "2017-11-26": 2.3, "2017-11-27": 2.4}

# State: customers (14,485 in the sample), sellers (3,095), where most of them live, zip prefixes, and the log odds of a
# late delivery there (delay table, logistic regression with month, promise, weight and distance; area under curve 0.770).
# Fields: customers, sellers, latitude, longitude, city, first and last zip prefix, log odds.
STATES: dict[str, tuple[int, int, float, float, str, int, int, float]] = {
    "AC": (15, 1, -9.98, -67.8, "rio branco", 69900, 69999, -0.29),
    "AL": (66, 0, -9.66, -35.7, "maceio", 57000, 57999, 1.27),
    "AM": (16, 1, -3.1, -60.0, "manaus", 69000, 69299, -0.42),
    "AP": (12, 0, 0.03, -51.07, "macapa", 68900, 68999, -0.13),
    "BA": (483, 19, -12.97, -38.5, "salvador", 40000, 48999, 0.49),
    "CE": (186, 13, -3.73, -38.5, "fortaleza", 60000, 63999, 0.33),
    "DF": (302, 30, -15.78, -47.9, "brasilia", 70000, 72799, -0.38),
    "ES": (304, 23, -20.3, -40.3, "vitoria", 29000, 29999, 0.30),
    "GO": (299, 40, -16.7, -49.3, "goiania", 72800, 76799, -0.19),
    "MA": (99, 1, -2.5, -44.3, "sao luis", 65000, 65999, 0.53),
    "MG": (1673, 244, -19.9, -43.9, "belo horizonte", 30000, 39999, -0.54),
    "MS": (97, 5, -20.4, -54.6, "campo grande", 79000, 79999, -0.03),
    "MT": (141, 4, -15.6, -56.1, "cuiaba", 78000, 78899, -0.20),
    "PA": (152, 1, -1.46, -48.5, "belem", 66000, 68899, 0.47),
    "PB": (60, 6, -7.1, -34.9, "joao pessoa", 58000, 58999, 0.20),
    "PE": (232, 9, -8.05, -34.9, "recife", 50000, 56999, -0.04),
    "PI": (69, 1, -5.1, -42.8, "teresina", 64000, 64999, 0.37),
    "PR": (747, 349, -25.4, -49.3, "curitiba", 80000, 87999, -0.58),
    "RJ": (1941, 171, -22.9, -43.2, "rio de janeiro", 20000, 28999, 0.59),
    "RN": (64, 5, -5.8, -35.2, "natal", 59000, 59999, 0.11),
    "RO": (33, 2, -8.76, -63.9, "porto velho", 76800, 76999, -0.63),
    "RR": (7, 0, 2.8, -60.7, "boa vista", 69300, 69399, -0.02),
    "RS": (781, 129, -30.03, -51.2, "porto alegre", 90000, 99999, -0.08),
    "SC": (494, 190, -27.6, -48.5, "florianopolis", 88000, 89999, 0.22),
    "SE": (51, 2, -10.9, -37.07, "aracaju", 49000, 49999, 0.72),
    "SP": (6113, 1849, -23.5, -46.6, "sao paulo", 1000, 19999, -0.53),
    "TO": (48, 0, -10.2, -48.3, "palmas", 77000, 77999, 0.14),
}
# The same regression: log odds by the seller's state; other states 0.
SELLER_STATE_LATE = {"SP": 0.67, "MG": 0.25, "PR": 0.32, "RJ": 0.45, "SC": 0.25, "RS": -0.13, "MA": 1.52}
# The same regression: log odds a unit of ln(days promised), ln(grams + 50), 1,000 km between capitals, same state.
LATE_PROMISE, LATE_WEIGHT, LATE_DISTANCE, LATE_SAME_STATE = -1.906, 0.116, 0.414, -0.909
# Delay table, least squares on ln(freight): constant, ln(grams + 50), 1,000 km, same state, ln(price); residual deviation.
FREIGHT = (1.184, 0.174, 0.282, -0.265, 0.093)
FREIGHT_DEVIATION = 0.369
# Delay table, least squares on ln(days promised): constant, 1,000 km, same state; residual deviation.
PROMISE = (3.142, 0.147, -0.323)
PROMISE_DEVIATION = 0.278

# Category: products (complete), then mean and deviation of ln(price), of ln(grams) and median volume in cm³ of what was
# sold (sample), then the official English name.
CATEGORIES: dict[str, tuple[int, float, float, float, float, float, str]] = {
    "cama_mesa_banho": (3029, 4.32, 0.67, 7.15, 0.98, 11808, "bed_bath_table"),
    "esporte_lazer": (2867, 4.39, 0.82, 6.69, 1.22, 8000, "sports_leisure"),
    "moveis_decoracao": (2657, 4.12, 0.77, 7.17, 1.08, 12000, "furniture_decor"),
    "beleza_saude": (2444, 4.38, 0.92, 6.21, 1.09, 4500, "health_beauty"),
    "utilidades_domesticas": (2335, 4.10, 0.88, 7.26, 1.27, 13932, "housewares"),
    "automotivo": (1900, 4.44, 0.98, 6.88, 1.56, 9000, "auto"),
    "informatica_acessorios": (1639, 4.32, 0.86, 6.02, 1.13, 3696, "computers_accessories"),
    "brinquedos": (1411, 4.44, 0.82, 6.81, 1.19, 12720, "toys"),
    "relogios_presentes": (1329, 4.85, 0.90, 6.03, 0.72, 2464, "watches_gifts"),
    "telefonia": (1134, 3.63, 0.90, 5.32, 0.62, 1045, "telephony"),
    "bebes": (919, 4.40, 0.87, 7.15, 1.45, 11960, "baby"),
    "perfumaria": (868, 4.41, 0.91, 5.85, 0.79, 3960, "perfumery"),
    "papelaria": (849, 4.24, 0.80, 7.11, 1.40, 20000, "stationery"),
    "fashion_bolsas_e_acessorios": (849, 3.97, 0.74, 5.35, 0.83, 1584, "fashion_bags_accessories"),
    "cool_stuff": (789, 4.73, 0.86, 7.16, 1.14, 15750, "cool_stuff"),
    "ferramentas_jardim": (753, 4.28, 0.75, 7.49, 0.98, 19800, "garden_tools"),
    "pet_shop": (719, 4.32, 0.77, 6.90, 1.48, 11520, "pet_shop"),
    "eletronicos": (517, 3.37, 0.93, 5.68, 1.11, 3696, "electronics"),
    "construcao_ferramentas_construcao": (400, 4.46, 1.05, 7.13, 1.38, 5000, "construction_tools_construction"),
    "eletrodomesticos": (370, 4.05, 0.94, 6.50, 1.45, 5967, "home_appliances"),
    "malas_acessorios": (349, 4.67, 0.63, 7.82, 1.45, 32200, "luggage_accessories"),
    "consoles_games": (317, 4.28, 1.15, 5.63, 0.89, 2328, "consoles_games"),
    "moveis_escritorio": (309, 5.04, 0.42, 9.22, 0.61, 72324, "office_furniture"),
    "instrumentos_musicais": (289, 4.82, 1.15, 7.12, 1.52, 11187, "musical_instruments"),
    "eletroportateis": (231, 4.74, 1.24, 7.10, 1.28, 12673, "small_appliances"),
    "casa_construcao": (225, 4.36, 0.91, 7.23, 1.30, 9374, "home_construction"),
    "livros_interesse_geral": (216, 3.91, 0.78, 6.38, 0.62, 4538, "books_general_interest"),
    "fashion_calcados": (173, 4.40, 0.70, 6.80, 0.60, 9000, "fashion_shoes"),
    "moveis_sala": (156, 4.71, 0.75, 8.85, 0.70, 37260, "furniture_living_room"),
}
WITHOUT_CATEGORY = 610 / 32951  # products, complete
PRODUCTS_A_SELLER = 32951 / 3095  # complete
PHOTOS = (16489, 6263, 3860, 2428, 1484, 968, 343, 192, 105, 95)  # products with 1, 2, … photos, complete
NAME_LENGTH = (48.5, 10.2)  # mean and deviation, complete
DESCRIPTION_LENGTH = (6.35, 0.79)  # of the logarithm, complete

# Quarters: the shares of the 1, 5, 10, 20 and 50 % largest sellers in a year's orders are 0.22, 0.50, 0.65, 0.81, 0.95;
# a log-normal with this deviation has 0.26, 0.51, 0.65, 0.80, 0.95. Part of it is drift while a seller sells.
SELLER_SIZE_DEVIATION = 1.5
# Quarters: share of sellers active in a quarter who sell nothing in the next one (0.257, 0.244, 0.217, 0.243).
QUIET_NEXT_QUARTER = 0.24
# Quarters: sellers active in 2017Q1 to Q4 (657, 810, 1,010, 1,266); sellers there at the start, and newcomers a month.
SELLERS_AT_START = 0.14
NEWCOMERS_2017, NEWCOMERS_2018 = 0.044, 0.040

# Sample: items an order, and of orders with several items the shares with several products and with several sellers.
ITEMS_AN_ORDER = (17400, 1449, 255, 105, 52, 25)
OTHER_PRODUCT, OTHER_SELLER = 0.32, 0.12
# Sample: orders by last status; those without stock carry no items in the official tables.
STATUSES = {
    "delivered": 13789,
    "shipped": 103,
    "unavailable": 59,
    "canceled": 44,
    "processing": 34,
    "invoiced": 26,
    "created": 2,
}
REPEATED_CUSTOMERS = 0.03  # official: 99,441 orders of 96,096 people

# Sample: orders paid by card, boleto, debit card, voucher alone, card with a voucher.
PAYMENTS = {"credit_card": 10501, "boleto": 2837, "debit_card": 179, "voucher": 210, "credit_card+voucher": 330}
# Sample: card payments in 1, 2, … installments; their correlation with ln(value).
INSTALLMENTS = (3582, 1777, 1460, 1013, 732, 551, 214, 620, 85, 790)
INSTALLMENTS_BY_VALUE = 0.47
# Sample: minutes to approval, median by payment, and the deviation of the logarithm; hours from there to the carrier.
APPROVAL_MINUTES = {"credit_card": 17.0, "boleto": 1750.0, "debit_card": 63.0, "voucher": 16.0}
APPROVAL_DEVIATION = 0.9
TO_CARRIER_HOURS = (3.76, 1.09)  # mean and deviation of the logarithm
# Sample: where a delivery in time falls between purchase (0) and promise (1): mean, deviation.
IN_TIME = (0.455, 0.20)
# Sample: days a late delivery comes after the promise, mean and deviation of the logarithm.
LATE_DAYS = (1.95, 0.95)

# Sample: scores 1 to 5 by days after the promise: in time; 1 to 3; more; not delivered.
SCORES = {
    "in_time": (0.062, 0.025, 0.080, 0.206, 0.627),
    "little_late": (0.24, 0.02, 0.13, 0.30, 0.31),
    "late": (0.64, 0.085, 0.125, 0.05, 0.10),
    "missing": (0.68, 0.10, 0.10, 0.05, 0.07),
}
REVIEWED = 0.992  # official: reviews on 98,673 of 99,441 orders
REVIEW_AFTER_DELIVERY, REVIEW_AFTER_PROMISE = 1, 2  # days; the survey goes out at the earlier of the two
ANSWER_HOURS = (3.88, 0.82)  # mean and deviation of the logarithm
COMMENTED, TITLED = 0.25, 0.07

# Leads (8,000) by origin, and the share that became deals; complete.
ORIGINS = {
    "organic_search": (2296, 0.118),
    "paid_search": (1586, 0.123),
    "social": (1350, 0.056),
    "unknown": (1099, 0.163),
    "direct_traffic": (499, 0.112),
    "email": (493, 0.030),
    "referral": (284, 0.085),
    "other": (150, 0.027),
    "display": (118, 0.051),
    "other_publicities": (65, 0.046),
    "": (60, 0.233),
}
LEADS_A_SELLER = 8000 / 3095
LEADS_A_MONTH = {
    5: 4,
    6: 239,
    7: 386,
    8: 312,
    9: 416,
    10: 445,
    11: 200,
    12: 1141,
    13: 1028,
    14: 1174,
    15: 1352,
    16: 1303,
}
LANDING_PAGES, SALES_DEVELOPERS, SALES_PEOPLE = 495, 32, 22
DEAL_DAYS = (2.89, 1.51)  # first contact to deal, mean and deviation of the logarithm; 842 deals, complete
# Deals by lead type, behavior and segment: count, and log odds of ever selling against 0.45 (842 deals, complete).
ACTIVATED = 0.45
LEAD_TYPES = {
    "online_medium": (332, 0.27),
    "online_big": (126, 0.72),
    "industry": (123, -0.49),
    "offline": (104, -0.70),
    "online_small": (77, -0.36),
    "online_beginner": (57, -0.34),
    "online_top": (14, -0.09),
}
BEHAVIORS = {"cat": (407, 0.01), "": (177, 0.26), "eagle": (123, -0.18), "wolf": (95, 0.01), "shark": (24, -0.14)}
SEGMENTS = {
    "home_decor": (105, -0.13),
    "health_beauty": (93, 0.14),
    "car_accessories": (77, -0.25),
    "household_utilities": (71, 0.69),
    "construction_tools_house_garden": (69, 0.06),
    "audio_video_electronics": (64, 0.14),
    "computers": (34, -0.40),
    "pet": (30, 0.47),
    "food_supplement": (28, -0.72),
    "food_drink": (26, -0.44),
    "sports_leisure": (25, 0.44),
    "bags_backpacks": (22, 0.76),
    "bed_bath_table": (22, 0.02),
    "toys": (20, 0.20),
    "fashion_accessories": (19, -0.57),
    "home_office_furniture": (14, -1.10),
}
BUSINESS_TYPES = {"reseller": 587, "manufacturer": 242, "": 10}
ORIGIN_ACTIVATION = {
    "paid_search": 0.27,
    "direct_traffic": 0.42,
    "organic_search": -0.13,
    "social": -0.15,
    "referral": -0.31,
}
DECLARED = 66 / 842  # deals that say how much they stock, complete
FIRST_SALE_DAYS = (4.08, 0.65)  # deal to first sale, of the logarithm; median 59 days, 189 deals of the sample
