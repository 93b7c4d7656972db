"""A basket to try: in the contract's shape, with invented codes of the data set's form."""

from typing import Any, Final

EXAMPLE: Final[dict[str, Any]] = {
    "basket_id": "till-7-000123",
    "shop_weekday": 6,
    "shop_hour": 17,
    "store_format": "LS",
    "store_region": "E02",
    "seg_1": "CT",
    "seg_2": "DI",
    "lines": [
        {"prod_code": "PRD0900001", "quantity": 1, "spend": 1.03},
        {"prod_code": "PRD0900173", "quantity": 2, "spend": 2.5},
        {"prod_code": "PRD0904358", "quantity": 1, "spend": 0.89, "prod_code_10": "CL00063"},
    ],
}
