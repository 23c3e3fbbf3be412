"""Which records are exported."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.schema import RECORDS
from glasshouse.notebook.types import ActivationExample, Feature, Run
from glasshouse.records import Condition, Query, Record
from glasshouse.records.expressions.reference import reference


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Some record types, of every run or of some."""

    types: tuple[type[Record], ...] = tuple(RECORDS)
    """The types wanted."""
    runs: Condition | None = None
    """On runs: only those for which it is true, and what belongs to them; None takes everything."""

    def chosen_runs(self, notebook: Notebook) -> list[Run]:
        """The runs, oldest first."""
        query = Query(Run) if self.runs is None else Query(Run).where(self.runs)
        return list(notebook.query(query.order_by(Run.started)))

    def records(self, notebook: Notebook, kind: type[Record]) -> Iterator[Any]:
        """The records of one type."""
        if self.runs is None:
            yield from notebook.query(Query(kind))
            return
        runs = self.chosen_runs(notebook)
        if kind is Run:
            yield from runs
            return
        for run in runs:
            if kind is not ActivationExample:
                yield from notebook.query(Query(kind).where(reference(kind, "run") == run.id))
                continue
            for feature in notebook.query(Query(Feature).where(Feature.run == run.id)):
                mine = ActivationExample.feature == feature.id
                yield from notebook.query(Query(ActivationExample).where(mine))
