import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.scaling import RepetitionPlan, equivalent_size, late_rise, worst_repeats


class TestRepetitionPlan:
    def test_counts_every_document(self):
        """Each document of the subset stands in as many places, every other one in one."""
        plan = RepetitionPlan(documents=1_000, share=0.3, repeats=20)
        assert (plan.subset, plan.unique) == (15, 715)
        places = plan.deal(np.random.default_rng(0))
        counts = np.bincount(places)
        assert len(places) == 1_000
        assert counts.tolist() == [20] * 15 + [1] * 700

    def test_spreads_repetitions_over_the_run(self):
        """No half of a run has nearly all of them."""
        plan = RepetitionPlan(documents=10_000, share=0.5, repeats=100)
        first = plan.deal(np.random.default_rng(1))[:5_000]
        assert 2_200 < (first < plan.subset).sum() < 2_800

    def test_may_be_clean(self):
        """All documents differ."""
        plan = RepetitionPlan(documents=10)
        assert sorted(plan.deal(np.random.default_rng(0)).tolist()) == list(range(10))

    def test_refuses_a_subset_of_nothing(self):
        """More repeats than places."""
        with pytest.raises(InputError, match="repeat less often"):
            RepetitionPlan(documents=100, share=0.1, repeats=11)


class TestEquivalentSize:
    def test_halves_a_model(self):
        """A loss that a clean model of half the size has."""
        sizes = np.geomspace(1e5, 1e7, 9)
        found = equivalent_size(sizes, 3 * sizes**-0.05, loss=3 * 5e5**-0.05, params=1e6)
        assert found.share == pytest.approx(0.5, rel=0.02)
        assert not found.censored


class TestLateRise:
    def test_is_measured_from_the_lowest_before(self):
        """A second descent does not take it back, and a smaller rise before does not count."""
        assert late_rise([3.0, 2.0, 2.1, 1.5, 2.5, 1.0]) == pytest.approx(1.0)

    def test_is_nothing_where_a_loss_falls(self):
        """From first to last."""
        assert late_rise([3.0, 2.0, 1.0]) == 0

    def test_refuses_one_moment(self):
        """There is nothing to rise from."""
        with pytest.raises(InputError, match="two or more"):
            late_rise([1.0])


class TestWorstRepeats:
    def test_lies_between_counts_that_were_tried(self):
        """The top of a parabola in log repeats."""
        counts = np.array([4, 16, 64, 256])
        losses = 3 - (np.log(counts) - np.log(40)) ** 2
        assert worst_repeats(counts, losses) == pytest.approx(40, rel=1e-6)

    def test_may_be_an_end(self):
        """Where nothing beyond was tried."""
        assert worst_repeats([1, 10, 100], [1.0, 2.0, 3.0]) == pytest.approx(100)
