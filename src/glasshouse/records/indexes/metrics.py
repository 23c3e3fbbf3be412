"""How far vectors are from each other, many at a time; and vectors as bytes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from glasshouse.errors import RecordError

Vector = Float32[np.ndarray, " feature"]
Matrix = Float32[np.ndarray, "sample feature"]
Distances = Float32[np.ndarray, " sample"]

LITTLE_FLOAT = np.dtype("<f4")
"""Vectors are stored in 32 bits a number, low byte first."""

MOST_SQUARED = 1e36
"""The square of the greatest length: sums of a few of these are still 32-bit numbers."""


@dataclass(frozen=True)
class Metric:
    """A measure of how far vectors are; what is compared need only have the same order."""

    to_query: Callable[[Matrix, Vector], Distances]
    """From each of many vectors to one."""
    among: Callable[[Matrix], Float32[np.ndarray, "sample sample"]]
    """From each to each."""
    told: Callable[[float], float] = float
    """From the number that is compared to the distance that a caller is told."""
    is_of_directions: bool = False
    """Whether lengths do not count; vectors are then stored with length one."""


def _product(vectors: Matrix, query: Vector) -> Distances:
    return -vectors.dot(query)


def _product_among(vectors: Matrix) -> Float32[np.ndarray, "sample sample"]:
    return -vectors.dot(vectors.T)


def _squared(vectors: Matrix, query: Vector) -> Distances:
    apart = vectors - query
    return np.einsum("sf,sf->s", apart, apart)


def _squared_among(vectors: Matrix) -> Float32[np.ndarray, "sample sample"]:
    products = vectors @ vectors.T
    lengths = products.diagonal()
    return lengths[:, None] + lengths[None, :] - 2 * products


METRICS = {
    "cosine": Metric(
        _product,
        _product_among,
        told=lambda negative: max(1 + negative, 0.0),
        is_of_directions=True,
    ),
    "euclidean": Metric(_squared, _squared_among, told=lambda squared: max(squared, 0.0) ** 0.5),
    "dot": Metric(_product, _product_among),
}
"""One less the cosine of the angle; the distance in space; the negative inner product."""


def vector_bytes(value: Any, dimensions: int, metric: Metric, what: Callable[[], str]) -> bytes:
    """A vector as it is stored and compared.

    Args:
        value: Numbers, or the bytes of 32-bit floats, low byte first.
        dimensions: How many there have to be.
        metric: What they are compared by.
        what: Names the vector for the error.

    Raises:
        RecordError: If it has another length, holds what is no finite 32-bit number, or is zero
            where only directions count.
    """
    vector = _as_array(value, what)
    if vector.shape != (dimensions,):
        raise RecordError(
            f"{what()} has {vector.size} numbers and the index has dimensions={dimensions}; "
            "store vectors of this length, or make an index of another"
        )
    wide = vector.astype(np.float64)
    square = float(wide.dot(wide))
    if not math.isfinite(square):
        bad = vector[~np.isfinite(vector)]
        raise RecordError(f"{what()} holds {bad[0]}, which is no finite 32-bit number")
    if metric.is_of_directions:
        if square == 0:
            raise RecordError(
                f"{what()} is all zeros, which has no direction; leave it None, or use an index "
                "with metric='euclidean'"
            )
        vector = (wide / math.sqrt(square)).astype(LITTLE_FLOAT)
    elif square > MOST_SQUARED:
        raise RecordError(
            f"{what()} has length {math.sqrt(square):.3g}, and {math.sqrt(MOST_SQUARED):.0g} is "
            "the most that can be compared in 32 bits; divide all vectors by some number"
        )
    return vector.tobytes()


def read_vectors(rows: Sequence[bytes], dimensions: int) -> Matrix:
    """The vectors of several rows."""
    return np.frombuffer(b"".join(rows), LITTLE_FLOAT).reshape(len(rows), dimensions)


def _as_array(value: Any, what: Callable[[], str]) -> np.ndarray:
    if isinstance(value, bytes | bytearray | memoryview):
        if len(value) % LITTLE_FLOAT.itemsize:
            raise RecordError(
                f"{what()} has {len(value)} bytes, which is no whole number of 32-bit floats"
            )
        return np.frombuffer(value, LITTLE_FLOAT)
    try:
        with np.errstate(over="ignore"):
            vector = np.asarray(value, LITTLE_FLOAT)
    except (TypeError, ValueError):
        vector = None
    if vector is None or vector.ndim != 1:
        raise RecordError(f"{what()} is no list of numbers: {value!r:.60}")
    return vector
