"""Feature decoders: forward passes worked by hand, projections, tasks, replicas."""

import math

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.models.feature_decoder import (
    Activation,
    FeatureDecoder,
    power_law_density,
    random_projection,
    squared_error,
    target_of,
)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_neuron(activation: Activation = "relu") -> FeatureDecoder:
    """One neuron that reads the first of two features, with a bias of -0.5 and a readout of 2."""
    model = FeatureDecoder(1, torch.eye(2), 1, 2, activation=activation, generator=stream())
    model.weight_in.data = torch.tensor([[[1.0, 0.0]]])
    model.bias.data = torch.tensor([[-0.5]])
    model.weight_out.data = torch.tensor([[[2.0], [0.0]]])
    return model


class TestProjection:
    def test_has_columns_of_length_one(self):
        """The paper rescales them after the decomposition."""
        projection = random_projection(12, 5, generator=stream())
        assert projection.shape == (5, 12)
        torch.testing.assert_close(projection.norm(dim=0), torch.ones(12))

    def test_spreads_features_evenly(self):
        """In 64 dimensions 128 columns meet at cosines of about 1/sqrt(m) or less."""
        gram = random_projection(128, 64, generator=stream()).mT
        cosines = gram @ gram.mT - torch.eye(128)
        assert cosines.square().mean().sqrt() < 1 / math.sqrt(64)

    def test_refuses_more_dimensions_than_features(self):
        """Such a space need not be shared."""
        with pytest.raises(InputError, match="inputs=5"):
            random_projection(4, 5, generator=stream())


class TestPowerLaw:
    def test_keeps_the_mean_and_falls(self):
        """By hand: 1, 1/2 rescaled to a mean of 0.3 are 0.4 and 0.2."""
        torch.testing.assert_close(power_law_density(2, 0.3, power=1.0), torch.tensor([[0.4, 0.2]]))

    def test_clips_at_one(self):
        """No feature is more than always on."""
        assert power_law_density(4, 0.6, power=3.0)[0, 0] == 1


class TestFeatureDecoder:
    @pytest.mark.parametrize(
        ("activation", "answers"),
        [
            ("relu", (1.0, 0.0)),
            ("gelu", (2 * 0.5 * 0.6914625, 2 * -0.5 * 0.3085375)),
            ("solu", (2 * 0.5 * math.exp(0.5), 2 * -0.5 * math.exp(-0.5))),
        ],
    )
    def test_computes_by_hand(self, activation, answers):
        """The sum is 0.5 for the first feature and -0.5 for the second."""
        given = one_neuron(activation)(torch.eye(2))[0, :, 0]
        torch.testing.assert_close(given, torch.tensor(answers))

    def test_begins_alike_in_every_replica(self):
        """What differs later is how they were trained."""
        model = FeatureDecoder(3, torch.eye(4), 5, 4, generator=stream())
        for value in model.parameters():
            assert value.shape[0] == 3
            assert torch.equal(value[0], value[2])
        assert model.weight_in.abs().max() <= 0.5

    def test_trains_no_projection(self):
        """P is a buffer, so that the population trainer never sees it."""
        names = {name for name, _ in one_neuron().named_parameters()}
        assert names == {"weight_in", "bias", "weight_out"}

    def test_keeps_replicas_apart(self):
        """The loss of one replica has no gradient in another."""
        model = FeatureDecoder(3, torch.eye(4), 5, 4, generator=stream())
        values = torch.rand(8, 4, generator=stream())
        squared_error(model(values), values)[1].backward()
        gradient = model.weight_in.grad
        assert gradient is not None
        assert gradient[[0, 2]].abs().max() == 0
        assert gradient[1].abs().max() > 0


class TestTasks:
    def test_ask_for_features_sizes_or_another_projection(self):
        """By hand, one example of two features."""
        values = torch.tensor([[0.5, -1.0]])
        other = torch.tensor([[2.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
        assert target_of("decoder", values).tolist() == [[0.5, -1.0]]
        assert target_of("abs", values).tolist() == [[0.5, 1.0]]
        assert target_of("re-projector", values, other).tolist() == [[0.0, -1.0, 0.5]]

    def test_need_a_second_projection_to_re_project(self):
        """There is nothing to project with."""
        with pytest.raises(InputError, match="second projection"):
            target_of("re-projector", torch.ones(1, 2))

    def test_sum_the_error_over_outputs(self):
        """By hand: examples err by 1 + 4 and by 1, on average 3."""
        predicted = torch.tensor([[[1.0, 2.0], [0.0, 1.0]]])
        assert squared_error(predicted, torch.zeros(2, 2)).tolist() == [3.0]
