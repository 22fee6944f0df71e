"""Read safetensors files without torch: names, dtypes, shapes and raw values of their tensors.

    tensors = read_headers([Path("model.safetensors")])
    tensors["lm_head.weight"].shape    # (32000, 4096)

An engine loads weights; this module only looks at them, so that a broken or mismatched file is found before it does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spot_eval.core.errors import UserError

LONGEST_HEADER = 100 << 20  # the format's own limit
BLOCK = 1 << 24  # bytes that are looked at together

# bytes per value, and the bits of the exponent; a value is NaN if its exponent is all ones and its fraction is not zero
FLOATS: dict[str, tuple[np.dtype[Any], int]] = {
    "F64": (np.dtype("<u8"), 0x7FF0_0000_0000_0000),
    "F32": (np.dtype("<u4"), 0x7F80_0000),
    "F16": (np.dtype("<u2"), 0x7C00),
    "BF16": (np.dtype("<u2"), 0x7F80),
}
# floats of one byte: the largest magnitude that is not NaN, as bits
NARROW = {"F8_E4M3": 0x7E, "F8_E5M2": 0x7C}
SIZES = {"F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2,
         "I8": 1, "U8": 1, "BOOL": 1} | {name: kind.itemsize for name, (kind, _) in FLOATS.items()}  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """A tensor's dtype (safetensors' own name for it), its shape, and its bytes `start` to `end` in `file`."""

    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    end: int

    def bits(self) -> np.ndarray:
        """Return the values as unsigned integers of the same bits, mapped from the file; flat."""
        kind: np.dtype[Any] = FLOATS[self.dtype][0] if self.dtype in FLOATS else np.dtype("u1")
        if self.start == self.end:
            return np.empty(0, kind)
        return np.memmap(
            self.file, dtype=kind, mode="r", offset=self.start, shape=((self.end - self.start) // kind.itemsize,)
        )

    def values(self) -> np.ndarray:
        """Return the values as float32 or float64, in their shape. Raises KeyError if the dtype is not a wide float."""
        kind, _ = FLOATS[self.dtype]
        bits = np.asarray(self.bits())
        if self.dtype == "BF16":
            found = (bits.astype("<u4") << 16).view("<f4")
        else:
            found = bits.view(f"<f{kind.itemsize}")
        return found.reshape(self.shape).astype(np.float64 if self.dtype == "F64" else np.float32)

    def is_zero(self) -> bool:
        """Return True if every value is 0 or -0."""
        bits = self.bits()
        shift = 1 if self.dtype in FLOATS or self.dtype.startswith("F8") else 0  # the sign
        return not any(np.any(bits[at : at + BLOCK] << shift) for at in range(0, len(bits), BLOCK))

    def has_nan(self) -> bool:
        """Return True if a value is NaN; False for dtypes that have none."""
        if self.dtype in NARROW:
            kind, exponent = np.dtype("u1"), NARROW[self.dtype]
        elif self.dtype in FLOATS:
            kind, exponent = FLOATS[self.dtype]
        else:
            return False
        bits, magnitude = self.bits(), kind.type(2 ** (8 * kind.itemsize - 1) - 1)
        return any(int(np.max(bits[at : at + BLOCK] & magnitude)) > exponent for at in range(0, len(bits), BLOCK))


def read_headers(files: Iterable[Path]) -> dict[str, TensorInfo]:
    """Return the tensors of safetensors `files` by name. Raises UserError for a file that is not safetensors."""
    found: dict[str, TensorInfo] = {}
    for file in files:
        try:
            found |= _read_header(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            reason = str(problem) or type(problem).__name__
            raise UserError(f"{file} is not a whole safetensors file ({reason}); copy it again") from problem
    return found


def _read_header(file: Path) -> dict[str, TensorInfo]:
    size = file.stat().st_size
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        if size < 8 or length > min(LONGEST_HEADER, size - 8):
            raise ValueError(f"its header would take {length} bytes of {size}")
        header = json.loads(content.read(length))
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype, shape = entry["dtype"], tuple(int(side) for side in entry["shape"])
        start, end = 8 + length + int(begin), 8 + length + int(end)
        width = SIZES.get(dtype)
        if int(begin) < 0 or not start <= end <= size or (width and end - start != width * math.prod(shape)):
            raise ValueError(f"tensor {name} lies beyond its end or has another size")
        found[name] = TensorInfo(dtype, shape, file, start, end)
    return found


def first_nan(files: Iterable[Path]) -> str | None:
    """Return the name of a tensor that holds NaN, or None. Reads every byte of `files`, several tensors at a time."""
    tensors = sorted(read_headers(files).items())
    with ThreadPoolExecutor() as threads:
        broken = threads.map(lambda entry: entry[1].has_nan(), tensors)
        return next((name for (name, _), nan in zip(tensors, broken, strict=True) if nan), None)


def refuse_nan(files: Iterable[Path], folder: Path) -> None:
    """Raise UserError if a weight of `files` is NaN: such a model answers nothing, and would be scored 0."""
    if name := first_nan(files):
        raise UserError(
            f"{folder}: weight {name} holds NaN, so the model can answer nothing; take an earlier checkpoint, "
            "or train again with a lower learning rate"
        )
