"""Columns of the lake's tables in Glue's types, read from the code that writes them.

Nothing is declared twice: silver's columns come from the use case, gold's from its SQL.
"""

import re
from collections.abc import Mapping
from typing import Final

from config.names import WEEK_PARTITION
from ml.data.silver import sql_type
from ml.features.gold import BASKET_COLUMNS, PRODUCT_COLUMNS, totals_sql
from ml.use_case import UseCase

Schema = Mapping[str, str]

_GLUE_TYPES: Final = {"INTEGER": "int", "BIGINT": "bigint", "DATE": "date", "VARCHAR": "string"}
_CAST = re.compile(r"^\s*CAST\(.+ AS (\w+)\) AS (\w+)", re.MULTILINE)
_LIST = re.compile(r"array_agg\((\w+)\) AS (\w+)")


def transactions_schema(use_case: UseCase) -> Schema:
    """Return silver's columns, those that partition it included."""
    return {column.name: _GLUE_TYPES[sql_type(column)] for column in use_case.columns}


def baskets_schema(use_case: UseCase) -> Schema:
    """Return the columns of gold's baskets: what the SQL computes has the type it is cast to, the rest silver's."""
    silver = transactions_schema(use_case)
    sql = totals_sql(use_case, silver="silver")
    computed = {name: _GLUE_TYPES[kind] for kind, name in _CAST.findall(sql)}
    lists = {name: f"array<{silver[item]}>" for item, name in _LIST.findall(sql)}
    types = {**silver, "label": silver[use_case.label.column], **computed, **lists}
    return {name: types[name] for name in BASKET_COLUMNS}


def products_schema(use_case: UseCase) -> Schema:
    """Return the columns of gold's products, and the week that partitions them."""
    silver = transactions_schema(use_case)
    return {name: silver[name] for name in (WEEK_PARTITION, *PRODUCT_COLUMNS)}
