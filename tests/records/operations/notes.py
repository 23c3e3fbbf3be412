"""A store with an index of nearly every kind, for tests that look after stores."""

from functools import cache

import msgspec

from glasshouse.records import (
    CountIndex,
    CountUpdatesIndex,
    Database,
    MaxEverIndex,
    RankIndex,
    Record,
    RecordStore,
    Schema,
    StoreHandle,
    Subspace,
    SumIndex,
    TextIndex,
    ValueIndex,
    VersionIndex,
    fan_out,
)

PLACE = Subspace(("notes",))


class Note(Record):
    id: int
    author: str
    mail: str | None = None
    score: int = 0
    tags: list[str] = []
    text: str = ""
    blob: str = ""


class Author(Record):
    name: str


NOTES = Schema(
    name="notes",
    version=1,
    records={Note: Note.id, Author: Author.name},
    indexes=(
        ValueIndex("author", Note, Note.author, covering=Note.score),
        ValueIndex("mail", Note, Note.mail, unique=True),
        ValueIndex("tags", Note, fan_out(Note.tags)),
        ValueIndex("good", Note, Note.score, where=Note.score > 3),
        CountIndex("by_author", Note, group_by=Note.author),
        SumIndex("sum", Note, of=Note.score),
        CountUpdatesIndex("writes", Note),
        MaxEverIndex("best", Note, Note.score),
        RankIndex("rank", Note, Note.score),
        TextIndex("words", Note, Note.text),
        VersionIndex("feed", Note, group_by=Note.author),
    ),
    record_versions=True,
)


def note(number: int, **changes: object) -> Note:
    """The note of a number."""
    made = Note(
        number,
        author="abc"[number % 3],
        mail=f"m{number}",
        score=number % 7,
        tags=["x", "y", "z"][: number % 4],
        text=f"word{number % 5} all",
    )
    return msgspec.structs.replace(made, **changes)


def fill(handle: StoreHandle) -> StoreHandle:
    """Save 15 notes, one of them large, an author, and what was changed and deleted since."""
    version, rows = _filled()
    handle.database.engine.advance_version(version)
    handle.database.run(lambda context: context.transaction.set_all(dict(rows)))
    return handle


@cache
def _filled() -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """What a filled store holds; made once, since every test needs it."""
    with Database.open("memory:") as database:
        handle = empty(database)
        handle.save(*(note(number) for number in range(17)), Author("a"))
        handle.save(note(16, score=100), note(12, blob="y" * 250_000))
        handle.delete(Note, 16)
        handle.delete(Note, 15)
        return database.engine.newest_version(), rows_at(handle, Subspace())


def empty(database: Database, place: Subspace = PLACE) -> StoreHandle:
    """A store of notes."""
    return database.store(NOTES, place)


def rows_at(handle: StoreHandle, place: Subspace = PLACE) -> list[tuple[bytes, bytes]]:
    """Every row under a place, keys without its prefix."""
    with_prefix = handle.database.read(
        lambda context: context.transaction.get_range(place.key, place.key + b"\xff")
    )
    return [(key[len(place.key) :], value) for key, value in with_prefix]


def own_rows(store: RecordStore, index: str) -> list[tuple[bytes, bytes]]:
    """The rows of an index, with their whole keys."""
    space = store.index_space(index)
    return store.transaction.get_range(space, space + b"\xff")
