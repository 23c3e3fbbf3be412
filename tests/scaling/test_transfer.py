import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.scaling import (
    FitConfig,
    effective_data_transferred,
    fit_transfer,
    invert,
    unified_loss,
)
from glasshouse.scaling.transfer import monotone

DATA = np.geomspace(1e3, 1e6, 7)
LOSSES = 5.0 * DATA**-0.1


class TestInvert:
    @pytest.mark.parametrize("amount", [1e3, 3e4, 1e6])
    def test_reads_a_curve_backwards(self, amount):
        """On a power law, interpolation in the logarithm errs by little."""
        found = invert(DATA, LOSSES, 5.0 * amount**-0.1)
        assert found.value == pytest.approx(amount, rel=0.05)
        assert not found.censored

    def test_marks_what_lies_beyond_the_curve(self):
        """A fine-tuned model better than all scratch runs is censored, not clipped."""
        assert invert(DATA, LOSSES, 0.5).censored == "above"
        assert invert(DATA, LOSSES, 9.0).censored == "below"

    def test_averages_neighbours_that_rise(self):
        """By hand: 3 and 5 pool to 4."""
        assert list(monotone(np.array([6.0, 3, 5, 2]))) == [6, 4, 4, 2]
        found = invert(np.array([1.0, 10, 100, 1000]), np.array([6.0, 3, 5, 2]), 3.0)
        assert found.value == pytest.approx(10**2.5)  # halfway from 4 at 100 to 2 at 1,000

    def test_refuses_a_curve_of_two(self):
        """Nor one whose data fall."""
        with pytest.raises(InputError, match="too short"):
            invert(DATA[:2], LOSSES[:2], 2.0)
        with pytest.raises(InputError, match="rising"):
            invert(DATA[::-1].copy(), LOSSES, 2.0)


class TestTransfer:
    def test_is_effective_data_less_what_was_given(self):
        """A loss that scratch needs 1e5 for, had with 1e4: 9e4 were transferred."""
        found = effective_data_transferred(
            DATA, LOSSES, finetuned_loss=5.0 * 1e5**-0.1, finetuned_data=1e4
        )
        assert found.value == pytest.approx(9e4, rel=0.05)

    def test_recovers_the_published_law(self):
        """Text to Python, three sizes by five amounts, a tenth of noise: near the truth, and inside
        the intervals about as often as they say."""
        sizes, data = (
            one.ravel() for one in np.meshgrid(np.geomspace(1e6, 1e8, 3), np.geomspace(1e5, 1e7, 5))
        )
        truth, hits = {"alpha": 0.18, "beta": 0.38}, []
        for seed in range(60):
            noise = np.exp(0.1 * np.random.default_rng(seed).standard_normal(15))
            found = fit_transfer(
                1.9e4 * data**0.18 * sizes**0.38 * noise, data, sizes, FitConfig(draws=100)
            )
            for name, value in truth.items():
                assert found[name].value == pytest.approx(value, abs=0.06)
                hits.append(found[name].low < value < found[name].high)
        assert 0.8 <= np.mean(hits) <= 0.99

    def test_refuses_ossified_and_single_sized_runs(self):
        """A negative D_T has no logarithm; one size shows no beta."""
        with pytest.raises(InputError, match="ossified"):
            fit_transfer(np.array([1.0, 2, -1, 3, 4]), DATA[:5], DATA[:5])
        with pytest.raises(InputError, match="vary apart"):
            fit_transfer(DATA, DATA, np.full(7, 1e6), FitConfig(draws=20))

    def test_unifies_to_kaplans_law(self):
        """With k·D_F^alpha·N^beta = D it is L(N, D)."""
        found = unified_loss(
            params=1e6, data=1e9, transfer=(1.0, 1.0, 0.0), scratch=(0.08, 1e13, 0.1, 1e13)
        )
        assert found == pytest.approx(((1e13 / 1e6) ** 0.8 + 1e13 / 1e9) ** 0.1)
