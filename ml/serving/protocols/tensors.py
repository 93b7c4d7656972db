"""Tensors of the Open Inference Protocol: one column each, as JSON or as its binary extension."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from ml.serving.protocols.codec import Refused
from ml.serving.protocols.table import Cell

_INTEGERS: Final = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "BYTES": str,
    "FP32": (float, int),
    "FP64": (float, int),
    **dict.fromkeys(_INTEGERS, int),
}
# Little-endian, as the extension says.
_LAYOUTS: Final = {
    "FP32": "<f4",
    "FP64": "<f8",
    **{name: f"<{'u' if name.startswith('U') else 'i'}{int(name.lstrip('UINT')) // 8}" for name in _INTEGERS},
}
_LENGTH: Final = 4


class InputTensor(msgspec.Struct, gc=False):
    """A column; without ``data`` its values are in the binary part."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Cell | list[Cell]] | UnsetType = UNSET
    parameters: dict[str, Cell] = {}


class OutputTensor(msgspec.Struct, gc=False, omit_defaults=True):
    """A column of the answer, or a matrix row by row."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | UnsetType = UNSET
    parameters: dict[str, str | int] = {}


def columns_of(tensors: Sequence[InputTensor], binary: bytes) -> list[list[Cell]]:
    """Return the values of ``tensors``, all of one length; ``binary`` is the body's binary part.

    Raises:
        Refused: a tensor is not what its shape and type say (422).

    """
    columns = []
    start = 0
    for index, tensor in enumerate(tensors):
        if tensor.datatype not in _KINDS:
            raise Refused(422, f"datatype is one of {', '.join(_KINDS)}", f"$.inputs[{index}].datatype")
        if len(tensor.shape) not in (1, 2) or tensor.shape[0] < 0 or tensor.shape[1:] not in ([], [1]):
            raise Refused(422, "shape is [n] or [n, 1]", f"$.inputs[{index}].shape")
        place = f"$.inputs[{index}].data"
        size = tensor.parameters.get("binary_data_size")
        if tensor.data is not UNSET:
            column = [_scalar(cell, place) for cell in tensor.data]
            kinds = _KINDS[tensor.datatype]
            if not all(isinstance(cell, kinds) and not isinstance(cell, bool) for cell in column):
                raise Refused(422, f"a value is not of type {tensor.datatype}", place)
        elif isinstance(size, int) and 0 <= size <= len(binary) - start:
            column = _unpacked(tensor.datatype, binary[start : start + size], place)
            start += size
        else:
            raise Refused(422, "neither data nor a binary_data_size that the body has", place)
        if len(column) != tensor.shape[0]:
            raise Refused(422, "the number of values is not what shape says", place)
        columns.append(column)
    if start < len(binary):
        raise Refused(422, "there is more binary data than tensors announce")
    if len({len(column) for column in columns}) > 1:
        raise Refused(422, "tensors are of different lengths", "$.inputs")
    return columns


def packed(tensor: OutputTensor) -> tuple[OutputTensor, bytes]:
    """Return ``tensor`` without its data, and the data in binary."""
    assert tensor.data is not UNSET
    if tensor.datatype == "BYTES":
        texts = [str(each).encode() for each in tensor.data]
        binary = b"".join(part for text in texts for part in (len(text).to_bytes(_LENGTH, "little"), text))
    else:
        binary = np.asarray(tensor.data, dtype=_LAYOUTS[tensor.datatype]).tobytes()
    parameters = tensor.parameters | {"binary_data_size": len(binary)}
    return OutputTensor(tensor.name, tensor.datatype, tensor.shape, parameters=parameters), binary


def _scalar(cell: Cell | list[Cell], place: str) -> Cell:
    if not isinstance(cell, list):
        return cell
    if len(cell) != 1:
        raise Refused(422, "shape is [n] or [n, 1]", place)
    return cell[0]


def _unpacked(datatype: str, binary: bytes, place: str) -> list[Cell]:
    if datatype != "BYTES":
        layout = np.dtype(_LAYOUTS[datatype])
        if len(binary) % layout.itemsize:
            raise Refused(422, "binary_data_size is no multiple of the type's size", place)
        values: list[Cell] = np.frombuffer(binary, dtype=layout).tolist()
        return values
    texts: list[Cell] = []
    start = 0
    while start < len(binary):
        end = start + _LENGTH + int.from_bytes(binary[start : start + _LENGTH], "little")
        if end > len(binary):
            raise Refused(422, "a text is longer than binary_data_size", place)
        try:
            texts.append(binary[start + _LENGTH : end].decode())
        except UnicodeDecodeError as error:
            raise Refused(422, "a text is not UTF-8", place) from error
        start = end
    return texts
