"""The study on toy models of superposition: its statistics by hand, and one tiny whole run."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.studies.intervals import rank_correlation
from glasshouse.studies.study import Figure, no_progress
from glasshouse.studies.toy_superposition import STUDY, ToySuperpositionConfig, pentagon
from glasshouse.studies.toy_superposition.basic import BasicConfig
from glasshouse.studies.toy_superposition.computing import ComputingConfig
from glasshouse.studies.toy_superposition.dynamics import DynamicsConfig, count_jumps
from glasshouse.studies.toy_superposition.experiment import (
    Bench,
    Budget,
    mean_over_shuffles,
)
from glasshouse.studies.toy_superposition.geometry import (
    GeometryConfig,
    flatness,
    line_excess,
    line_share,
)
from glasshouse.studies.toy_superposition.geometry_claims import shapes_in_order
from glasshouse.studies.toy_superposition.memorisation import (
    MemorisationConfig,
    along_random_inputs,
    examples,
    in_random_directions,
)
from glasshouse.studies.toy_superposition.pentagon import PentagonConfig
from glasshouse.studies.toy_superposition.phases import PhasesConfig
from glasshouse.studies.toy_superposition.sets import (
    SetsConfig,
    blind_worse_pair,
    steady_rise,
    worse_pair_of_the_best,
)


def minute() -> ToySuperpositionConfig:
    """Everything at its very smallest, to see that it runs."""
    short = Budget(steps=40, batch=16)
    return ToySuperpositionConfig(
        basic=BasicConfig(features=6, hidden=2, densities=(1.0, 0.03), replicas=2, budget=short),
        phases=PhasesConfig(grid=3, restarts=2, hidden=(1, 2), budget=short),
        geometry=GeometryConfig(
            features=8, hidden=2, inverse_densities=(1.0, 2.0, 4.0), replicas=2, budget=short
        ),
        sets=SetsConfig(
            models=3,
            collapse_densities=(0.02, 0.5),
            collapse_models=2,
            budget=short,
            collapse_budget=short,
        ),
        pentagon=PentagonConfig(ratios=(1.0, 1.5, 4.0), models=2, budget=short),
        dynamics=DynamicsConfig(features=6, hidden=2, models=2, watch_every=2, budget=short),
        computing=ComputingConfig(
            features=4, hidden=4, densities=(1.0, 0.3), models=2, budget=short
        ),
        memorisation=MemorisationConfig(
            features=20, density=0.1, sizes=(3, 5, 30), datasets=2, few_restarts=2, budget=short
        ),
    )


class TestStudy:
    def test_runs_and_draws(self):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        findings = STUDY.run(minute(), seed=3, progress=lambda done, total, what: told.append(done))
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert all(result.verdict for result in findings.claims)
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    matplotlib.pyplot.close(drawing)

    def test_measures_the_same_again(self):
        """Same seed, same bits; another seed, other models."""
        config = minute().pentagon
        first, again = (pentagon.measure(config, Bench(seed=3)) for _ in range(2))
        other = pentagon.measure(config, Bench(seed=4))
        assert np.array_equal(first.weights, again.weights)
        assert not np.array_equal(first.weights, other.weights)

    def test_presets_are_configs(self):
        """A preset is a function that returns the config."""
        assert set(STUDY.presets) == {"small", "tour", "paper"}
        for preset in STUDY.presets.values():
            assert isinstance(preset(), ToySuperpositionConfig)

    def test_refuses_a_device_that_is_not_there(self):
        """The message says how to go on."""
        if matplotlib and __import__("torch").cuda.is_available():
            pytest.skip("a GPU is here")
        with pytest.raises(InputError, match="--set device=cpu"):
            STUDY.run(replace(minute(), device="cuda"), seed=0, progress=no_progress)


class TestBench:
    def test_gives_every_name_its_own_stream(self):
        """Adding an experiment must not move the others."""
        bench = Bench(seed=1)
        first, again = bench.rng("a").random(), bench.rng("a").random()
        assert first == again
        assert first != bench.rng("b").random()
        assert bench.generator("a").initial_seed() != Bench(seed=2).generator("a").initial_seed()


class TestShuffles:
    def test_find_no_order_in_shuffled_values(self):
        """One shuffle of five values may rise; their mean does not."""
        line = np.arange(5.0)
        mean = mean_over_shuffles(
            lambda dealt: rank_correlation(line, dealt), line, rng=np.random.default_rng(0)
        )
        assert mean == pytest.approx(0, abs=0.1)

    def test_leave_out_what_is_undefined(self):
        """A shuffle that measures nothing does not count; none at all is NaN."""
        rng = np.random.default_rng(0)
        first = lambda dealt: 1.0 if dealt[0] else np.nan  # noqa: E731
        assert mean_over_shuffles(first, np.array([0.0, 1.0]), rng=rng) == 1.0
        assert np.isnan(mean_over_shuffles(first, np.zeros(2), rng=rng))


class TestFlatness:
    def test_is_zero_on_a_plateau(self):
        """D* falls, rests at 1/2, and falls on."""
        k = np.exp(np.arange(7) * 0.2)
        assert flatness(k, np.array([0.8, 0.65, 0.5, 0.5, 0.5, 0.4, 0.35])) == pytest.approx(
            0, abs=1e-9
        )

    def test_is_one_on_a_straight_line(self):
        """Equal slopes everywhere."""
        k = np.exp(np.arange(41) * 0.2)
        assert flatness(k, np.linspace(0.9, 0.1, 41)) == pytest.approx(1)


class TestLines:
    def test_sees_features_on_the_lines(self):
        """Half of the features at 1/2, half spread out: far more than smooth."""
        spread = np.linspace(0.1, 0.95, 200)
        assert line_excess(spread) == pytest.approx(1, abs=0.15)
        assert line_excess(np.concatenate([spread, np.full(200, 0.5)])) > 1.5

    def test_counts_active_features_only(self):
        """One of two active features is on the line; the dead one does not count."""
        assert line_share(np.array([[0.5, 0.6, 0.0]]), 0.5).tolist() == [0.5]

    def test_orders_shapes_by_sparsity(self):
        """Triangles at 1, digons at 2, pentagons at 6: the smaller ratio is two."""
        shares = np.array([[2 / 3], [1 / 2], [2 / 5]])
        assert shapes_in_order(np.array([1.0, 2.0, 6.0]), shares) == pytest.approx(2)


class TestJumps:
    def test_counts_a_jump_with_its_drop(self):
        """One feature leaves its level at look 50, where the loss falls."""
        shares = np.full((100, 1, 2), 0.4)
        shares[51:, 0, 0] = 0.7
        rng = np.random.default_rng(0)
        loss = 1 - 0.001 * np.arange(100)[:, None] + rng.normal(0, 1e-5, (100, 1))
        flat, total = count_jumps(shares, loss)
        loss[51:] -= 0.1
        aligned, _ = count_jumps(shares, loss)
        assert (flat[0], aligned[0], total[0]) == (0, 1, 1)


class TestSets:
    def test_looks_at_the_models_of_lowest_loss(self):
        """The third model is too far off to count."""
        cosines = np.array([[-1.0, -0.8], [-1.0, -1.0], [0.0, 0.0]])
        assert worse_pair_of_the_best(cosines, np.array([1.0, 1.01, 2.0])) == pytest.approx(-0.9)

    def test_pairs_blindly_where_there_are_no_pairs(self):
        """Two digons are two antipodal pairs for one of the three ways to pair four features."""
        digons = np.array([[[1.0, -1, 0, 0], [0, 0, 1, -1]]])
        assert blind_worse_pair(digons, np.array([1.0])) == pytest.approx(-1 / 3)

    @pytest.mark.parametrize(
        ("counts", "rise"), [([0, 1, 1, 3], 3), ([0, 2, 1, 3], 2), ([3, 0], -6), ([2, 2], 0)]
    )
    def test_counts_steps_back_against_a_rise(self, counts: list[int], rise: int):
        """Only a monotone rise counts in full."""
        assert steady_rise(np.array(counts, dtype=float)) == rise


class TestBlindColumns:
    def test_keep_what_holds_in_every_basis(self):
        """Along random inputs the spectrum of W stays and no feature stands out."""
        weights = np.zeros((1, 2, 2_000))
        weights[0, :, 0] = 3.0, 1.0
        weights[0, :, 1] = 0.0, 2.0
        columns = along_random_inputs(weights, np.random.default_rng(0))
        expected = weights @ weights.transpose(0, 2, 1)
        np.testing.assert_allclose(columns @ columns.transpose(0, 2, 1), expected, rtol=0.15)
        assert np.linalg.norm(columns, axis=1).max() < 0.5

    def test_keep_lengths_when_turned(self):
        """Only directions are random."""
        weights = np.random.default_rng(0).standard_normal((2, 2, 5))
        turned = in_random_directions(weights, np.random.default_rng(1))
        np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(weights, axis=1))


class TestExamples:
    def test_have_length_one(self):
        """Even where chance made no feature active."""
        config = MemorisationConfig(features=10, density=0.01)
        values = examples(config, 2, 50, Bench(seed=0).generator("x"))
        np.testing.assert_allclose(values.norm(dim=-1).numpy(), 1, atol=1e-6)
