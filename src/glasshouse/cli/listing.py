"""Records of one type as a table: what `glasshouse show transcripts` prints."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from glasshouse.cli.figures import ago, one_line, short_figure

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook, Run
else:
    Notebook = Run = Any

_COLUMNS = {
    "Run": "id started kind name status loss held_out",
    "Checkpoint": "id run step loss held_out weights path",
    "Claim": "id run study name verdict measured threshold_text",
    "Feature": "id dictionary number site density explanation",
    "Transcript": "id created kind model score turns",
    "Comparison": "id created rater first second",
    "Rating": "id created rater of value",
    "Attack": "id created target method success prompt",
    "Finding": "id created severity status kind subject title",
}
"""The fields that tell records of a type apart."""
_IDS = ("id", "run", "model", "subject", "target", "of", "first", "second")
_TEXT = 70
"""Characters of a text that are shown."""


def listed_type(name: str) -> type | None:
    """The record type that a word names, one or many: `transcript`, `Findings`."""
    from glasshouse.notebook.schema import WITH_ID

    word = name.lower().removesuffix("s")
    return next((kind for kind in WITH_ID if kind.__name__.lower() == word), None)


def newest(notebook: Notebook, kind: type, num: int) -> list[Any]:
    """At most so many records of a type, the newest first where it is known when they were made."""
    from glasshouse.records import Query, desc
    from glasshouse.records.expressions.reference import reference

    query = Query(kind)
    fields = kind.__struct_fields__
    time = next((name for name in ("created", "started") if name in fields), None)
    if time is not None:
        query = query.order_by(desc(reference(kind, time))).sorted_in_memory(1_000_000)
    return list(notebook.query(query if num == 0 else query.limit(num)))


def said_of(notebook: Notebook, run: Run, checkpoints: Sequence[Any]) -> Iterator[Any]:
    """Findings and the newest transcripts of a run, of its checkpoints, or made by it."""
    from glasshouse.notebook import Finding, Transcript
    from glasshouse.records import Query, desc

    ids = [run.id, *(one.id for one in checkpoints)]
    for kind, subject in ((Finding, Finding.subject), (Transcript, Transcript.model)):
        found: dict[str, Any] = {}
        for condition in (kind.run == run.id, *(subject == one for one in ids)):
            query = Query(kind).where(condition).order_by(desc(kind.created))
            for record in notebook.query(query.sorted_in_memory(1_000_000).limit(5)):
                found[record.id] = record
        yield from sorted(found.values(), key=lambda one: one.created, reverse=True)[:5]


def columns(kind: type) -> tuple[str, ...]:
    """The headings of a type's table."""
    return tuple(_COLUMNS[kind.__name__].split())


def row(record: Any) -> list[str]:
    """A record's line, under the headings of its type."""
    return [_cell(record, name) for name in columns(type(record))]


def _cell(record: Any, name: str) -> str:
    from glasshouse.notebook.ids import SHOWN

    value = getattr(record, name)
    if value is None:
        return ""
    if name == "turns":
        return one_line(" ".join(turn.text for turn in value), _TEXT)
    if name in _IDS and isinstance(value, str):
        return value[:SHOWN] if _is_id(value) else value
    if name == "weights":
        return value[:15]
    if name == "severity":
        return value.name.lower()
    if isinstance(value, datetime):
        return ago(value)
    if isinstance(value, float):
        return short_figure(value)
    return one_line(str(value), _TEXT) if name != "path" else str(value)


def _is_id(text: str) -> bool:
    """Whether a text is an id of ours, which may be cut, and not a model's name."""
    return len(text) == 16 and all(digit in "0123456789abcdef" for digit in text)
