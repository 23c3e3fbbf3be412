"""The notebook: one project's records, with what people ask of them.

    with Notebook.open() as notebook:
        notebook.add(Run(id=new_id(), kind="sweep", started=datetime.now(UTC)))
        for run in notebook.query(Query(Run).where(Run.study == "rlhf", Run.loss < 2)):
            print(run.name, notebook.curve(run.id, "held_out/all").values[-1])

It holds no state but the open engine: any number of processes may have it open.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from glasshouse.errors import EngineError, InputError, SchemaError
from glasshouse.notebook import curves
from glasshouse.notebook.curves import Curve
from glasshouse.notebook.place import (
    DEFAULT_PROJECT,
    list_projects,
    notebook_url,
    project_place,
)
from glasshouse.notebook.schema import SCHEMA, WITH_ID
from glasshouse.notebook.types import Checkpoint, Claim, Run
from glasshouse.records import (
    Database,
    Limits,
    Query,
    Record,
    RecordStore,
    StoreHandle,
    building_in_background,
    execute,
    first,
    groups,
    starts_with,
    stream,
)
from glasshouse.records.expressions.reference import reference

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_BATCH = 500
"""Records written by one transaction."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """An open notebook on one project; use it as a `with` block or close it."""

    database: Database
    project: str
    handle: StoreHandle
    """The project's record store, for all that `records` can do with one."""
    _until_closed: ExitStack = field(default_factory=ExitStack, repr=False)

    @classmethod
    def open(cls, url: str | None = None, project: str = DEFAULT_PROJECT) -> "Notebook":
        """Open the notebook.

        Args:
            url: `lmdb:FOLDER`, `memory:`, `postgresql://…` or `fdb:FILE`. Without, what the
                environment's GLASSHOUSE_NOTEBOOK says, or a folder in the user's data directory.
            project: Whose records; projects share an engine and see nothing of each other.

        Raises:
            EngineError: If it is switched off ("none") or cannot be opened.
            SchemaError: If it was written by a later version of glasshouse.
        """
        place, found = project_place(project), notebook_url(url)
        if found is None:
            raise EngineError(
                "the notebook is switched off (none); name one with --notebook URL or "
                "GLASSHOUSE_NOTEBOOK"
            )
        database = Database.open(found)
        notebook = cls(database, project, database.store(SCHEMA, place))
        notebook._until_closed.callback(database.close)
        try:
            notebook._bring_up_to_date()
        except BaseException:
            notebook.close()
            raise
        return notebook

    def add(self, *records: Record) -> None:
        """Write records, each in place of an earlier one with the same primary key.

        Up to 500 are written in one transaction; more of them in several, one after another.

        Raises:
            RecordError: If a field holds what its annotation does not allow.
            UniquenessError: If a dictionary has two features of one number.
        """
        for begin in range(0, len(records), _BATCH):
            self.handle.save(*records[begin : begin + _BATCH])

    def load(self, kind: type[R], *key: Any) -> R | None:
        """The record with a primary key; None if there is none."""
        return self.handle.load(kind, *key)

    def delete(self, kind: type[Record], *key: Any) -> bool:
        """Remove a record; whether it was there."""
        return self.handle.delete(kind, *key)

    def delete_run(self, run: str) -> bool:
        """Remove a run with its curves, checkpoints and claims; whether it was there.

        Its folder stays.
        """
        return self.handle.run(lambda store: _delete_run(store, run))

    def find(self, prefix: str, *kinds: type[Record]) -> Record:
        """The one record whose id begins so.

        Args:
            prefix: An id, or so many of its first digits that no other begins with them.
            kinds: The types looked at; all that have ids if none is named.

        Raises:
            InputError: If there is none, or there are several.
        """
        found = self.handle.read(lambda store: _beginning(store, prefix, kinds or WITH_ID))
        exact = [one for one in found if one.id == prefix]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if not found:
            raise InputError(
                f"nothing in project {self.project!r} has an id that begins with {prefix!r}; "
                "`glasshouse runs` lists what is there"
            )
        several = ", ".join(f"{type(one).__name__.lower()} {one.id}" for one in found[:4])
        raise InputError(f"{prefix!r} is the beginning of several ids: {several}; give more of it")

    def has(self, whole_id: str) -> bool:
        """Whether there is a record of exactly this id."""
        return self.handle.read(lambda store: any(store.exists(kind, whole_id) for kind in WITH_ID))

    def query(self, query: Query) -> Iterator[Any]:
        """The rows of a query, read as they are asked for.

        Raises:
            QueryError: If it cannot be answered as asked.
        """
        return stream(self.handle, query)

    def first(self, query: Query) -> Any | None:
        """The first row of a query; None if there is none."""
        return self.handle.read(lambda store: first(store, query))

    def curve(self, run: str, name: str) -> Curve:
        """One curve of a run; an empty one if there is none."""
        return self.handle.read(lambda store: curves.read_curve(store, run, name))

    def curves(self, run: str) -> dict[str, Curve]:
        """Every curve of a run by its name."""
        return self.handle.read(lambda store: curves.read_curves(store, run))

    def counts(self) -> dict[str, int]:
        """How many records there are of each type, those of which there are none left out."""
        return self.handle.read(_counts)

    def projects(self) -> list[str]:
        """The names of all projects of the engine, in order."""
        return self.database.read(lambda context: list_projects(context.transaction))

    def run(self, work: Callable[[RecordStore], T]) -> T:
        """Do work on the project's store in one transaction, again where it conflicts."""
        return self.handle.run(work)

    def close(self) -> None:
        """Let go of the engine."""
        self._until_closed.close()

    def leave_open(self) -> None:
        """Make `close` do nothing: a thread hangs in the engine, which must not be closed then."""
        self._until_closed.pop_all()

    def __enter__(self) -> "Notebook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _bring_up_to_date(self) -> None:
        """Bring a store of an earlier version to this one, and build what that adds."""
        try:
            states = self.handle.read(lambda store: store.header.states)
        except SchemaError:
            states = self.handle.run(lambda store: store.header.states)
        if states:
            self._until_closed.enter_context(building_in_background(self.handle))


def _beginning(store: RecordStore, prefix: str, kinds: Sequence[type[Record]]) -> list[Any]:
    """Records whose ids begin so, a few of each type."""
    found: list[Any] = []
    for kind in kinds:
        query = Query(kind).where(starts_with(reference(kind, "id"), prefix))
        found += execute(store, query, limits=Limits(rows=4))
    return found


def _delete_run(store: RecordStore, run: str) -> bool:
    curves.delete_curves(store, run)
    for kind in (Checkpoint, Claim):
        for record in list(execute(store, Query(kind).where(reference(kind, "run") == run))):
            store.delete(kind, record.id)
    return store.delete(Run, run)


def _counts(store: RecordStore) -> dict[str, int]:
    names = {plan.number: kind.__name__ for kind, plan in store.layout.types.items()}
    return {names[number]: count for (number,), count in groups(store, "records_of_type")}
