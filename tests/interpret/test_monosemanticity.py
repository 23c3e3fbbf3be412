"""Monosemantic neurons: measures worked by hand."""

import math

import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.monosemanticity import (
    bias_statistics,
    count_monosemantic,
    distinct_features,
    fires,
    monosemanticity,
    residual_algorithm,
    solo_activations,
)
from glasshouse.models.feature_decoder import FeatureDecoder

SOLO = torch.tensor(
    [
        [
            [1.0, 0.0, 0.0],  # one feature
            [0.6, 0.2, 0.2],  # mostly one
            [0.0, 0.0, 0.0],  # silent
            [2.0, 0.0, 0.001],  # one feature, nearly
            [0.0, 3.0, -0.1],  # one feature, others pushed below zero
            [0.00005, 0.0, 0.0],  # as good as silent
        ]
    ]
)
"""Six neurons, three features."""


class TestMonosemanticity:
    def test_is_the_share_of_the_largest(self):
        """By hand; what lies below zero does not count, and silence is no meaning."""
        shares = monosemanticity(SOLO)[0]
        expected = torch.tensor([1.0, 0.6, 0.0, 2 / 2.001, 1.0, 0.0])
        torch.testing.assert_close(shares, expected)

    def test_does_not_count_neurons_that_never_fire(self):
        """The trap: 0/0 with an epsilon can pass every cut."""
        assert fires(SOLO)[0].tolist() == [True, True, False, True, True, False]
        silent = torch.zeros(1, 4, 3)
        assert count_monosemantic(silent).item() == 0
        assert distinct_features(silent, 3).item() == 0

    @pytest.mark.parametrize(("cut", "count"), [(0.5, 4), (0.9, 3), (0.999, 3), (0.9999, 2)])
    def test_counts_by_cut(self, cut, count):
        """The fourth neuron's share is 0.9995."""
        assert count_monosemantic(SOLO, cut=cut).item() == count

    def test_counts_a_feature_once(self):
        """Three monosemantic neurons own two features."""
        assert distinct_features(SOLO, 3).item() == 2

    def test_takes_both_signs_for_one_feature(self):
        """Two neurons, one a sign: one feature."""
        both = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]])
        assert distinct_features(both, 2).item() == 1
        with pytest.raises(InputError, match="features=3"):
            distinct_features(both, 3)


class TestSoloActivations:
    def test_shows_each_feature_alone(self):
        """A neuron that reads the first feature, less a half; the second silences it."""
        model = FeatureDecoder(1, torch.eye(2), 1, 2, generator=torch.Generator())
        model.weight_in.data = torch.tensor([[[1.0, -2.0]]])
        model.bias.data = torch.tensor([[-0.5]])
        assert solo_activations(model).tolist() == [[[0.5, 0.0]]]
        assert solo_activations(model, is_signed=True).tolist() == [[[0.5, 0.0, 0.0, 1.5]]]


class TestBiases:
    def test_are_parted_by_what_a_neuron_is(self):
        """Silent neurons are neither; three monosemantic ones and one polysemantic."""
        bias = torch.tensor([[-0.1, 0.4, 9.0, -0.2, -0.3, 9.0]])
        (found,) = bias_statistics(bias, SOLO)
        assert found.mono_mean == pytest.approx(-0.2)
        assert found.poly_mean == pytest.approx(0.4)

    def test_are_undefined_where_there_are_none(self):
        """NaN, not zero."""
        (found,) = bias_statistics(torch.zeros(1, 2), torch.zeros(1, 2, 3))
        assert math.isnan(found.mono_mean)
        assert math.isnan(found.poly_mean)


class TestResidual:
    def test_sees_a_correction_of_rank_one(self):
        """All chosen neurons read the sum of the features and write the same everywhere."""
        projection = torch.tensor([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])
        total = projection.sum(dim=1)
        weight_in = torch.stack([total, 0.5 * total, torch.tensor([5.0, -7.0])])
        weight_out = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 3.0], [1.0, 1.0, 1.0]])
        chosen = torch.tensor([True, True, False])
        found = residual_algorithm(weight_in, weight_out, chosen, projection)
        assert found.top_share(1) == pytest.approx(1)
        assert found.alignment == pytest.approx(1)

    def test_shares_out_an_identity(self):
        """Four equal singular values: each has a quarter."""
        eye = torch.eye(4)
        found = residual_algorithm(eye, eye, torch.ones(4, dtype=torch.bool), eye)
        np.testing.assert_allclose(found.spectrum, 1)
        assert found.top_share(3) == pytest.approx(0.75)

    def test_is_undefined_without_neurons(self):
        """Nothing is shared out."""
        eye = torch.eye(3)
        found = residual_algorithm(eye, eye, torch.zeros(3, dtype=torch.bool), eye)
        assert math.isnan(found.top_share(1))
