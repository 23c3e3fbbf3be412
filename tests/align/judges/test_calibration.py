"""Calibration of preferences: known probabilities, planted mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.align.judges.calibration import (
    accuracy_by_threshold,
    calibrate,
    matched_by_margin,
    rightness,
    sureness,
)
from glasshouse.errors import InputError


def drawn(scale: float, *, count: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Margins of a judge whose true margins are `scale` times as large, and what was preferred."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0, 1.5, count)
    return margin, (rng.random(count) < 1 / (1 + np.exp(-scale * margin))).astype(float)


def test_finds_the_honest_honest():
    """A judge whose margins are the true log-odds has next to no error."""
    found = calibrate(*drawn(1.0))
    assert found.error < 0.015
    assert abs(found.overconfidence) < 0.01
    assert found.counts.sum() == 20_000


@pytest.mark.parametrize(("scale", "sign"), [(0.4, 1), (2.5, -1)])
def test_knows_the_sign_of_a_mistake(scale, sign):
    """Margins that are too large claim too much; too small, too little."""
    found = calibrate(*drawn(scale))
    assert found.error > 0.05
    assert np.sign(found.overconfidence) == sign


def test_takes_true_probabilities():
    """Without the chance of single choices the honest judge has no error at all."""
    margin, _ = drawn(1.0, count=500)
    assert calibrate(margin, 1 / (1 + np.exp(-margin))).error < 1e-12


@given(margin=st.floats(-20, 20), p=st.floats(0, 1))
def test_does_not_depend_on_the_order_of_replies(margin, p):
    """Swapping both replies swaps margin and preference."""
    one = sureness(np.array([margin]), np.array([p]))
    two = sureness(np.array([-margin]), np.array([1 - p]))
    np.testing.assert_allclose(one, two, atol=1e-12)


def test_ties_are_half_right():
    """Who cannot tell is right half of the time."""
    assert rightness(np.zeros(2), np.array([1.0, 0.0])).tolist() == [0.5, 0.5]


def test_accuracy_falls_where_high_scores_were_made_useless():
    """Pairs that both score high are decided by a coin; the rest by their margin."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4000))
    honest = (first > second).astype(float)
    high = np.minimum(first, second) > 0
    p_first = np.where(high, rng.integers(0, 2, 4000), honest)
    found = accuracy_by_threshold(first, second, p_first, shares=(0.0, 0.8))
    assert found[0].pairs == 4000
    assert found[0].accuracy > 0.85
    assert found[1].accuracy < 0.65


def test_matches_the_spread_of_others():
    """What is drawn lies as far apart as what was wanted, though the pool does not."""
    rng = np.random.default_rng(0)
    pool, wanted = rng.normal(0, 2, 5000), rng.normal(0, 0.5, 800)
    places = matched_by_margin(pool, wanted, rng=rng)
    assert len(places) == 800
    assert np.abs(pool[places]).mean() == pytest.approx(np.abs(wanted).mean(), rel=0.1)


def test_matches_nothing_where_nobody_is_as_near():
    """A bin without anybody is left out rather than filled with others."""
    rng = np.random.default_rng(0)
    assert len(matched_by_margin(np.full(50, 9.0), np.linspace(0.1, 0.2, 80), rng=rng)) <= 10


@pytest.mark.parametrize(
    ("margin", "p_first", "told"),
    [
        ([], [], "0 margins"),
        ([1.0], [1.5], "between 0 and 1"),
        ([np.nan], [1.0], "diverged"),
    ],
)
def test_refuses_what_is_no_list_of_pairs(margin, p_first, told):
    """One sentence each."""
    with pytest.raises(InputError, match=told):
        calibrate(np.array(margin, dtype=float), np.array(p_first, dtype=float))
