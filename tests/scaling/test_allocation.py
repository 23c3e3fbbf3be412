"""Three ways to the best size, on data whose best size is known."""

from dataclasses import replace

import numpy as np
import pytest
from tests.scaling.synthetic import KAPLAN_ND, SMALL, crossed, drawn, small_grid, with_curves

from glasshouse.errors import InputError
from glasshouse.scaling import (
    LAWS,
    FitConfig,
    envelope_allocation,
    fit_law,
    frontier,
    isoflop_allocation,
    parametric_allocation,
    without_constant,
)

QUICK = FitConfig(draws=60)
TRUE_EXPONENT = SMALL["alpha_D"] / (SMALL["alpha_N"] + SMALL["alpha_D"])


def profiles(*, spread=5.0, noise=0.002, seed=0):
    """Seven sizes around the best one, at each of four budgets."""
    best = parametric_allocation(fit_law(LAWS["ND"], small_grid(noise=0), QUICK))
    computes = np.geomspace(1e12, 1e15, 4)
    sizes = np.concatenate(
        [best.params(one).value * np.geomspace(1 / spread, spread, 7) for one in computes]
    )
    values = {"N": sizes, "D": np.repeat(computes, 7) / 6 / sizes}
    return drawn(LAWS["ND"], SMALL, values, noise=noise, seed=seed)


class TestParametric:
    @pytest.mark.parametrize("kind", ["ND", "ND-kaplan"])
    def test_is_the_minimum_along_the_budget(self, kind):
        """The closed form agrees with trying every size."""
        law, truth = (LAWS["ND"], SMALL)
        n, d = crossed(np.geomspace(1e4, 1e6, 5), np.geomspace(1e6, 1e8, 5))
        if kind == "ND-kaplan":
            law, truth = without_constant(LAWS["ND-kaplan"]), KAPLAN_ND
        runs = drawn(law, truth, {"N": n, "D": d}, noise=0, seed=0)
        found = parametric_allocation(fit_law(law, runs, QUICK))
        sizes = np.geomspace(1e3, 1e9, 20001)
        losses = law.loss_at(truth, {"N": sizes, "D": 1e15 / 6 / sizes})
        assert found.params(1e15).value == pytest.approx(sizes[losses.argmin()], rel=0.02)
        assert found.tokens(1e15).value * found.params(1e15).value * 6 == pytest.approx(1e15)

    def test_knows_how_well_it_knows(self):
        """The true exponent lies in the interval."""
        found = parametric_allocation(fit_law(LAWS["ND"], small_grid(), QUICK)).params_exponent
        assert found.low < TRUE_EXPONENT < found.high

    def test_refuses_a_law_of_size_alone(self):
        """It does not say what data buy."""
        fit = fit_law(without_constant(LAWS["N"]), small_grid(), QUICK)
        with pytest.raises(InputError, match="fit a law of N and D"):
            parametric_allocation(fit)


class TestIsoflop:
    def test_finds_the_exponent(self):
        """From the minima of four parabolas."""
        found = isoflop_allocation(profiles(), QUICK)
        assert len(found.optima) == 4
        assert found.params_exponent.value == pytest.approx(TRUE_EXPONENT, abs=0.03)

    def test_leaves_out_a_profile_without_a_minimum(self):
        """By name; the other three still make a line."""
        runs = profiles()
        runs[:3] = [replace(run, loss=run.loss + 0.7) for run in runs[:3]]
        runs[3:7] = [replace(run, loss=2.6 - 0.1 * place) for place, run in enumerate(runs[3:7])]
        found = isoflop_allocation(runs, QUICK)
        assert len(found.optima) == 3
        assert "1e+12 FLOP" in found.left_out[0]

    def test_refuses_two_profiles(self):
        """Two points make a line and no interval."""
        with pytest.raises(InputError, match="3 budgets"):
            isoflop_allocation(profiles()[:14], QUICK)


class TestEnvelope:
    def test_finds_the_exponent(self):
        """From who is lowest where; curves are coarser than the other two ways."""
        found = envelope_allocation(with_curves(), QUICK).params_exponent
        assert found.value == pytest.approx(TRUE_EXPONENT, abs=0.06)
        assert found.low < TRUE_EXPONENT < found.high

    def test_has_a_frontier_that_falls(self):
        """The lowest loss at more compute is lower, and larger models reach it."""
        front = frontier(with_curves(noise=0))
        assert (np.diff(front.loss) <= 1e-12).all()
        assert (np.diff(front.params) >= 0).all()

    def test_refuses_runs_without_curves(self):
        """A last loss is no curve."""
        with pytest.raises(InputError, match="training curves"):
            envelope_allocation(small_grid(), QUICK)
