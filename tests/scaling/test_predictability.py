import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.scaling.predictability import (
    METRICS,
    WHOLE,
    TokenOutcomes,
    foretell,
    foretell_loss,
    foretell_whole,
    log_fit_r2,
    metrics_of,
    minus_log_loss,
    rise_factor,
    share_left,
    sharpness,
)

SIZES = 1e3 * 2.0 ** np.arange(8)


def step(at: int) -> np.ndarray:
    """A skill that comes in one step."""
    return (np.arange(8) >= at).astype(float)


class TestMetricsOf:
    def test_scores_a_case_worked_by_hand(self):
        """Two answers of two tokens: one right, one half right."""
        outcomes = TokenOutcomes(
            logprobs=np.log([[0.8, 0.5], [0.9, 0.1]]),
            is_top=np.array([[True, True], [True, False]]),
        )
        found = metrics_of(outcomes)
        assert found["exact_match"] == pytest.approx(0.5)
        assert found["exact_probability"] == pytest.approx((0.4 + 0.09) / 2)
        assert found["token_accuracy"] == pytest.approx(0.75)
        assert found["token_probability"] == pytest.approx((0.65 + 0.5) / 2)
        assert found["token_logprob"] == pytest.approx(np.log([0.8, 0.5, 0.9, 0.1]).mean())
        assert set(found) == set(METRICS)
        assert set(WHOLE) < set(METRICS)

    def test_refuses_what_no_model_says(self):
        """No answers at all, and probabilities above 1."""
        with pytest.raises(InputError, match="not empty"):
            TokenOutcomes(logprobs=np.zeros((0, 3)), is_top=np.ones((0, 3), dtype=bool))
        with pytest.raises(InputError, match="exceed 0"):
            TokenOutcomes(logprobs=np.ones((1, 1)), is_top=np.ones((1, 1), dtype=bool))


class TestSharpness:
    def test_is_one_for_a_straight_climb(self):
        """Even steps over log scale."""
        assert sharpness(SIZES, np.linspace(-2, 5, 8)) == pytest.approx(1)

    def test_is_largest_for_one_step(self):
        """Seven intervals, all of the rise in one."""
        assert sharpness(SIZES, step(4)) == pytest.approx(7)

    @given(
        gain=st.floats(0.1, 10),
        start=st.floats(-5, 5),
        unit=st.floats(0.01, 100),
        steps=st.lists(st.floats(0.01, 1), min_size=7, max_size=7),
    )
    def test_knows_no_units(self, gain, start, unit, steps):
        """Neither that of the metric nor that of the scale."""
        values = np.cumsum([0, *steps])
        expected = sharpness(SIZES, values)
        assert sharpness(unit * SIZES, start + gain * values) == pytest.approx(expected, rel=1e-6)

    def test_counts_uneven_sizes_by_their_distance(self):
        """A rise over twice the distance is half as steep."""
        sizes = np.array([1.0, 2.0, 4.0, 16.0, 32.0])
        assert sharpness(sizes, [0, 0, 0, 1, 1]) == pytest.approx(5 / 2)
        assert sharpness(sizes, [0, 1, 1, 1, 1]) == pytest.approx(5)

    def test_is_undefined_without_a_rise(self):
        """Flat or falling curves have none."""
        assert np.isnan(sharpness(SIZES, np.zeros(8)))
        assert np.isnan(sharpness(SIZES, -step(4)))

    def test_refuses_what_is_no_curve(self):
        """Too few sizes, sizes that do not rise, values that are no number."""
        with pytest.raises(InputError, match="at least 3"):
            sharpness([1, 2], [0, 1])
        with pytest.raises(InputError, match="rise from size"):
            sharpness([1, 3, 2], [0, 1, 2])
        with pytest.raises(InputError, match="not finite"):
            sharpness([1, 2, 3], [0, np.nan, 2])


class TestRiseFactor:
    def test_measures_a_straight_climb(self):
        """80% of the logarithm of the whole factor."""
        assert rise_factor(SIZES, np.arange(8)) == pytest.approx(128**0.8)

    def test_measures_a_step_by_its_interval(self):
        """80% of one doubling; a dip before or after changes nothing."""
        assert rise_factor(SIZES, step(3)) == pytest.approx(2**0.8)
        dipped = step(3)
        dipped[5] = 0.5
        assert rise_factor(SIZES, dipped) == pytest.approx(2**0.8)

    def test_refuses_shares_that_do_not_rise(self):
        """Both lie inside of the range, the lower one first."""
        with pytest.raises(InputError, match="must rise"):
            rise_factor(SIZES, step(3), low=0.9, high=0.1)
        assert np.isnan(rise_factor(SIZES, -step(3)))


class TestShareLeft:
    def test_is_small_where_the_metric_jumps(self):
        """Tokens that rise evenly; the product of eight of them does not."""
        token = np.linspace(0.3, 0.98, 8)
        assert share_left(SIZES, token**8, token) == pytest.approx(0, abs=1e-9)
        assert sharpness(SIZES, token**8) > 3

    def test_is_near_one_where_the_skill_jumps(self):
        """By whatever metric."""
        probability = np.where(step(4) > 0, 0.999, 1 / 16)
        assert share_left(SIZES, step(4), np.log(probability)) == pytest.approx(1)

    def test_takes_a_power_law_for_no_jump(self):
        """On its own scale; a log-probability that comes near 0 would look like one."""
        losses = 300 * SIZES**-0.8
        whole = np.exp(-8 * losses)
        assert share_left(SIZES, whole, minus_log_loss(-losses)) == pytest.approx(0, abs=1e-9)
        assert share_left(SIZES, whole, -losses) > 1
        with pytest.raises(InputError, match="not above 0"):
            minus_log_loss([-1.0, 0.5])

    def test_is_undefined_where_nothing_jumps(self):
        """A straight climb has no jump to be shared out."""
        assert np.isnan(share_left(SIZES, np.arange(8), step(4)))


class TestForetell:
    def test_finds_each_law_where_it_holds(self):
        """A line by the line, a logistic by the logistic; each from the size before on."""
        x = np.log(SIZES / SIZES[0])
        line, logistic = foretell(SIZES, 0.05 + 0.1 * x)
        assert line.form == "line"
        assert line.surprise == pytest.approx(0, abs=1e-9)
        assert line.places.tolist() == [3, 4, 5, 6, 7]
        _, logistic = foretell(SIZES, 1 / (1 + np.exp(-2 * (x - 2.5))))
        assert logistic.form == "logistic"
        assert logistic.surprise < 0.02

    def test_is_surprised_by_a_step(self):
        """No smooth law of sizes without a skill tells when it comes."""
        assert min(one.surprise for one in foretell(SIZES, step(5))) > 0.9

    def test_keeps_predictions_within_bounds(self):
        """An accuracy above 1 is foretold by nobody."""
        line, _ = foretell(SIZES, np.linspace(0.2, 1, 8) ** 0.3, floor=0.1)
        assert line.predicted.max() <= 1
        assert line.predicted.min() >= 0.1

    def test_refuses_what_leaves_nothing_over(self):
        """Sizes to fit, a size to predict, bounds that rise."""
        with pytest.raises(InputError, match="least=8"):
            foretell(SIZES, step(3), least=8)
        with pytest.raises(InputError, match="floor"):
            foretell(SIZES, step(3), floor=1.0)

    def test_foretells_losses_by_power_laws(self):
        """An exact one is met, and explains all variance."""
        losses = 30 * SIZES**-0.4
        assert foretell_loss(SIZES, losses).surprise == pytest.approx(0, abs=1e-9)
        assert log_fit_r2(SIZES, losses) == pytest.approx(1)
        assert log_fit_r2(SIZES, np.ones(8)) == 0
        with pytest.raises(InputError, match="positive"):
            foretell_loss(SIZES, -losses)

    def test_foretells_whole_answers_from_tokens(self):
        """Where tokens are equally hard, the product is exact though its curve is abrupt."""
        losses = 200 * SIZES**-0.7
        whole = np.exp(-12 * losses)
        assert sharpness(SIZES, whole) > 1.5
        found = foretell_whole(SIZES, losses, whole, length=12)
        assert found.surprise == pytest.approx(0, abs=1e-9)
        with pytest.raises(InputError, match="length"):
            foretell_whole(SIZES, losses, whole, length=0)
