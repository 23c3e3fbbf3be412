"""Plans as files: what they say becomes trials, on whatever they name."""

import json

import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.scaling import SweepPlan, timing
from glasshouse.scaling.plan_files import plan_of, read_plan_file, sweep_config
from glasshouse.scaling.records import open_sweep
from glasshouse.scaling.sweep_data import (
    DOMAINS,
    WorldText,
    described,
    named_data,
    read_at_once,
    sweep_work,
)
from glasshouse.scaling.timing import population_costs


def plan(**fields):
    base = {"budget": 1e12, "model": {"widths": [8]}, "train": {"steps": [4]}}
    return plan_of(sweep_config({**base, **fields}), vocab_size=8, context=16)


class TestSweepConfig:
    def test_says_the_same_in_every_format(self, tmp_path):
        """TOML, YAML and JSON."""
        said = {"budget": 1e9, "model": {"widths": [8, 16]}, "train": {"steps": [4]}}
        (tmp_path / "a.json").write_text(json.dumps(said))
        (tmp_path / "a.yaml").write_text("budget: 1e9\nmodel: {widths: [8, 16]}\ntrain: {steps: 4}")
        (tmp_path / "a.toml").write_text("budget=1e9\nmodel.widths=[8, 16]\ntrain.steps=[4]")
        read = [
            sweep_config(read_plan_file(tmp_path / f"a.{kind}"))
            for kind in ("json", "yaml", "toml")
        ]
        assert read[0] == read[1] == read[2]

    def test_takes_the_nearest_sizes(self):
        """12 L d², of widths that heads fit into."""
        found = plan(model={"params": [3000, 12000], "layers": [1]})
        assert [one.shape.d_model for one in found.trials] == [16, 32]
        assert found.base_width == 16

    def test_plans_profiles_and_frontiers(self):
        """Each by its own numbers."""
        model = {"widths": [8, 16, 24], "layers": [1]}
        profiles = plan(kind="isoflop", model=model, train={"computes": [1e8, 4e8]})
        assert {round(one.flops() / 1e8) for one in profiles.trials} == {1, 4}
        frontier = plan(kind="frontier", budget=1e9, model=model, train={"levels": 4})
        assert len(frontier.trials) == 4
        assert 0.9e9 < frontier.flops <= 1e9
        with pytest.raises(InputError, match=r"takes one value for train\.lrs"):
            plan(kind="frontier", model=model, train={"lrs": [0.1, 0.2]})


class TestNamedData:
    @pytest.mark.parametrize("name", DOMAINS)
    def test_trains_on_every_domain(self, name, tmp_path):
        """And counts the tokens that the domain counts, alone."""
        data = named_data({"domain": name})
        found = plan_of(
            sweep_config(
                {
                    "budget": 1e12,
                    "model": {"widths": [8], "layers": [1]},
                    "train": {"steps": 1, "batches": 1},
                }
            ),
            vocab_size=data.vocab_size,
            context=read_at_once(data),
        )
        (record,) = sweep_work(data, found, tmp_path)(found, found.trials)
        assert record.curve[-1].loss == pytest.approx(np.log(data.vocab_size), rel=0.5)
        for _ in range(2):  # made, and found again as the same
            open_sweep(tmp_path / "sweep", found, data=described(data))
        assert described(data)["domain"] == name

    def test_names_a_world(self):
        """With its fields."""
        assert named_data({"domain": "world", "context": 32}) == WorldText(context=32)
        with pytest.raises(InputError, match=r"did you mean data\.context"):
            named_data({"domain": "world", "contxt": 32})


def test_costs_are_of_the_whole_plan():
    """All operations of it, and some time for each population; threads are left as they were."""
    threads = torch.get_num_threads()
    whole: SweepPlan = plan(model={"widths": [8, 16], "layers": [1]})
    costs = population_costs(whole)
    assert sum(one.flops for one in costs) == pytest.approx(whole.flops)
    assert all(one.seconds is not None and one.seconds > 0 for one in costs)
    assert torch.get_num_threads() == threads


def test_nothing_large_is_timed(monkeypatch):
    """A plan for a cluster is counted on the machine where it is made, and no more; beside small
    models it takes as long an operation as the largest of those."""
    monkeypatch.setattr(timing, "_seconds_a_step", lambda group, plan: 1e-3)
    huge = plan(budget=1e30, model={"widths": [8192], "layers": [64]})
    assert [one.seconds for one in population_costs(huge)] == [None]
    both = plan(budget=1e30, model={"widths": [8, 8192], "layers": [1]})
    little, much = population_costs(both)
    assert little.seconds == pytest.approx(4e-3)
    assert much.seconds == pytest.approx(4e-3 * much.flops / little.flops)
