"""Metrics cost the loop an append; whatever happens to the notebook, the loop goes on."""

import threading
import time

import pytest

from glasshouse.errors import DiskFullError
from glasshouse.notebook import Curve, MetricLog
from glasshouse.notebook.curves import write_curves


class TestMetricLog:
    def test_writes_everything_in_the_end(self, notebook):
        """Closing waits for what is left."""
        with MetricLog(notebook, "r", every_seconds=60) as log:
            for step in range(1, 1501):
                log.add(
                    step, {"loss": 1 / step, "held_out": {"all": 2.0} if step % 500 == 0 else None}
                )
        curves = notebook.curves("r")
        assert curves["loss"] == Curve(list(range(1, 1501)), [1 / step for step in range(1, 1501)])
        assert curves["held_out/all"].steps == [500, 1000, 1500]

    def test_writes_when_enough_has_come_together(self, notebook):
        """And not before: steps are written many at a time."""
        written = []
        with MetricLog(
            notebook, "r", every_steps=10, every_seconds=60, on_written=written.append
        ) as log:
            for step in range(1, 10):
                log.add(step, {"x": 1.0})
            time.sleep(0.05)
            assert written == []
            log.add(10, {"x": 1.0})
            assert log.flush(timeout_seconds=30)
            assert notebook.curve("r", "x").steps == list(range(1, 11))

    def test_writes_after_a_while(self, notebook):
        """A slow run is seen while it goes on."""
        with MetricLog(notebook, "r", every_steps=1000, every_seconds=0.02) as log:
            log.add(1, {"x": 1.0})
            deadline = time.monotonic() + 30
            while not len(notebook.curve("r", "x")) and time.monotonic() < deadline:
                time.sleep(0.01)
        assert notebook.curve("r", "x").steps == [1]

    def test_flushes_what_was_taken_before_it_was_asked(self, notebook):
        """Again and again: no step slips through between looking and answering."""
        with MetricLog(notebook, "r", every_seconds=60) as log:
            for step in range(1, 40):
                log.add(step, {"x": float(step)})
                assert log.flush(timeout_seconds=30)
                assert notebook.curve("r", "x").steps[-1] == step
        assert log.flush(timeout_seconds=1)

    def test_goes_on_behind_what_is_there(self, notebook):
        """And replaces what is done anew, also by itself."""
        notebook.run(lambda store: write_curves(store, "r", {"x": Curve([1, 2, 3], [0.0] * 3)}))
        with MetricLog(notebook, "r") as log:
            log.add(3, {"x": 3.0})
            log.flush()
            log.add(4, {"x": 4.0})
            log.flush()
            log.add(2, {"x": 2.0})
        assert notebook.curve("r", "x") == Curve([1, 2], [0.0, 2.0])

    def test_starts_new_stretches(self, notebook, monkeypatch):
        """Where the last one is full."""
        monkeypatch.setattr("glasshouse.notebook.curves.STRETCH", 4)
        with MetricLog(notebook, "r") as log:
            for step in range(1, 12):
                log.add(step, {"x": float(step)})
                log.flush()
        assert notebook.curve("r", "x").steps == list(range(1, 12))


class TestFailure:
    def test_never_stops_the_loop(self, notebook, monkeypatch):
        """It is told once, in one sentence; nothing is kept in memory for it any more."""
        told = []

        def full(self, work):
            raise DiskFullError("no room is left for /notes; nothing was written")

        monkeypatch.setattr(type(notebook), "run", full)
        log = MetricLog(notebook, "r", every_steps=5, on_failure=told.append)
        for step in range(1, 100):
            log.add(step, {"x": 1.0})
            if step % 10 == 0:
                log.flush(timeout_seconds=10)
        assert not log.close()
        assert told == [log.failure] == ["no room is left for /notes; nothing was written"]

    def test_names_what_nobody_expected(self, notebook):
        """A value that is a text in one step and a number in the next is no reason to stop."""
        log = MetricLog(notebook, "r")
        log.add(2, {"x": 1.0})
        log.add(1, {"x": 1.0})
        assert not log.close()
        assert "must ascend" in (log.failure or "")

    def test_leaves_behind_a_notebook_that_hangs(self, notebook, monkeypatch):
        """Training ends although somebody holds the lock."""
        let_go = threading.Event()
        monkeypatch.setattr(type(notebook), "run", lambda self, work: let_go.wait(30))
        log = MetricLog(notebook, "r")
        log.add(1, {"x": 1.0})
        assert not log.close(timeout_seconds=0.1)
        assert "0.1 s" in (log.failure or "")
        notebook.close()  # which must not pull the engine from under the thread
        assert notebook.counts() == {}
        let_go.set()
        notebook.database.close()

    def test_makes_the_loop_wait_only_where_memory_would_run_out(self, notebook, monkeypatch):
        """The loop is held until there is room, and nothing is lost."""
        let_go = threading.Event()
        run = type(notebook).run

        def slow(self, work):
            let_go.wait(30)
            return run(self, work)

        monkeypatch.setattr(type(notebook), "run", slow)
        log = MetricLog(notebook, "r", every_steps=2, most_waiting=6)
        steps = iter(range(1, 31))
        loop = threading.Thread(target=lambda: [log.add(step, {"x": 1.0}) for step in steps])
        loop.start()
        loop.join(0.3)
        assert loop.is_alive()
        let_go.set()
        loop.join(30)
        assert log.close()
        assert notebook.curve("r", "x").steps == list(range(1, 31))


@pytest.mark.parametrize("steps", [0, 1])
def test_may_log_next_to_nothing(notebook, steps):
    """A run that is over before it began."""
    with MetricLog(notebook, "r") as log:
        for step in range(steps):
            log.add(step, {})
    assert notebook.curves("r") == {}
