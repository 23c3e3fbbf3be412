import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.evaluate.calibration import (
    auroc,
    brier_score,
    expected_calibration_error,
    reliability,
)


class TestExpectedCalibrationError:
    def test_is_zero_for_honest_confidence(self):
        """Of four answers given at 75 %, three are right."""
        confidence = np.full(4, 0.75)
        correct = np.array([True, True, True, False])
        assert expected_calibration_error(confidence, correct) == pytest.approx(0)

    def test_is_the_gap_of_a_boaster(self):
        """Always sure and half right: the gap is one half."""
        correct = np.array([True, False])
        assert expected_calibration_error(np.ones(2), correct) == pytest.approx(0.5)

    def test_refuses_an_empty_set(self):
        """Nothing was measured, so no number may come out."""
        with pytest.raises(InputError, match="no answers"):
            expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool))

    def test_refuses_what_is_no_probability(self):
        """Log-probabilities passed by mistake would give a plausible number."""
        with pytest.raises(InputError, match="no probability"):
            expected_calibration_error(np.array([-1.2]), np.array([True]))

    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
    def test_lies_between_zero_and_one(self, answers):
        """It is a weighted mean of distances between two shares."""
        confidence = np.array([c for c, _ in answers])
        correct = np.array([c for _, c in answers])
        assert 0 <= expected_calibration_error(confidence, correct) <= 1


class TestReliability:
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
    def test_counts_every_answer_once(self, confidence):
        """Confidence 1.0 belongs to the last bin, not to none."""
        bins = reliability(np.array(confidence), np.zeros(len(confidence), dtype=bool))
        assert sum(b.count for b in bins) == len(confidence)


class TestBrierScore:
    def test_is_a_quarter_for_a_coin(self):
        """Saying one half always costs one quarter, whatever happens."""
        assert brier_score(np.full(2, 0.5), np.array([True, False])) == pytest.approx(0.25)


class TestAuroc:
    def test_counts_ties_as_half(self):
        """A score that never varies knows nothing: one half."""
        assert auroc(np.ones(4), np.array([True, False, True, False])) == pytest.approx(0.5)

    def test_is_the_share_of_ordered_pairs(self):
        """Of the four pairs (true, false), three are in order."""
        score = np.array([0.9, 0.4, 0.5, 0.1])
        label = np.array([True, True, False, False])
        assert auroc(score, label) == pytest.approx(0.75)

    def test_is_undefined_for_one_class(self):
        """Without a false one there is no pair to order."""
        assert np.isnan(auroc(np.ones(2), np.array([True, True])))
