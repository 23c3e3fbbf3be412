import numpy as np
import pytest
from tests.scaling.synthetic import KAPLAN_N, drawn, small_grid

from glasshouse.errors import InputError
from glasshouse.scaling import (
    LAWS,
    FitConfig,
    compare_laws,
    extrapolate,
    fit_law,
    irreducible_loss,
    without_constant,
)

QUICK = FitConfig(draws=60)
BOTH = [LAWS["N"], without_constant(LAWS["N"])]
SIZES = {"N": np.geomspace(1e4, 1e7, 12)}


class TestCompareLaws:
    def test_finds_a_constant_that_is_there(self):
        """And the form without one extrapolates worse."""
        truth = {"E": 1.7, "alpha": 0.3, "N_c": 1e5}
        found = compare_laws(BOTH, drawn(LAWS["N"], truth, SIZES, noise=0.003, seed=0), QUICK)
        assert found.best.fit.law.has_constant
        assert found.best.weight > 0.99
        ours, other = (one.extrapolation for one in found.candidates)
        assert ours is not None
        assert other is not None
        assert ours.median_error < 0.03 < other.median_error
        assert irreducible_loss(found.best.fit).value == pytest.approx(1.7, rel=0.05)

    def test_prefers_none_where_there_is_none(self):
        """Kaplan et al.'s law has no constant; one is not named of it."""
        runs = drawn(BOTH[1], KAPLAN_N, SIZES, noise=0.003, seed=0)
        found = compare_laws(BOTH, runs, QUICK)
        assert not found.best.fit.law.has_constant
        with pytest.raises(InputError, match="cannot be named"):
            irreducible_loss(fit_law(LAWS["N"], runs, QUICK))

    def test_names_forms_it_could_not_fit(self):
        """Four runs are enough for one form and not for the other."""
        runs = drawn(BOTH[1], KAPLAN_N, {"N": np.geomspace(1e4, 1e7, 4)}, noise=0.003, seed=0)
        found = compare_laws(BOTH, runs, QUICK)
        assert [title for title, _ in found.refused] == [LAWS["N"].title]

    def test_refuses_what_no_form_fits(self):
        """The reason is that of the simplest form."""
        with pytest.raises(InputError, match="needs at least 4 runs"):
            compare_laws(BOTH, small_grid()[:2], QUICK)


class TestExtrapolate:
    def test_predicts_held_out_runs_within_two_percent(self):
        """Fitted up to an eighth of the largest compute; median over the rest, over seeds."""
        errors, covered = [], []
        for seed in range(6):
            found = extrapolate(LAWS["ND"], small_grid(seed=seed), QUICK)
            errors.append(found.median_error)
            covered.append(found.covered)
        assert np.median(errors) < 0.02
        assert np.mean(covered) > 0.6  # of few runs that share one fit, and so each other's errors

    def test_refuses_too_few_small_runs(self):
        """An extrapolation from three runs is none."""
        with pytest.raises(InputError, match="needs at least"):
            extrapolate(LAWS["N"], drawn(*_few(), noise=0, seed=0), QUICK)


def _few():
    return BOTH[1], KAPLAN_N, {"N": np.geomspace(1e6, 1e7, 6)}
