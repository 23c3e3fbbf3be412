"""Writing metrics while a loop runs, at the price of an append.

    with MetricLog(notebook, run.id) as log:
        for step in train(...):
            log.add(step.step, {"loss": step.loss})

A thread takes what has come together and writes it, every so many steps or seconds. The loop waits
for it only at the end, or where a million steps have piled up. A notebook that fails never stops
the loop: the log says so once, to `on_failure`, and takes nothing more.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from glasshouse.errors import GlasshouseError
from glasshouse.notebook.curves import (
    Curve,
    by_curve,
    check_curve,
    stretches_behind,
    write_curves,
)
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Metric

MOST_WAITING = 1_000_000
"""Steps that may wait to be written before the loop has to wait as well."""

OnWritten = Callable[[Mapping[str, Curve]], None]
"""Called in the writing thread after each write with what was written."""


class MetricLog:
    """The metrics of one run on their way to the notebook; a `with` block, or close it."""

    def __init__(
        self,
        notebook: Notebook,
        run: str,
        *,
        every_steps: int = 1000,
        every_seconds: float = 2.0,
        most_waiting: int = MOST_WAITING,
        on_written: OnWritten | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            notebook: Open as long as this is.
            run: The run's id.
            every_steps: Write when so many steps wait,
            every_seconds: or so long after the last time.
            most_waiting: Make the loop wait from so many steps on.
            on_written: Called after each write, in the thread.
            on_failure: Gets one sentence if the notebook fails, in the thread.
        """
        self._notebook = notebook
        self._run = run
        self._every_steps = every_steps
        self._every_seconds = every_seconds
        self._most_waiting = most_waiting
        self._on_written = on_written
        self._on_failure = on_failure
        self._waiting: deque[tuple[int, Mapping[str, Any]]] = deque()
        self._wake = threading.Event()
        self._answers = threading.Condition()
        self._asked = self._answered = 0
        self._closing = False
        self._last: dict[str, Metric] = {}  # stretches, by curve
        self.failure: str | None = None
        """What went wrong, if something did; nothing is written any more."""
        self._thread = threading.Thread(target=self._write_on, name="metric-log", daemon=True)
        self._thread.start()

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Take what was measured at a step: numbers by name, some of them inside others.

        The mapping is read later, in the thread; do not change it.
        """
        waiting = self._waiting
        waiting.append((step, values))
        if len(waiting) >= self._every_steps:
            self._wake.set()
            if len(waiting) >= self._most_waiting:
                self._wait_for_room()

    def flush(self, *, timeout_seconds: float | None = None) -> bool:
        """Wait until all that was taken is written; whether that is so."""
        with self._answers:
            self._asked += 1
            mine = self._asked
            self._wake.set()
            is_done = self._answers.wait_for(
                lambda: self._answered >= mine or not self._thread.is_alive(), timeout_seconds
            )
        return is_done and self.failure is None

    def write_soon(self) -> None:
        """Have what waits written now, without waiting for it."""
        self._wake.set()

    def close(self, *, timeout_seconds: float = 60.0) -> bool:
        """Write what waits and end the thread; whether everything was written.

        A notebook that another process keeps locked for so long is left behind, open, with the
        sentence that says so.
        """
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            self._fail(f"nothing could be written for {timeout_seconds:g} s")
            self._notebook.leave_open()
        return self.failure is None

    @property
    def is_writing(self) -> bool:
        """Whether the thread is alive; after `close`, whether it hangs in the notebook."""
        return self._thread.is_alive()

    def __enter__(self) -> "MetricLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_on(self) -> None:
        """What the thread does."""
        while not (self._closing and not self._waiting):
            self._wake.wait(self._every_seconds)
            self._wake.clear()
            asked = self._asked  # before looking: what was taken before the question is seen
            try:
                while self._waiting and self.failure is None:
                    self._write()
            except Exception as error:
                # Whatever it is, training matters more.
                self._fail(_sentence(error))
            if self.failure is not None:
                self._waiting.clear()
            with self._answers:
                self._answered = asked
                self._answers.notify_all()

    def _write(self) -> None:
        """Write what waits, a bounded part of it in one transaction."""
        steps = [self._waiting.popleft() for _ in range(min(len(self._waiting), 20_000))]
        curves = by_curve(steps)
        self._last |= self._behind(curves) or self._notebook.run(
            lambda store: write_curves(store, self._run, curves)
        )
        if self._on_written is not None:
            self._on_written(curves)

    def _behind(self, curves: Mapping[str, Curve]) -> dict[str, Metric] | None:
        """Write curves that go on behind what this log wrote last, which is then not read again.

        None if one does not: it is new, or goes back, or is none.
        """
        stretches = []
        for name, curve in curves.items():
            last = self._last.get(name)
            if last is None or curve.steps[0] <= last.steps[-1]:
                return None
            check_curve(name, curve)
            stretches += stretches_behind(last, self._run, name, curve)
        self._notebook.add(*stretches)
        return {stretch.name: stretch for stretch in stretches}

    def _fail(self, sentence: str) -> None:
        if self.failure is None:
            self.failure = sentence
            if self._on_failure is not None:
                self._on_failure(sentence)

    def _wait_for_room(self) -> None:
        while len(self._waiting) >= self._most_waiting and self.failure is None:
            self._wake.set()
            time.sleep(0.01)


def _sentence(error: Exception) -> str:
    """What went wrong, in one line."""
    words = " ".join(str(error).split())
    is_said = isinstance(error, GlasshouseError | OSError) and words
    return words if is_said else f"{type(error).__name__}: {words}"
