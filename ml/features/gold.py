"""Gold as SQL: the one definition of a basket's totals and of a week's products.

The text is portable: named steps, ``min`` rather than ``first``, sums of whole pennies, no engine-specific
statistics, so that DuckDB, Spark and Athena give the same figures. Two exceptions: ``array_agg``, which all
three have, though each in an order of its own (``prod_codes`` has no order); and ``list_unique`` of it, which
is ``count(DISTINCT prod_code)`` at half its cost and has another name elsewhere.
"""

from ml.use_case import UseCase

# What a basket keeps of its lines as they are: these are constant within a basket.
_CARRIED = (
    "store_code",
    "store_format",
    "store_region",
    "shop_date",
    "shop_weekday",
    "shop_hour",
    "cust_code",
    "seg_1",
    "seg_2",
    "basket_size",
    "basket_type",
    "basket_dominant_mission",
)
BASKET_COLUMNS = (
    "basket_id",
    "shop_week",
    "label",
    *_CARRIED,
    "lines",
    "products",
    "quantity",
    "quantity_max",
    "spend_pennies",
    "spend_pennies_min",
    "spend_pennies_max",
    "prod_codes",
)
PRODUCT_COLUMNS = ("prod_code", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40")


def totals_sql(use_case: UseCase, *, silver: str) -> str:
    """Return the query for one row per basket of ``silver``, a table of a week's silver rows.

    Columns are ``BASKET_COLUMNS`` and, for the rules on baskets, the least and greatest label and store.
    """
    label = use_case.label.column
    carried = ",\n    ".join(f"min({column}) AS {column}" for column in _CARRIED if column != "store_code")
    return f"""
SELECT
    basket_id,
    min(shop_week) AS shop_week,
    min({label}) AS label_least,
    max({label}) AS label_greatest,
    min(store_code) AS store_code_least,
    max(store_code) AS store_code_greatest,
    {carried},
    CAST(count(*) AS INTEGER) AS lines,
    CAST(list_unique(array_agg(prod_code)) AS INTEGER) AS products,
    CAST(sum(quantity) AS BIGINT) AS quantity,
    CAST(max(quantity) AS BIGINT) AS quantity_max,
    CAST(sum(spend_pennies) AS BIGINT) AS spend_pennies,
    CAST(min(spend_pennies) AS BIGINT) AS spend_pennies_min,
    CAST(max(spend_pennies) AS BIGINT) AS spend_pennies_max,
    array_agg(prod_code) AS prod_codes
FROM {silver}
GROUP BY basket_id"""


def baskets_sql(*, totals: str) -> str:
    """Return the query for gold baskets from ``totals``: baskets with two labels or two stores are left out.

    Columns are ``BASKET_COLUMNS`` in order; money in pennies, ``prod_codes`` one entry per line.
    """
    source = {"label": "label_least AS label", "store_code": "store_code_least AS store_code"}
    columns = ",\n    ".join(source.get(column, column) for column in BASKET_COLUMNS)
    return f"""
SELECT
    {columns}
FROM {totals}
WHERE NOT ({CONFLICTS["label"]}) AND NOT ({CONFLICTS["store_code"]})"""


# A label is missing on all lines of a file to be scored, hence the coalesce.
CONFLICTS = {
    "label": "coalesce(label_least <> label_greatest, false)",
    "store_code": "store_code_least <> store_code_greatest",
}


def products_sql(*, silver: str) -> str:
    """Return the query for one row per product of ``silver`` with the least code of each category level."""
    levels = ",\n    ".join(f"min({column}) AS {column}" for column in PRODUCT_COLUMNS[1:])
    return f"""
SELECT
    prod_code,
    {levels}
FROM {silver}
GROUP BY prod_code"""
