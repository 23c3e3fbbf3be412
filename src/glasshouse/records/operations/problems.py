"""What can be wrong with a store."""

from dataclasses import dataclass
from enum import Enum


class ProblemKind(Enum):
    """What can be wrong."""

    DAMAGED_RECORD = "damaged record"
    LOST_PART = "lost part"
    """Part of a large record that is not there."""
    LOST_VERSION = "lost version"
    """The version of a record that is not there."""
    MISSING_ENTRY = "missing entry"
    """A row that a record should have in an index, and has not, or with another value."""
    DANGLING_ENTRY = "dangling entry"
    """A row of an index that its record does not give."""
    NOT_UNIQUE = "not unique"
    """Two records with the same value of a unique index."""
    WRONG_AGGREGATE = "wrong aggregate"
    """A number that is not that of its records."""
    WRONG_STRUCTURE = "wrong structure"
    """Rows of an index that do not fit each other."""
    DAMAGED_PAGE = "damaged page"
    """Of the file of an embedded engine."""
    NOT_CHECKED = "not checked"
    """What the engine cannot show at one moment."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: ProblemKind
    where: str
    """The index, record type or file."""
    sentence: str
    key: bytes = b""
    """Of the row it is about, if it is about one."""
    record_id: bytes = b""
    """Of the record it is about, if it is about one of an index's."""


@dataclass(frozen=True, slots=True)
class ScrubStep:
    """What was looked at, and what is wrong with it."""

    where: str
    """The index, record type or file."""
    num_rows: int
    problems: list[Problem]
