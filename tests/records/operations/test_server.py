"""Looking after stores on a server, where every transaction is a conversation."""

import random

from tests.records.engines.contenders import ENGINES
from tests.records.operations.notes import NOTES, PLACE, Note, empty, fill, note, own_rows, rows_at

from glasshouse.records import Database, Subspace, build_index
from glasshouse.records.building import start_over
from glasshouse.records.operations import backup, repair, restore, scrub


def test_is_looked_after_like_any_other(tmp_path):
    """Built while others write, scrubbed, mended, and copied to another engine and back."""
    with ENGINES["postgres"](tmp_path) as engine, Database.open("memory:") as other:
        notes = fill(empty(Database(engine)))
        notes.run(lambda store: [start_over(store, index.name) for index in NOTES.indexes])
        builders = [
            build_index(notes, index.name, rows_per_transaction=6) for index in NOTES.indexes
        ]
        draw = random.Random(1)
        for builder in builders * 2:
            next(builder, None)
            notes.save(note(draw.randrange(20), score=draw.randrange(9)))
            notes.delete(Note, draw.randrange(20))
        for builder in builders:
            list(builder)
        assert list(scrub(notes)) == []
        for index in ("tags", "rank"):
            notes.run(
                lambda store, index=index: store.transaction.clear(own_rows(store, index)[0][0])
            )
        assert {one.where for one in repair(notes)} == {"tags", "rank"}
        assert list(scrub(notes)) == []
        before, path = rows_at(notes), tmp_path / "backup"
        backup(engine, PLACE.key, path)
        list(restore(path, other.engine, PLACE.key))
        assert rows_at(empty(other)) == before
        elsewhere = Subspace(("elsewhere",))
        backup(other.engine, PLACE.key, path)
        list(restore(path, engine, elsewhere.key, bytes_per_transaction=2_000))
        copy = empty(notes.database, elsewhere)
        assert rows_at(copy, elsewhere) == before
        copy.save(note(1))
        assert list(scrub(copy)) == []
