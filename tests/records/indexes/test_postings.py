"""Walking and joining the rows of tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.records.engines import open_engine
from glasshouse.records.indexes import postings as module
from glasshouse.records.indexes.postings import (
    Postings,
    each,
    intersect,
    tokens_beginning,
    unite,
)
from glasshouse.records.tuples import pack, pack_text

ids = st.sets(st.integers(0, 60), max_size=40)


def record_id(number):
    return pack((1, number))


def filled(lists):
    """A transaction in which every token has rows of these numbers."""
    transaction = open_engine("memory:").begin()
    for token, numbers in lists.items():
        for number in numbers:
            key = b"i" + pack_text(token) + record_id(number)
            transaction.set(key, token.encode())
    return transaction


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Pages of two to eight rows, so that tiny inputs cross them."""
    monkeypatch.setattr(module, "_FEWEST_ROWS", 2)
    monkeypatch.setattr(module, "_MOST_ROWS", 8)
    monkeypatch.setattr(module, "_PREFIX_ROWS", 3)


class TestPostings:
    def test_walks_all_rows_of_a_token_and_no_others(self):
        """Not those of a token that begins with it, even with a zero byte behind it."""
        transaction = filled({"a": range(21), "a\x00": [1], "ab": [2], "": [3]})
        found = list(each(Postings(transaction, b"i" + pack_text("a"))))
        assert found == [record_id(number) for number in range(21)]

    @given(numbers=ids, targets=st.lists(st.integers(0, 60), max_size=8).map(sorted))
    @settings(deadline=None, max_examples=60)
    def test_leaps_to_the_first_that_is_not_before(self, numbers, targets):
        """Inside a page, beyond it, to the end and behind it."""
        one = Postings(filled({"a": numbers}), b"i" + pack_text("a"))
        for target in targets:
            one.seek(record_id(target))
            expected = min((number for number in numbers if number >= target), default=None)
            assert one.record_id == (None if expected is None else record_id(expected))

    @given(numbers=ids, after=st.integers(0, 60))
    @settings(deadline=None, max_examples=30)
    def test_begins_behind_a_record(self, numbers, after):
        """A list that was left can be entered again."""
        one = Postings(filled({"a": numbers}), b"i" + pack_text("a"), after=record_id(after))
        assert list(each(one)) == [record_id(n) for n in sorted(numbers) if n > after]


class TestJoins:
    @given(lists=st.lists(ids, min_size=1, max_size=4))
    @settings(deadline=None, max_examples=80)
    def test_agree_with_sets(self, lists):
        """Intersection and union in ascending order, each record once."""
        names = "abcd"[: len(lists)]
        transaction = filled(dict(zip(names, lists, strict=True)))

        def opened():
            return [Postings(transaction, b"i" + pack_text(name)) for name in names]

        both, either = set.intersection(*lists), set.union(*lists)
        assert list(intersect(opened())) == [record_id(number) for number in sorted(both)]
        united = unite([each(one) for one in opened()])
        assert list(united) == [record_id(number) for number in sorted(either)]

    def test_stands_at_each_record_while_it_is_given(self):
        """Whoever takes a record may look at the values of all tokens there."""
        several = [
            Postings(filled({"a": [1, 2, 5], "b": [2, 3, 5]}), b"i" + pack_text(name))
            for name in "ab"
        ]
        values = [[one.value for one in several] for _ in intersect(several)]
        assert values == [[b"a", b"b"], [b"a", b"b"]]

    @given(
        lists=st.dictionaries(st.text(alphabet="ab\x00é", min_size=0, max_size=3), ids, max_size=6),
        prefix=st.sampled_from(["", "a", "ab", "é", "a\x00"]),
        after=st.none() | st.integers(0, 60),
    )
    @settings(deadline=None, max_examples=80)
    def test_unites_the_tokens_of_a_prefix(self, lists, prefix, after):
        """Tokens of few records and of many, with those that only look alike left out."""
        behind = None if after is None else record_id(after)
        found = tokens_beginning(filled(lists), b"i", pack_text(prefix)[:-1], after=behind)
        expected = set().union(*(lists[name] for name in lists if name.startswith(prefix)))
        assert list(unite(found)) == [
            record_id(number) for number in sorted(expected) if after is None or number > after
        ]
