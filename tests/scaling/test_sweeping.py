"""Sweeps: planned under a budget, resumable, and none of their runs counted twice."""

import sys

import pytest
from tests.scaling.works import Formula, KilledOnce

from glasshouse.errors import InputError
from glasshouse.scaling import (
    Shape,
    SweepPlan,
    frontier_trials,
    grid,
    isoflop_grid,
    populations,
    read_runs,
    run_sweep,
    sweeping,
)


def shape(width):
    return Shape(d_model=width, num_layers=1, vocab_size=16, context=16)


def plan(*, widths=(8, 16, 24), budget=1e12):
    trials = grid(
        [shape(width) for width in widths],
        tokens=[5120],
        batches=[8],
        lrs=[3e-3, 1e-2],
        seeds=[0, 1],
    )
    return SweepPlan(trials=trials, budget=budget, base_width=8)


class TestPlans:
    def test_cost_what_six_n_d_says(self):
        """12 L d² parameters, 6 operations each and token."""
        trial = plan().trials[0]
        assert trial.shape.params == 12 * 8 * 8
        assert trial.tokens == 40 * 8 * 16
        assert trial.flops() == 6 * trial.shape.params * trial.tokens
        assert trial.flops("exact_with_attention_and_unembed") > trial.flops()

    def test_refuse_more_than_their_budget(self):
        """Before anything runs."""
        with pytest.raises(InputError, match="more than the budget"):
            plan(budget=1e6)

    def test_start_where_a_shape_says(self):
        """Narrow models start faster from larger weights than GPT-2's."""
        wide = Shape(d_model=8, num_layers=1, vocab_size=16, context=16, init_std=0.125)
        assert wide.config.init_std == 0.125
        assert shape(8).config.init_std == 0.02
        with pytest.raises(InputError, match="init_std"):
            Shape(d_model=8, num_layers=1, vocab_size=16, context=16, init_std=0.0)

    def test_refuse_a_trial_planned_twice(self):
        """It would be counted once."""
        twice = plan().trials[:1] * 2
        with pytest.raises(InputError, match="planned twice"):
            SweepPlan(trials=twice, budget=1e12, base_width=8)

    def test_put_equal_compute_into_a_profile(self):
        """Sizes of one budget differ in data; those it cannot pay are left out."""
        trials = isoflop_grid(
            [shape(8), shape(16), shape(32)], computes=[1e9], batch=4, lr=1e-2, least_steps=50
        )
        assert [one.shape.d_model for one in trials] == [8, 16, 32]
        assert all(0.98e9 < one.flops() <= 1e9 for one in trials)
        with pytest.raises(InputError, match="give no size"):
            isoflop_grid([shape(32)], computes=[1e7], batch=4, lr=1e-2)

    def test_spend_a_budget_along_a_frontier(self):
        """Levels double, sizes rise, and all of them together cost no more than the budget."""
        trials = frontier_trials(
            [shape(8 * k) for k in range(1, 9)], budget=1e11, levels=4, batch=4, lr=1e-2
        )
        assert 0.95e11 < sum(one.flops() for one in trials) <= 1e11
        widths = [one.shape.d_model for one in trials]
        assert widths == sorted(widths)
        assert widths[0] < widths[-1]

    def test_group_what_can_be_one_program(self):
        """Of one shape, batch and number of steps."""
        groups = populations(plan().trials)
        assert [len(group) for group in groups] == [4, 4, 4]
        assert [len(group) for group in populations(plan().trials, largest=3)] == [3, 1] * 3


class TestRunSweep:
    def test_leaves_runs_that_can_be_fitted(self, tmp_path):
        """Every trial once, with its size, data and compute."""
        records = list(run_sweep(plan(), tmp_path / "sweep", Formula(tmp_path / "log")))
        assert len(records) == 12
        sound = read_runs(tmp_path / "sweep")
        assert len(sound.runs) == 12
        assert not sound.excluded
        assert sound.runs[0].compute == plan().trials[0].flops()

    def test_goes_on_where_it_stopped(self, tmp_path):
        """Stopped in the middle: what is missing is named and counted; the rest runs once."""
        work = Formula(tmp_path / "log")
        for number, _ in enumerate(run_sweep(plan(), tmp_path / "sweep", work)):
            if number == 4:
                break
        sound = read_runs(tmp_path / "sweep")
        assert (len(sound.runs), len(sound.excluded)) == (5, 7)
        assert "7 of 12 runs left out" in sound.excluded_sentence()
        (tmp_path / "sweep" / "trials" / ".half.json.1.draft").write_text("{")  # a killed write
        rest = list(run_sweep(plan(), tmp_path / "sweep", work))
        assert len(rest) == 7
        assert len(read_runs(tmp_path / "sweep").runs) == 12
        assert list(run_sweep(plan(), tmp_path / "sweep", work)) == []

    def test_finishes_though_a_worker_is_killed(self, tmp_path):
        """Its population is given to another worker, and nothing is counted twice."""
        work = KilledOnce(tmp_path / "log", width=16)
        folder = tmp_path / "sweep"
        records = list(run_sweep(plan(), folder, work, engine="processes", workers=2))
        names = [record.trial.name for record in records]
        assert sorted(names) == sorted(trial.name for trial in plan().trials)
        assert not any(record.failure for record in records)
        assert len(read_runs(folder).runs) == 12

    def test_gives_up_a_population_that_kills_every_worker(self, tmp_path, monkeypatch):
        """Its trials are failures with a reason; the others are sound."""
        monkeypatch.setattr(sweeping, "ATTEMPTS", 1)  # a worker takes seconds to start
        work = KilledOnce(tmp_path / "log", width=16, always=True)
        folder = tmp_path / "sweep"
        list(run_sweep(plan(widths=(8, 16)), folder, work, engine="processes", workers=1))
        sound = read_runs(folder)
        assert len(sound.runs) == 4
        assert {one.reason for one in sound.excluded} == {"its worker died (1 of 1 attempts)"}

    def test_refuses_the_folder_of_another_plan(self, tmp_path):
        """Records of two plans would mix."""
        work = Formula(tmp_path / "log")
        list(run_sweep(plan(), tmp_path / "sweep", work))
        with pytest.raises(InputError, match="another plan"):
            list(run_sweep(plan(widths=(8,)), tmp_path / "sweep", work))
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "x").touch()
        with pytest.raises(InputError, match="is no sweep"):
            list(run_sweep(plan(), tmp_path / "full", work))

    def test_refuses_a_budget_that_no_file_holds(self, tmp_path):
        """It could not be read again."""
        endless = plan(budget=float("inf"))
        with pytest.raises(InputError, match="needs a budget, not inf"):
            list(run_sweep(endless, tmp_path / "s", Formula(tmp_path / "log")))

    def test_says_what_to_do_without_ray(self, tmp_path, monkeypatch):
        """Ray is not installed with Glasshouse."""
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(InputError, match="pip install ray"):
            list(run_sweep(plan(), tmp_path / "s", Formula(tmp_path / "log"), engine="ray"))

    def test_refuses_an_engine_it_has_not(self, tmp_path):
        """The names are told."""
        with pytest.raises(InputError, match="serial, processes, ray"):
            list(run_sweep(plan(), tmp_path / "s", Formula(tmp_path / "log"), engine="cloud"))
