"""Fits against laws that are known: the published ones, with noise, and laptop-sized ones."""

from dataclasses import replace

import numpy as np
import pytest
from tests.scaling.synthetic import (
    CHINCHILLA,
    KAPLAN_N,
    KAPLAN_ND,
    KAPLAN_NS,
    SMALL,
    crossed,
    drawn,
    small_grid,
)

from glasshouse.errors import InputError
from glasshouse.scaling import LAWS, FitConfig, fit_law, without_constant
from glasshouse.scaling.solving import huber, minimise_many

QUICK = FitConfig(draws=100)


def published(name):
    """Points that a published law gives, with noise, and the law."""
    sizes, data = crossed(np.geomspace(1e7, 1e10, 5), np.geomspace(1e9, 1e12, 5))
    match name:
        case "kaplan N":
            return without_constant(LAWS["N"]), KAPLAN_N, {"N": np.geomspace(1e4, 1e9, 12)}
        case "kaplan ND":
            return without_constant(LAWS["ND-kaplan"]), KAPLAN_ND, {"N": sizes, "D": data}
        case "kaplan NS":
            n, s = crossed(np.geomspace(1e5, 1e9, 5), np.geomspace(1e3, 2e5, 6))
            return without_constant(LAWS["NS"]), KAPLAN_NS, {"N": n, "S": s}
        case _:
            return LAWS["ND"], CHINCHILLA, {"N": sizes, "D": data}


class TestFitLaw:
    @pytest.mark.parametrize("name", ["kaplan N", "kaplan ND", "kaplan NS", "chinchilla"])
    def test_recovers_published_laws_from_their_points(self, name):
        """Points generated from the printed formula, half a percent of noise: not the papers' own
        measurements, which are not published as numbers."""
        law, truth, values = published(name)
        fit = fit_law(law, drawn(law, truth, values, noise=0.005, seed=3), QUICK)
        found = fit.estimates
        for exponent in law.exponent_names:
            assert found[exponent].value == pytest.approx(truth[exponent], rel=0.12)
            assert found[exponent].low < found[exponent].value < found[exponent].high
        if law.has_constant:
            assert found["E"].value == pytest.approx(truth["E"], rel=0.05)
        assert fit.spread == pytest.approx(0.005, rel=0.7)  # of as few as 12 residuals

    def test_covers_the_truth_as_often_as_it_says(self):
        """Over many draws of noise, 95% intervals hold exponent and constant 80-98% of the time
        (at 24 draws, up to all of them)."""
        truth = {"E": 1.7, "alpha": 0.3, "N_c": 1e5}
        values = {"N": np.geomspace(1e4, 1e7, 12)}
        hits = {"alpha": [], "E": []}
        for seed in range(24):
            runs = drawn(LAWS["N"], truth, values, noise=0.005, seed=seed)
            found = fit_law(LAWS["N"], runs, replace(QUICK, seed=seed)).estimates
            for name, some in hits.items():
                some.append(found[name].low <= truth[name] <= found[name].high)
        assert all(np.mean(some) >= 0.8 for some in hits.values())

    def test_is_not_moved_by_a_stray(self):
        """One run that went wrong by a quarter changes an exponent by less than its interval."""
        clean = fit_law(LAWS["ND"], small_grid(), QUICK)
        runs = small_grid()
        runs[7] = replace(runs[7], loss=runs[7].loss * 1.25)
        stray = fit_law(LAWS["ND"], runs, QUICK).estimates["alpha_N"]
        wide = clean.estimates["alpha_N"].high - clean.estimates["alpha_N"].low
        assert abs(stray.value - clean.estimates["alpha_N"].value) < wide

    def test_is_exact_without_noise(self):
        """Where the law is the truth, the fit is the law."""
        found = fit_law(LAWS["ND"], small_grid(noise=0), QUICK).estimates
        for name, value in SMALL.items():
            assert found[name].value == pytest.approx(value, rel=1e-3)

    def test_counts_a_curve_as_one_run(self):
        """Ten moments of a run that is off by one error say no more than the run; their intervals
        are not those of ten times the runs."""
        rng = np.random.default_rng(0)
        law = without_constant(LAWS["N"])
        alone, moments = [], []
        for number, size in enumerate(np.geomspace(1e4, 1e7, 8)):
            loss = float(law.loss_at(KAPLAN_N, {"N": np.array([size])})[0])
            run = drawn(law, KAPLAN_N, {"N": np.array([size])}, noise=0, seed=0)[0]
            run = replace(run, loss=loss * float(np.exp(0.01 * rng.standard_normal())))
            alone.append(replace(run, name=f"{number}"))
            moments += [replace(run, name=f"{number}.{k}", group=f"{number}") for k in range(10)]
        widths = []
        for runs in (alone, moments):
            found = fit_law(law, runs, FitConfig(draws=400)).estimates["alpha"]
            widths.append(found.high - found.low)
        assert widths[1] == pytest.approx(widths[0], rel=0.25)

    @pytest.mark.parametrize(
        ("law", "runs", "told"),
        [
            ("N", small_grid()[:3], "has 3 unknowns and needs at least 5 runs"),
            ("N", [replace(run, params=1e6) for run in small_grid()], "different N over a factor"),
            ("ND", [replace(r, tokens=20 * r.params) for r in small_grid()], "rise together"),
            ("NS", small_grid(), "does not say its steps"),
        ],
    )
    def test_refuses_runs_that_cannot_show_the_law(self, law, runs, told):
        """A reason, never a number."""
        with pytest.raises(InputError, match=told):
            fit_law(LAWS[law], runs, QUICK)


class TestSolving:
    def test_huber_is_square_then_straight(self):
        """Half a square up to delta, then a line that meets it."""
        assert huber(np.array([0.5, 1, 3]), 1.0) == pytest.approx([0.125, 0.5, 2.5])

    def test_agrees_in_both_ways(self):
        """The many-at-once minimiser, started elsewhere, ends where L-BFGS did."""
        runs = small_grid()
        fit = fit_law(LAWS["ND"], runs, QUICK)
        x = np.log([[run.params, run.tokens] for run in runs]) - fit.middle
        start = fit.unknowns[None] + 0.1
        found = minimise_many(
            lambda unknowns: LAWS["ND"].log_loss(unknowns, x),
            np.log([run.loss for run in runs]),
            start,
            np.ones((1, len(runs))),
            delta=fit.delta,
        )
        assert found[0] == pytest.approx(fit.unknowns, abs=2e-3)
