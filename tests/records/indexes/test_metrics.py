"""Vectors as bytes, and how far they are from each other."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import RecordError
from glasshouse.records.indexes.metrics import METRICS, read_vectors, vector_bytes


def packed(value, metric="euclidean", dimensions=2):
    return vector_bytes(value, dimensions, METRICS[metric], lambda: "the vector")


class TestVectorBytes:
    def test_takes_numbers_and_bytes_alike(self):
        """A list of floats, of ints, or 32-bit floats in bytes."""
        expected = struct.pack("<2f", 3, 4)
        assert packed([3.0, 4.0]) == packed((3, 4)) == packed(expected) == expected

    def test_keeps_only_the_direction_for_cosine(self):
        """Whatever the length, however small."""
        expected = struct.pack("<2f", 0.6, 0.8)
        assert packed([3.0, 4.0], "cosine") == packed([6.0, 8.0], "cosine") == expected
        for scale in (1e30, 1e-40):
            row = packed([3 * scale, 4 * scale], "cosine")
            assert read_vectors([row], 2)[0] == pytest.approx([0.6, 0.8], abs=1e-4)

    @pytest.mark.parametrize(
        ("value", "metric", "message"),
        [
            ([1.0, 2.0, 3.0], "dot", "has 3 numbers and the index has dimensions=2"),
            (b"1234", "dot", "has 1 numbers"),
            (b"12345", "dot", "has 5 bytes, which is no whole number"),
            ([math.nan, 1.0], "cosine", "holds nan, which is no finite 32-bit number"),
            ([1.0, 1e39], "cosine", "holds inf"),
            ([0.0, 0.0], "cosine", "is all zeros, which has no direction"),
            ([1e20, 0.0], "euclidean", r"has length 1e\+20, and 1e\+18 is the most"),
            ([[1.0], [2.0]], "dot", "is no list of numbers"),
            ("ab", "dot", "is no list of numbers: 'ab'"),
            ([1.0, None], "dot", "has nan|holds nan|is no list of numbers"),
        ],
    )
    def test_refuses_what_cannot_be_compared(self, value, metric, message):
        """Each in one sentence with the limit and the way out."""
        with pytest.raises(RecordError, match=message):
            packed(value, metric)


numbers = st.floats(-100, 100, width=32)


class TestMetrics:
    @given(
        st.lists(st.tuples(numbers, numbers, numbers), min_size=2, max_size=6),
        st.sampled_from(["euclidean", "dot", "cosine"]),
    )
    def test_agree_with_the_formulas(self, vectors, name):
        """Each beside numpy in 64 bits, to one and to each other."""
        if name == "cosine":
            vectors = [one for one in vectors if math.hypot(*one) > 1e-3]
        metric = METRICS[name]
        rows = read_vectors([packed(one, name, 3) for one in vectors], 3)
        exact = np.array(vectors, dtype=np.float64).reshape(-1, 3)
        among = metric.among(rows)
        for place, one in enumerate(exact):
            if name == "euclidean":
                expected = np.linalg.norm(exact - one, axis=1)
            else:
                expected = -(exact @ one)
            if name == "cosine":
                expected = 1 + expected / np.linalg.norm(exact, axis=1) / np.linalg.norm(one)
            told = [metric.told(float(found)) for found in metric.to_query(rows, rows[place])]
            # 32-bit numbers have 24 bits; products of two up to 100 are off by about 1e-2 at most.
            assert told == pytest.approx(expected, rel=1e-4, abs=1e-2)
            assert among[place] == pytest.approx(metric.to_query(rows, rows[place]), abs=1e-2)
