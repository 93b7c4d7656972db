"""``POST /invocations``: the contract of a SageMaker container, and the shapes of MLflow's scoring server.

JSON is one basket or a list as on ``/predict``, or one of MLflow's four tables of basket lines, which is answered as
MLflow answers: ``{"predictions": [...]}``, one for each basket. CSV has a header row. ``Accept`` chooses the answer.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.types import Scope

from ml.serving.contract import Prediction
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import ENCODER, JSON, Asked, Refused, Written, decoded, header, wants_reasons
from ml.serving.protocols.csv_text import read_csv, write_csv
from ml.serving.protocols.media import media_type, preferred
from ml.serving.protocols.plain import Plain, plain, write_list
from ml.serving.protocols.table import Cell, Tabled, known, to_baskets

_JSON: Final = "application/json"
_CSV: Final = "text/csv"


class DataframeSplit(msgspec.Struct, gc=False):
    """A table of basket lines, column names and rows apart."""

    columns: list[str]
    data: list[list[Cell]]


class InferenceParams(msgspec.Struct, gc=False):
    """What else may be asked for: with ``explain``, what each product says by itself."""

    explain: bool = False


class MlflowTables(msgspec.Struct, gc=False):
    """A table of basket lines in one of MLflow's four shapes: exactly one is needed."""

    dataframe_split: DataframeSplit | UnsetType = UNSET
    dataframe_records: list[dict[str, Cell]] | UnsetType = UNSET
    instances: list[dict[str, Cell]] | UnsetType = UNSET
    inputs: dict[str, list[Cell]] | UnsetType = UNSET
    params: InferenceParams | None = None


class _Keys(msgspec.Struct, gc=False):
    """The same, only to see which is there."""

    dataframe_split: msgspec.Raw | UnsetType = UNSET
    dataframe_records: msgspec.Raw | UnsetType = UNSET
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET


_SHAPES: Final = tuple(field.name for field in msgspec.structs.fields(_Keys))
_KEYS: Final = msgspec.json.Decoder(_Keys | list[msgspec.Raw])
_TABLES: Final = msgspec.json.Decoder(MlflowTables)


class Invocations(Plain):
    """Refusals are those of ``/predict``."""

    def read(self, scope: Scope, body: bytes, predictor: Predictor) -> Asked:
        """Return the baskets of ``body``, which is what its Content-Type says; JSON where there is none."""
        kind = media_type(header(scope, b"content-type")) or _JSON
        if kind not in {_JSON, _CSV}:
            raise Refused(415, f"bodies are {_JSON} or {_CSV}")
        as_csv = preferred(header(scope, b"accept"), (_JSON, _CSV)) == _CSV
        explain = wants_reasons(scope)
        if kind == _CSV:
            asked = _asked(read_csv(body), write_list, explain=explain)
        else:
            shapes = _shapes(body)
            asked = _read_tables(body, shapes) if shapes else plain(body, explain=explain)
            asked = asked._replace(explain=asked.explain or explain)
        return asked._replace(explain=False, write=partial(write_csv, predictor.words)) if as_csv else asked


def _shapes(body: bytes) -> list[str]:
    """Return which of MLflow's keys the body has."""
    keys = decoded(_KEYS, body)
    return [shape for shape in _SHAPES if getattr(keys, shape, UNSET) is not UNSET]


def _read_tables(body: bytes, shapes: Sequence[str]) -> Asked:
    if len(shapes) > 1:
        raise Refused(422, f"exactly one of {', '.join(_SHAPES)} is needed", f"$.{shapes[1]}")
    tables: MlflowTables = decoded(_TABLES, body)
    explain = tables.params is not None and tables.params.explain
    return _asked(_tabled(tables), _write_predictions, explain=explain)


def _tabled(tables: MlflowTables) -> Tabled:
    if tables.dataframe_split is not UNSET:
        return to_baskets(tables.dataframe_split.columns, tables.dataframe_split.data, text=False)
    if tables.inputs is not UNSET:
        lengths = {len(column) for column in tables.inputs.values()}
        if len(lengths) > 1:
            raise Refused(422, "columns are of different lengths", "$.inputs")
        return to_baskets(list(tables.inputs), zip(*tables.inputs.values(), strict=True), text=False)
    records = tables.dataframe_records if tables.dataframe_records is not UNSET else tables.instances
    assert records is not UNSET
    # Only names that mean something, and row by row: names nobody knows cannot make a wide table of a small body.
    columns = known(name for record in records for name in record)
    return to_baskets(columns, ([record.get(name) for name in columns] for record in records), text=False)


def _asked(tabled: Tabled, write: Any, *, explain: bool) -> Asked:
    return Asked(tabled.baskets, explain, write, tabled.spend_field)


def _write_predictions(predictions: Sequence[Prediction]) -> Written:
    return Written(ENCODER.encode({"predictions": predictions}), [JSON])
