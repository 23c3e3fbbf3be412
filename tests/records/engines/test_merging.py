"""Ranges that are cleared, kept sorted and apart."""

from hypothesis import given
from hypothesis import strategies as st

from glasshouse.records.engines.merging import covering, join

letters = st.integers(0, 12).map(lambda number: bytes([number]))
pairs = st.tuples(letters, letters).map(sorted).filter(lambda pair: pair[0] < pair[1])


class TestJoin:
    def test_keeps_what_is_apart_apart(self):
        """By hand: before, between, and over two at once."""
        ranges = [(b"c", b"d"), (b"g", b"h")]
        join(ranges, b"a", b"b")
        assert ranges == [(b"a", b"b"), (b"c", b"d"), (b"g", b"h")]
        join(ranges, b"d", b"e")
        assert ranges == [(b"a", b"b"), (b"c", b"e"), (b"g", b"h")]
        join(ranges, b"b", b"gg")
        assert ranges == [(b"a", b"h")]

    @given(st.lists(pairs))
    def test_covers_what_any_of_them_covers(self, several):
        """Against asking each of them, for every key."""
        ranges = []
        for begin, end in several:
            join(ranges, begin, end)
        edges = [edge for one in ranges for edge in one]
        assert edges == sorted(set(edges))
        for key in map(bytes, [[number] for number in range(14)]):
            is_covered = any(begin <= key < end for begin, end in several)
            assert (covering(ranges, key) is not None) == is_covered
