"""AdamW's groups."""

import pytest
from tests.training.tiny_runs import make_model

from glasshouse.errors import InputError
from glasshouse.training import OptimizerConfig, make_optimizer


class TestMakeOptimizer:
    def test_decays_matrices_and_nothing_else(self):
        """Biases and gains have no scale to be pulled from; every parameter is in one group."""
        network = make_model().network
        optimizer = make_optimizer(network, OptimizerConfig(weight_decay=0.3))
        decayed = {id(p) for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]}
        spared = {
            id(p) for g in optimizer.param_groups if not g["weight_decay"] for p in g["params"]
        }
        assert decayed == {id(p) for p in network.parameters() if p.ndim >= 2}
        assert spared == {id(p) for p in network.parameters() if p.ndim < 2}

    def test_leaves_frozen_parameters_alone(self):
        """Fine-tuning trains a part of a model."""
        network = make_model().network
        network.embed.weight.requires_grad_(False)
        optimizer = make_optimizer(network, OptimizerConfig())
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert id(network.embed.weight) not in held


class TestOptimizerConfig:
    @pytest.mark.parametrize(
        "wrong", [{"beta1": 1.0}, {"beta2": -0.1}, {"weight_decay": -1.0}, {"clip_norm": 0.0}]
    )
    def test_refuses_what_is_no_optimizer(self, wrong):
        """The message names the field."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            OptimizerConfig(**wrong)
