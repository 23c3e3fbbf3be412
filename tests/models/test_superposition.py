"""Toy models of superposition: forward passes worked by hand, data, geometry, theory."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.models.superposition import (
    HiddenReLU,
    LinearOutput,
    ReLUOutput,
    geometric_importance,
    weighted_error,
)
from glasshouse.models.superposition_data import ActivityPatterns, ToyData
from glasshouse.models.superposition_geometry import (
    attack_direction,
    components,
    dimensions_per_feature,
    feature_dimensionality,
    interference,
    num_represented,
    phase_of,
    phase_theory,
    polysemanticity,
)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def polygon(corners: int) -> torch.Tensor:
    angles = torch.arange(corners) * 2 * math.pi / corners
    return torch.stack([angles.cos(), angles.sin()])[None]


class TestModels:
    def test_reads_a_digon_back(self):
        """Two opposite features in one dimension: the ReLU removes the interference of one."""
        model = ReLUOutput(1, 2, 1, generator=stream())
        model.weight.data = torch.tensor([[[1.0, -1.0]]])
        answer = model(torch.tensor([[[0.7, 0.0], [0.0, 0.4]]]))
        torch.testing.assert_close(answer, torch.tensor([[[0.7, 0.0], [0.0, 0.4]]]))

    def test_keeps_interference_without_a_relu(self):
        """The linear model answers with the opposite feature's negative."""
        model = LinearOutput(1, 2, 1, generator=stream())
        model.weight.data = torch.tensor([[[1.0, -1.0]]])
        answer = model(torch.tensor([[[0.7, 0.0]]]))
        torch.testing.assert_close(answer, torch.tensor([[[0.7, -0.7]]]))

    def test_computes_an_absolute_value_with_two_neurons(self):
        """The paper's construction: one neuron a sign."""
        model = HiddenReLU(1, 1, 2, tied=False, generator=stream())
        assert model.readout is not None
        model.weight.data = torch.tensor([[[1.0], [-1.0]]])
        model.readout.data = torch.ones(1, 2, 1)
        answer = model(torch.tensor([[[-0.3], [0.8]]]))
        torch.testing.assert_close(answer, torch.tensor([[[0.3], [0.8]]]))

    def test_reads_back_with_its_own_weights_when_tied(self):
        """A tied model has no second matrix."""
        model = HiddenReLU(2, 3, 2, tied=True, generator=stream())
        assert {name for name, _ in model.named_parameters()} == {"weight", "bias"}
        assert model(torch.rand(2, 5, 3)).shape == (2, 5, 3)

    def test_keeps_replicas_apart(self):
        """The loss of one replica has no gradient in another."""
        model = ReLUOutput(3, 4, 2, generator=stream())
        values = torch.rand(3, 8, 4)
        weighted_error(model(values), values, torch.ones(1, 4))[1].backward()
        assert model.weight.grad is not None
        assert model.weight.grad[[0, 2]].abs().max() == 0
        assert model.weight.grad[1].abs().max() > 0

    def test_weighs_examples_and_features(self):
        """By hand: 2 * (1/4 * 1) for the first example, importance 2, weight 1/4."""
        error = weighted_error(
            torch.tensor([[[1.0], [0.0]]]),
            torch.zeros(1, 2, 1),
            torch.tensor([[2.0]]),
            torch.tensor([[0.25, 0.75]]),
        )
        assert error.item() == pytest.approx(0.5)

    def test_decays_importance(self):
        """I_i = 0.5^i."""
        torch.testing.assert_close(geometric_importance(3, 0.5), torch.tensor([[1.0, 0.5, 0.25]]))


class TestToyData:
    def test_has_the_density_of_each_replica(self):
        """Density by replica; uniform values have mean one half (tolerance: four deviations)."""
        density = torch.tensor([0.1, 0.5])
        values = ToyData(features=10, density=density).sample(2, 4_000, stream())
        active = (values > 0).float().mean(dim=(1, 2))
        torch.testing.assert_close(active, density, atol=0.012, rtol=0)
        means = values.sum(dim=(1, 2)) / (values > 0).sum(dim=(1, 2))
        torch.testing.assert_close(means, torch.full((2,), 0.5), atol=0.02, rtol=0)

    def test_turns_correlated_features_on_together(self):
        """Two features of a set are both zero or both not, with values of their own."""
        data = ToyData(features=4, density=0.3, groups="correlated", group_size=2)
        values = data.sample(1, 2_000, stream())[0]
        active = values > 0
        assert torch.equal(active[:, 0], active[:, 1])
        assert not torch.equal(active[:, 0], active[:, 2])
        assert not torch.equal(values[:, 0], values[:, 1])

    def test_turns_at_most_one_anticorrelated_feature_on(self):
        """One of the set speaks, each as often as the other."""
        data = ToyData(features=4, density=0.5, groups="anticorrelated", group_size=2)
        active = (data.sample(1, 8_000, stream())[0] > 0).float()
        assert active[:, :2].sum(dim=1).max() == 1
        torch.testing.assert_close(active.mean(dim=0), torch.full((4,), 0.25), atol=0.025, rtol=0)

    def test_spans_both_signs(self):
        """Signed values run from -1 to 1 and silent features stay zero."""
        values = ToyData(features=3, density=0.5, kind="signed").sample(1, 2_000, stream())
        assert values.min() < -0.9
        assert values.max() > 0.9
        assert (values == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)

    @pytest.mark.parametrize("groups", ["none", "correlated", "anticorrelated"])
    def test_gives_equal_replicas_equal_examples_when_asked(self, groups):
        """Restarts of one setting are compared on the same examples."""
        data = ToyData(
            features=4, density=torch.tensor([0.3, 0.3, 0.9]), groups=groups, group_size=2
        )
        values = data.sample_alike(3, 50, stream())
        assert torch.equal(values[0], values[1])
        assert not torch.equal(values[0], values[2])

    def test_repeats_itself_from_a_seed(self):
        """Same generator seed, same bits."""
        data = ToyData(features=4, density=0.3)
        assert torch.equal(data.sample(2, 9, stream(3)), data.sample(2, 9, stream(3)))

    @pytest.mark.parametrize("density", [0.0, 1.5])
    def test_refuses_a_density_out_of_range(self, density):
        """The message names the value and the limit."""
        with pytest.raises(InputError, match=r"must lie in \(0, 1\]"):
            ToyData(features=2, density=density)

    def test_refuses_sets_that_do_not_fit(self):
        """Five features are no two pairs."""
        with pytest.raises(InputError, match="group_size=2"):
            ToyData(features=5, density=0.5, groups="correlated", group_size=2)


class TestActivityPatterns:
    @given(density=st.floats(0.01, 1.0))
    def test_weights_sum_to_one(self, density):
        """They are the probabilities of all patterns."""
        data = ActivityPatterns(density=torch.full((1, 3), density))
        _, weights = data.sample(2, stream())
        assert weights.sum().item() == pytest.approx(1, abs=1e-5)

    def test_expects_what_plain_sampling_expects(self):
        """Mean of x_i is p/2 for each feature (standard error here is about 0.005)."""
        density = torch.tensor([[0.1, 0.6]])
        values, weights = ActivityPatterns(density=density).sample(4_000, stream())
        means = (values * weights[..., None]).sum(dim=1)
        torch.testing.assert_close(means, density / 2, atol=0.01, rtol=0)

    def test_refuses_too_many_features(self):
        """2^n patterns would not fit a batch."""
        with pytest.raises(InputError, match="ToyData"):
            ActivityPatterns(density=torch.full((1, 12), 0.5))


class TestGeometry:
    @pytest.mark.parametrize(("corners", "share"), [(3, 2 / 3), (5, 2 / 5), (4, 1 / 2)])
    def test_shares_dimensions_in_regular_shapes(self, corners, share):
        """k corners in two dimensions have 2/k each; a square is two digons."""
        shares = feature_dimensionality(polygon(corners))
        torch.testing.assert_close(shares, torch.full((1, corners), share))

    @pytest.mark.parametrize(
        ("corners", "names"),
        [(3, ["triangle"]), (4, ["digon", "digon"]), (5, ["pentagon"]), (7, ["other"])],
    )
    def test_names_shapes(self, corners, names):
        """A square falls apart, for its two digons share no dimension."""
        assert [part.name for part in components(polygon(corners)[0])] == names

    def test_leaves_out_what_is_not_represented(self):
        """A short column belongs to no shape and has dimensionality near zero when covered."""
        weight = torch.tensor([[1.0, -1.0, 0.1]])
        (digon,) = components(weight)
        assert digon.members == (0, 1)
        assert feature_dimensionality(weight[None])[0, 2] < 0.01
        assert num_represented(weight[None]).item() == 2

    def test_measures_interference_and_dimensions(self):
        """Two opposite unit features: interference one, half a dimension each."""
        weight = torch.tensor([[[1.0, -1.0]]])
        torch.testing.assert_close(interference(weight), torch.ones(1, 2))
        assert dimensions_per_feature(weight).item() == pytest.approx(0.5)

    def test_counts_the_features_of_a_neuron(self):
        """Weights above a fifth of the largest; a dead neuron answers to none."""
        weight = torch.tensor([[[1.0, 0.3, 0.1], [0.0, 0.0, 0.0]]])
        assert polysemanticity(weight).tolist() == [[2.0, 0.0]]

    def test_attacks_where_it_hurts_most(self):
        """The harm of the chosen direction is no less than of 200 random ones."""
        generator = stream(1)
        weight = torch.randn(1, 3, 6, generator=generator)
        direction = attack_direction(weight, torch.ones(1, 6))
        random = torch.randn(200, 6, generator=generator)
        random /= random.norm(dim=1, keepdim=True)
        rows = (weight.mT @ weight)[0]
        worst = (rows @ random.T).abs().max()
        assert (rows @ direction[0]).abs().max() >= worst - 1e-6


class TestPhases:
    @pytest.mark.parametrize(
        ("density", "importance", "phase"),
        [(1.0, 0.1, "absent"), (1.0, 10.0, "dedicated"), (0.01, 1.0, "superposed")],
    )
    def test_has_three_phases(self, density, importance, phase):
        """Dense features follow importance, sparse equal ones share."""
        assert phase_theory(np.array(density), np.array(importance)).item() == phase

    @given(importance=st.floats(0.1, 1.0))
    def test_crosses_where_algebra_says(self, importance):
        """For r <= 1, superposition wins below p = 4r / (2 + 5r)."""
        edge = 4 * importance / (2 + 5 * importance)
        below, above = phase_theory(np.array([0.99 * edge, 1.01 * edge]), np.array(importance))
        assert (below, above) == ("superposed", "absent")

    def test_gives_an_important_third_feature_its_dimension(self):
        """n=3, m=2: the other two pair up when sparse enough."""
        assert phase_theory(np.array(0.3), np.array(4.0), hidden=2).item() == "dedicated"

    def test_reads_phases_from_weights(self):
        """Dropped, alone, and opposite."""
        weight = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, -1.0]]])
        assert phase_of(weight, extra=1) == ["absent", "dedicated", "superposed"]
