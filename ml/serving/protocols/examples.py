"""The example basket as each protocol's body."""

from typing import Any, Final

from ml.serving.examples import EXAMPLE

_OF_BASKET: Final = {name.upper(): value for name, value in EXAMPLE.items() if name != "lines"}
_ROWS: Final[list[dict[str, Any]]] = [
    _OF_BASKET | {"PROD_CODE_10": ""} | {name.upper(): value for name, value in line.items()}
    for line in EXAMPLE["lines"]
]
_COLUMNS: Final = list(_ROWS[0])
_DATATYPES: Final = {str: "BYTES", int: "INT64", float: "FP64"}
_TABLE: Final = [[row[name] for name in _COLUMNS] for row in _ROWS]

CSV_TEXT: Final = "".join(",".join(map(str, row)) + "\n" for row in [_COLUMNS, *_TABLE])
DATAFRAME_SPLIT: Final = {
    "dataframe_split": {"columns": _COLUMNS, "data": _TABLE},
    "params": {"explain": True},
}
DATAFRAME_RECORDS: Final = {"dataframe_records": _ROWS}
INSTANCES: Final = {"instances": _ROWS}
INPUTS: Final = {"inputs": {name: [row[name] for row in _ROWS] for name in _COLUMNS}}
TENSORS: Final[dict[str, Any]] = {
    "id": "till-7",
    "inputs": [
        {
            "name": name,
            "shape": [len(_ROWS)],
            "datatype": _DATATYPES[type(_ROWS[0][name])],
            "data": [row[name] for row in _ROWS],
        }
        for name in _COLUMNS
    ],
    "outputs": [{"name": "prediction"}, {"name": "probabilities"}],
}
