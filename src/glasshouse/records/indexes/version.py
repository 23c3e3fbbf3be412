"""The version index: every record's last change, in the order of commits.

    space + 0, group, version, record id    -> nothing, or a mark that the record is gone
    space + 1, group, record id             -> version

A version is 12 bytes: the commit's 10, filled in by the engine, and 2 for the place within the
transaction. What is written under it cannot be read or taken back before the commit, so both rows
are written last, once for all that the transaction did to the record.

Source:
    1901.04452, section 7, "VERSION indexes". There, a delete leaves no trace; here a follower of
    the feed learns of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

from glasshouse.records.engines.engine import VERSION_BYTES, Row, Transaction
from glasshouse.records.indexes.grouping import compile_group, compile_groups, end_of_group
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.indexes.paging import rows_under
from glasshouse.records.schema.keys import Key
from glasshouse.records.store.context import Context

CHANGES = b"\x00"
"""Under this stand the changes."""

POINTERS = b"\x01"
"""Under this stands where the change of each record is."""

LIVE = b""
"""The value of a change that left a record."""

DELETED = b"\x00"
"""The value of a change that left none."""

ROW_VERSION_BYTES = VERSION_BYTES + 2
"""Length of a version in a row."""


@dataclass(frozen=True)
class VersionIndex(Index):
    """All that changed since a version, in the order of commits: a change feed.

        VersionIndex("runs_changed", Run)
        VersionIndex("runs_changed_by_study", Run, group_by=Run.study)

    A record has one row in each group: a later change takes the place of the earlier one. Where it
    leaves a group, because it was deleted, changed or no longer meets `where`, that is a deletion
    in the feed of this group.
    """

    _: KW_ONLY
    group_by: Any = ()
    """A key expression: each of its values has a feed of its own."""
    deletions: bool = True
    """Whether the feed tells of deletions; each then keeps a row until it is forgotten."""

    kind: ClassVar[str] = "version"
    needs_version: ClassVar[bool] = True

    def columns(self) -> Mapping[str, Key]:
        """What makes the groups."""
        return {"group_by": self.key_for(self.group_by, self.record_types[0])}

    def describe(self) -> dict[str, Any]:
        """With whether it tells of deletions."""
        return {**super().describe(), "deletions": self.deletions}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        key = self.key_for(self.group_by, record_type)
        return VersionMaintainer(key, type_number, tells_deletions=self.deletions)

    def check(self, transaction: Transaction, space: bytes) -> Iterator[str]:
        """What is wrong with the rows themselves, in words: each change has one pointer to it."""
        end_of = end_of_group(self.columns()["group_by"])
        for key, version in rows_under(transaction, space + POINTERS):
            cut = end_of(key, 0)
            if transaction.get(space + CHANGES + key[:cut] + version + key[cut:]) is None:
                yield f"the last change of {key[cut:]!r} is not at {version!r}, where it should be"
        for key, _ in rows_under(transaction, space + CHANGES):
            cut = end_of(key, 0)
            version, record_id = key[cut:][:ROW_VERSION_BYTES], key[cut + ROW_VERSION_BYTES :]
            if transaction.get(space + POINTERS + key[:cut] + record_id) != version:
                yield f"the change of {record_id!r} at {version!r} is not its last one"

    @cached_property
    def pack_group(self) -> Callable[[Sequence[Any]], bytes]:
        """From a group's values to their bytes."""
        return compile_group(self, self.group_by)


class VersionMaintainer:
    """Keeps the row of each record at its last change."""

    def __init__(self, group_by: Key, type_number: int, *, tells_deletions: bool) -> None:
        self._groups = compile_groups(group_by, type_number)
        self._tells_deletions = tells_deletions

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Move the record's row in each of its groups to the version of the change in hand."""
        left = set() if old is None else set(self._groups(old))
        kept = set() if new is None else set(self._groups(new))
        for group in left - kept:
            self._move(context, space, group, record_id, is_gone=True)
        for group in kept:
            self._move(context, space, group, record_id, is_gone=False)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """None: no row depends on the record alone."""
        return []

    def pointers(self, record: Any, record_id: bytes) -> list[bytes]:
        """The keys, without the space, of the rows that say where the record's change is."""
        return [POINTERS + group + record_id for group in self._groups(record)]

    def _move(
        self, context: Context, space: bytes, group: bytes, record_id: bytes, *, is_gone: bool
    ) -> None:
        pointer = space + POINTERS + group + record_id
        # What this transaction itself is to write there is deferred: this is what is committed.
        at = context.transaction.get(pointer)
        if at is not None:
            context.transaction.clear(space + CHANGES + group + at + record_id)
        if is_gone and (at is None or not self._tells_deletions):
            # Either nobody ever saw the record, or nobody is to learn that it is gone.
            context.forget(("change", pointer))
            context.transaction.clear(pointer)
            return
        version = bytes(VERSION_BYTES) + context.local_version.to_bytes(2, "big")
        offset = len(space) + len(CHANGES) + len(group)
        key = space + CHANGES + group + version + record_id
        value = DELETED if is_gone else LIVE

        def write(transaction: Transaction) -> None:
            transaction.set_versionstamped_key(key, offset, value)
            transaction.set_versionstamped_value(pointer, version, 0)

        context.before_commit(("change", pointer), write)
