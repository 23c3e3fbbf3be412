"""Intervals cover what they say they cover and say when they know nothing."""

import math

import numpy as np
import pytest

from glasshouse.studies.intervals import (
    bootstrap_interval,
    paired_interval,
    proportion_interval,
    rank_correlation,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestBootstrapInterval:
    def test_covers_the_true_mean_about_as_often_as_it_says(self):
        """95% intervals of 30 normal values cover zero in 85-100% of 60 repetitions."""
        draws = rng(1).normal(size=(60, 30))
        covered = 0
        for row in draws:
            low, high = bootstrap_interval(row, rng=rng(), num_resamples=400)
            covered += low <= 0 <= high
        assert 0.85 * 60 <= covered <= 60

    def test_takes_any_statistic(self):
        """The median of 0..100 lies near 50."""
        low, high = bootstrap_interval(np.arange(101.0), np.median, rng=rng(), num_resamples=300)
        assert 30 < low < 50 < high < 70

    def test_knows_nothing_from_fewer_than_two_values(self):
        """One seed has no spread; NaN ends are unbounded to `judge`."""
        assert all(math.isnan(end) for end in bootstrap_interval([0.3], rng=rng()))
        assert all(math.isnan(end) for end in bootstrap_interval([], rng=rng()))
        assert all(math.isnan(end) for end in bootstrap_interval([0.3, math.nan], rng=rng()))

    def test_is_a_point_when_all_values_agree(self):
        """scipy warns and returns NaN here; equal values do have a known mean."""
        assert bootstrap_interval([2.0, 2.0, 2.0], rng=rng()) == (2.0, 2.0)

    def test_is_a_function_of_its_generator(self):
        """The same seed gives the same interval."""
        values = rng(3).normal(size=12)
        assert bootstrap_interval(values, rng=rng(5)) == bootstrap_interval(values, rng=rng(5))


class TestPairedInterval:
    def test_removes_what_pairs_share(self):
        """Pairs that differ by exactly one give the point one, however far the pairs spread."""
        first = np.array([1.0, 10.0, 100.0])
        assert paired_interval(first + 1, first, rng=rng()) == (1.0, 1.0)


class TestProportionInterval:
    def test_agrees_with_the_textbook(self):
        """Wilson for 8 of 10 at 95%: 0.490 to 0.943."""
        assert proportion_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)

    def test_knows_nothing_without_trials(self):
        """No trial leaves every share possible."""
        assert proportion_interval(0, 0) == (0.0, 1.0)


class TestRankCorrelation:
    def test_sees_order_alone(self):
        """Any rising curve is a perfect one; ties share a rank."""
        assert rank_correlation([1, 2, 5], [0, 3, 100]) == pytest.approx(1)
        assert rank_correlation([1, 2, 3], [5, 5, 1]) == pytest.approx(-0.866, abs=1e-3)

    def test_knows_nothing_of_what_does_not_vary(self):
        """A flat side goes with nothing."""
        assert rank_correlation([1, 1, 1], [0, 3, 100]) == 0
