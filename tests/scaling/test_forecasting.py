from dataclasses import replace

import numpy as np
import pytest
from tests.scaling.synthetic import SMALL, small_grid, with_curves

from glasshouse.errors import InputError
from glasshouse.scaling import LAWS, FitConfig, forecast, sound_runs

QUICK = FitConfig(draws=80)


def best_loss(compute):
    """The lowest loss that SMALL gives a budget."""
    sizes = np.geomspace(1e3, 1e9, 4001)
    return LAWS["ND"].loss_at(SMALL, {"N": sizes, "D": compute / 6 / sizes}).min()


class TestForecast:
    def test_holds_the_truth_in_its_interval(self):
        """The loss of a run of 16 times the compute, and its best size."""
        found = forecast(sound_runs(small_grid()), 1e16, QUICK)
        assert found.loss.low < best_loss(1e16) < found.loss.high
        assert found.loss.value == pytest.approx(best_loss(1e16), rel=0.02)
        assert found.params is not None
        assert found.params.low < found.params.value < found.params.high
        assert found.reach == pytest.approx(1e16 / 6e14)

    def test_says_when_size_is_not_shown(self):
        """Runs whose data rise with their size show a loss, and no best size."""
        along = [run for run in small_grid(noise=0.001) if abs(run.tokens / run.params - 100) < 1]
        runs = [
            replace(run, name=f"{run.name}-{k}", params=run.params * k, tokens=run.tokens * k)
            for run in along
            for k in (1.0, 1.3)
        ]
        values = {
            "N": np.array([run.params for run in runs]),
            "D": np.array([run.tokens for run in runs]),
        }
        losses = LAWS["ND"].loss_at(SMALL, values)
        runs = [replace(run, loss=float(one)) for run, one in zip(runs, losses, strict=True)]
        found = forecast(sound_runs(runs), 1e16, QUICK)
        assert found.basis.best.fit.law.variables == ("C",)
        assert found.params is None
        assert "rise together" in dict(found.refused)["parametric"]

    def test_takes_curves_where_they_are(self):
        """Curves of one length show L(C) and the best size."""
        found = forecast(sound_runs(with_curves()), 1e16, QUICK)
        assert [one.method for one in found.allocations] == ["envelope"]
        assert found.params is not None

    def test_warns_of_a_long_shot(self):
        """A law is not known to hold a thousand times farther."""
        found = forecast(sound_runs(small_grid()), 1e18, QUICK)
        assert any("nothing says that the law holds" in one for one in found.warnings)

    @pytest.mark.parametrize("budget", [0, -1, float("inf"), float("nan")])
    def test_refuses_what_is_no_budget(self, budget):
        """A budget is a positive number."""
        with pytest.raises(InputError, match="must be positive"):
            forecast(sound_runs(small_grid()), budget, QUICK)

    def test_refuses_too_few_runs(self):
        """With both reasons."""
        with pytest.raises(InputError, match=r"needs at least .* nor L\(C\)"):
            forecast(sound_runs(small_grid()[:3]), 1e16, QUICK)


class TestSoundRuns:
    def test_names_and_counts_what_it_leaves_out(self):
        """Diverged and missing runs are told, never dropped."""
        runs = small_grid()
        runs[0] = replace(runs[0], loss=float("nan"))
        runs[1] = replace(runs[1], loss=float("inf"))
        runs[2] = replace(runs[2], failure="diverged at step 9")
        found = sound_runs(runs)
        assert len(found.runs) == 22
        assert found.excluded_sentence().startswith("3 of 25 runs left out: run 0 (no loss")
        assert "run 2 (diverged at step 9)" in found.excluded_sentence()

    def test_refuses_two_runs_of_one_name(self):
        """Which of them would count?"""
        runs = small_grid()[:2]
        with pytest.raises(InputError, match="comes twice"):
            sound_runs([runs[0], replace(runs[1], name=runs[0].name)])
