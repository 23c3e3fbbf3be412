"""Directions of any width at one width, so that one index finds what is similar.

Coordinates are added up, with signs, into a fixed number of sums; the cosine of two sketches is on
average that of the vectors, give or take 0.09. Vectors no wider than that are kept as they are, and
whoever looks up similar ones compares the nearest few in full. Signs come from a hash, so that a
sketch is the same on every machine.

Source:
    Achlioptas 2003, "Database-friendly random projections", theorem 1.1: signs suffice.
"""

from functools import cache
from hashlib import shake_256
from typing import Any

from glasshouse.errors import RecordError

SKETCH_WIDTH = 128
"""Numbers in a sketch."""


def sketch_of(vector: bytes) -> bytes:
    """The sketch of a vector, both as little-endian 32-bit floats.

    Raises:
        RecordError: If the bytes are no whole number of floats, or none.
    """
    import numpy as np

    if not vector or len(vector) % 4:
        raise RecordError(
            f"a vector of {len(vector)} bytes is no row of 32-bit floats; give "
            "numpy.asarray(vector, '<f4').tobytes()"
        )
    full = np.frombuffer(vector, "<f4").astype(np.float64)
    if len(full) <= SKETCH_WIDTH:
        sketch = np.zeros(SKETCH_WIDTH)
        sketch[: len(full)] = full
    else:
        sketch = full @ _signs(len(full)) / np.sqrt(SKETCH_WIDTH)
    return sketch.astype("<f4").tobytes()


@cache
def _signs(width: int) -> Any:
    """A matrix of +1 and -1, the same everywhere."""
    import numpy as np

    stream = shake_256(f"glasshouse sketch {SKETCH_WIDTH}".encode())
    bits = np.unpackbits(np.frombuffer(stream.digest(width * SKETCH_WIDTH // 8), np.uint8))
    return bits.reshape(width, SKETCH_WIDTH).astype(np.float64) * 2 - 1
