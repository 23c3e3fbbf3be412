"""Counting what is in a store."""

import pytest
from tests.records.operations.notes import NOTES, PLACE, Author, empty, rows_at

from glasshouse.errors import SchemaError
from glasshouse.records import Subspace
from glasshouse.records.operations.stats import stats
from glasshouse.records.operations.stores import stores_below


class TestStats:
    def test_count_rows_and_bytes(self, notes):
        """By record type and by index, without the program's classes."""
        counted = stats(notes.database.engine, PLACE.key)
        of_authors, of_notes = counted.record_types
        assert (of_notes.name, of_notes.records, of_notes.rows) == ("Note", 15, 17)
        assert (of_authors.name, of_authors.records, of_authors.rows) == ("Author", 1, 1)
        by_name = {one.name: one for one in counted.indexes}
        assert by_name["tags"].rows == sum(number % 4 for number in range(15))
        assert by_name["mail"].state == "readable"
        assert by_name["by_author"].kind == "count"
        assert counted.bytes == sum(
            len(PLACE.key) + len(key) + len(value) for key, value in rows_at(notes)
        )

    def test_want_a_store(self, notes):
        """A place without one is a mistake."""
        with pytest.raises(SchemaError, match="there is no store"):
            stats(notes.database.engine, b"elsewhere")


class TestStoresBelow:
    def test_finds_each_store_once(self, notes):
        """In the order of their places, whatever stands between them and in them."""
        places = [Subspace(("more", number)) for number in range(8)]
        for place in places:
            empty(notes.database, place).save(Author("somebody"))
        for number in range(50):
            notes.database.run(
                lambda context, number=number: context.transaction.set(
                    b"\x02no" + bytes([number]), b""
                )
            )
        engine = notes.database.engine
        assert [one for one, _ in stores_below(engine)] == [*(one.key for one in places), PLACE.key]
        below = list(stores_below(engine, Subspace(("more",)).key))
        assert len(below) == 8
        assert {(one.schema, one.version) for _, one in below} == {("notes", NOTES.version)}
