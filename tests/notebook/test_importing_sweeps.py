"""Sweeps and populations come in with a run for each of their models, and only once."""

from math import nan

import pytest
from tests.notebook.folders import report_folder
from tests.scaling.test_sweeping import plan
from tests.scaling.works import Formula

from glasshouse.errors import InputError, RunError
from glasshouse.notebook import Run, RunStatus
from glasshouse.notebook.importing import ids_of_folder, import_path
from glasshouse.records import Query
from glasshouse.records.operations.scrub import scrub
from glasshouse.scaling import run_sweep
from glasshouse.training.population_file import Member, MemberCurve, write_population


def members_of(notebook, run: Run) -> dict[str, Run]:
    return {one.name: one for one in notebook.query(Query(Run).where(Run.parent == run.id))}


def swept(folder, log, *, count=12):
    """A sweep of twelve trials of which so many are done."""
    records = run_sweep(plan(), folder, Formula(log))
    for _ in range(count):
        next(records)
    records.close()
    return folder


class TestSweeps:
    def test_come_in_with_what_has_come_since(self, notebook, tmp_path):
        """First the trials that are done, then those that were missing, and then nothing."""
        folder = swept(tmp_path / "sizes", tmp_path / "log", count=5)
        (found,) = import_path(notebook, tmp_path)
        assert (found.kind, found.is_new, found.new_trials) == ("sweep", True, 5)
        sweep = notebook.load(Run, found.id)
        assert (sweep.status, sweep.step, sweep.steps) == (RunStatus.STOPPED, 5, 12)
        some = members_of(notebook, sweep)
        noted = next(iter(some.values()))
        noted.tags, noted.note = ["odd"], "look here"
        notebook.add(noted)
        swept(folder, tmp_path / "log", count=7)
        (found,) = import_path(notebook, folder)
        assert (found.is_new, found.new_trials) == (False, 7)
        assert notebook.load(Run, sweep.id).status is RunStatus.FINISHED
        (found,) = import_path(notebook, folder)
        assert not found.changed
        runs = members_of(notebook, sweep)
        assert len(runs) == 12
        assert runs[noted.name] == noted
        trial = plan().trials[-1]
        last = runs[trial.name]
        assert (last.config["d_model"], last.config["lr"]) == (trial.shape.d_model, trial.lr)
        assert (last.seed, last.tokens, last.steps) == (trial.seed, trial.tokens, trial.steps)
        assert last.held_out == notebook.curve(last.id, "held_out/all").values[-1]
        assert list(scrub(notebook.handle)) == []

    def test_belong_to_the_study_in_whose_workspace_they_lie(self, notebook, tmp_path):
        """Also if they came in before there was a report; and are named by their folder."""
        folder = swept(tmp_path / "fake" / "runs" / "fake" / "small", tmp_path / "log")
        list(import_path(notebook, tmp_path))
        report_folder(tmp_path / "fake")
        found = {one.kind: one for one in import_path(notebook, tmp_path)}
        sweep = notebook.load(Run, found["sweep"].id)
        assert (sweep.parent, sweep.study, sweep.preset) == (found["study"].id, "fake", "small")
        assert {one.study for one in members_of(notebook, sweep).values()} == {"fake"}
        assert ids_of_folder(folder) == [sweep.id]

    def test_are_refused_if_damaged(self, notebook, tmp_path):
        """With the file's name."""
        folder = swept(tmp_path / "sizes", tmp_path / "log", count=2)
        name = plan().trials[0].name
        (folder / "trials" / f"{name}.json").write_text("{")
        with pytest.raises(RunError, match=name):
            list(import_path(notebook, folder))


class TestPopulations:
    def members(self):
        course = MemberCurve(steps=(5, 10), values=(2.0, 1.5))
        lost = MemberCurve(steps=(5, 10), values=(2.0, nan))
        return [
            Member(
                name="d8-0",
                config={"d_model": 8, "share": 0.1},
                steps=10,
                seed=0,
                tokens=640,
                curves={"held_out/all": course, "held_out/code": course},
            ),
            Member(name="d8-1", config={}, steps=10, curves={"loss": lost}, failure="diverged: so"),
        ]

    def test_come_in_once(self, notebook, tmp_path):
        """With every curve; one that is written again keeps its name."""
        folder = tmp_path / "fake" / "runs" / "seed0"
        write_population(folder, self.members())
        report_folder(tmp_path / "fake")
        found = {one.kind: one for one in import_path(notebook, tmp_path)}
        whole = notebook.load(Run, found["sweep"].id)
        assert (whole.parent, whole.step, whole.steps) == (found["study"].id, 2, 2)
        runs = members_of(notebook, whole)
        assert (runs["d8-0"].held_out, runs["d8-0"].config["share"]) == (1.5, 0.1)
        assert notebook.curve(runs["d8-0"].id, "held_out/code").steps == [5, 10]
        assert (runs["d8-1"].failure, runs["d8-1"].loss) == ("diverged: so", None)
        write_population(folder, self.members())
        assert not any(one.changed for one in import_path(notebook, tmp_path))
        assert ids_of_folder(folder) == [whole.id]

    def test_have_a_name_for_every_model(self, tmp_path):
        """Two of one name would be one."""
        with pytest.raises(InputError, match="one name"):
            write_population(tmp_path / "twice", self.members()[:1] * 2)
        with pytest.raises(InputError, match="2 steps have 1 values"):
            MemberCurve(steps=(1, 2), values=(1.0,))
