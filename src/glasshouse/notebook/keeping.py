"""A training run kept in the notebook while it goes on.

    with keep_run(notebook, run.folder, from_step=run.newest_step) as keeper:
        for step in continue_run(run):
            keeper.add(step.step, {"loss": step.loss})

The run folder stays the truth: at the beginning the notebook is brought to where the run goes on
from, and at the end to what the folder then says.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from glasshouse.errors import RunError
from glasshouse.notebook.curves import Curve, summarise
from glasshouse.notebook.importing.checkpoints import import_checkpoints
from glasshouse.notebook.importing.run_folder import import_run, put_measured
from glasshouse.notebook.log import MetricLog
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run, RunStatus
from glasshouse.records import RecordStore

_SECONDS = 5.0
"""How often a run that goes on tells how far it is."""


class RunKeeper:
    """Writes the steps of one run, and now and then how far it has come."""

    def __init__(
        self,
        notebook: Notebook,
        folder: Path,
        *,
        from_step: int,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        """Use `keep_run`."""
        self._notebook = notebook
        self._folder = folder
        done = import_run(notebook, folder, status=RunStatus.RUNNING, up_to=from_step)
        self.run: Run = done.run
        """As the notebook has it."""
        self._told = 0.0
        self._log = MetricLog(
            notebook, self.run.id, on_written=self._written, on_failure=on_failure
        )
        self.add = self._log.add
        """Take what was measured at a step; see `MetricLog.add`."""

    def close(self) -> None:
        """Write what waits, and bring the notebook to what the folder says.

        Raises:
            GlasshouseError: If the notebook or the folder cannot be read or written.
        """
        if self._log.close():
            self.run = import_run(self._notebook, self._folder).run

    def _written(self, curves: Mapping[str, Curve]) -> None:
        """After each write, in the log's thread: how far the run is, and what it has saved."""
        summaries = dict(self.run.metrics)
        for name, curve in curves.items():
            before = summaries.get(name)
            summaries[name] = summarise(curve.steps, curve.values, before=before)
        put_measured(self.run, summaries)
        if time.monotonic() - self._told < _SECONDS:
            return
        self._told = time.monotonic()
        self._notebook.run(self._tell)
        # A checkpoint may be removed while it is looked at; the end looks again.
        with suppress(RunError, OSError):
            import_checkpoints(self._notebook, self._folder, self.run.id, curves)

    def _tell(self, store: RecordStore) -> None:
        """Write how far the run is; what people have noted of it meanwhile stays."""
        known = store.load(Run, self.run.id)
        if known is not None:
            self.run.tags, self.run.note = known.tags, known.note
        store.save(self.run)


@contextmanager
def keep_run(
    notebook: Notebook,
    folder: Path,
    *,
    from_step: int,
    on_failure: Callable[[str], None] | None = None,
) -> Iterator[RunKeeper]:
    """Keep a run in the notebook while the block trains it.

    Args:
        notebook: Where to.
        folder: Of the run.
        from_step: The step of the checkpoint that it goes on from.
        on_failure: Gets one sentence if the notebook fails while the run goes on.

    Raises:
        GlasshouseError: Before the block or after it, if the notebook cannot be written.
    """
    keeper = RunKeeper(notebook, folder, from_step=from_step, on_failure=on_failure)
    try:
        yield keeper
    finally:
        keeper.close()
