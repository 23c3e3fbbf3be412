"""A run is in the notebook while it goes on, and in the end as its folder says."""

import pytest
from tests.notebook.folders import add_checkpoint, run_folder, step_line, write_metrics

from glasshouse.errors import RunError
from glasshouse.notebook import Checkpoint, Run, RunStatus
from glasshouse.notebook.keeping import RunKeeper, keep_run
from glasshouse.records import Query


@pytest.fixture
def begun(tmp_path):
    """A run that was stopped after step 4, two steps behind its checkpoint."""
    return run_folder(tmp_path / "book", steps=4, saved=(2,))


def values_of(step: int) -> dict:
    line = step_line(step)
    del line["step"]
    return line


class TestKeepRun:
    def test_shows_a_run_while_it_goes_on(self, notebook, begun, monkeypatch):
        """Its newest loss, its checkpoints, and that it runs."""
        monkeypatch.setattr("glasshouse.notebook.keeping._SECONDS", 0.0)
        keeper = RunKeeper(notebook, begun, from_step=2)
        run = keeper.run.id
        assert notebook.load(Run, run).status is RunStatus.RUNNING
        assert notebook.load(Run, run).step == 2
        keeper.add(3, values_of(3))
        keeper.add(4, values_of(4))
        add_checkpoint(begun, 4)
        assert keeper._log.flush(timeout_seconds=30)
        seen = notebook.load(Run, run)
        assert (seen.step, seen.status) == (4, RunStatus.RUNNING)
        assert seen.metrics["held_out/all"].steps == 2
        assert {one.step for one in notebook.query(Query(Checkpoint))} == {2, 4}
        keeper.close()
        assert notebook.load(Run, run).status is RunStatus.STOPPED

    def test_ends_as_the_folder_says(self, notebook, begun):
        """Whatever was logged: the folder is the truth."""
        with keep_run(notebook, begun, from_step=2) as keeper:
            for step in (3, 4, 5, 6):
                keeper.add(step, values_of(step))
            write_metrics(begun, range(1, 7))
            add_checkpoint(begun, 6)
        run = notebook.load(Run, keeper.run.id)
        assert (run.status, run.step) == (RunStatus.FINISHED, 6)
        assert notebook.curve(run.id, "loss").steps == [1, 2, 3, 4, 5, 6]

    def test_keeps_what_was_done_before_an_error(self, notebook, begun):
        """The loop's error goes on its way."""

        def loop() -> None:
            with keep_run(notebook, begun, from_step=2) as keeper:
                keeper.add(3, values_of(3))
                write_metrics(begun, range(1, 4))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            loop()
        (run,) = notebook.query(Query(Run))
        assert notebook.curve(run.id, "loss").steps == [1, 2, 3]
        assert run.status is RunStatus.STOPPED

    def test_refuses_what_is_no_run(self, notebook, tmp_path):
        """Before the block begins."""
        with pytest.raises(RunError), keep_run(notebook, tmp_path, from_step=0):
            pytest.fail("the block began")
