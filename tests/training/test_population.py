"""Populations: the same as models trained one by one, and what is refused."""

import math

import pytest
import torch
from torch import nn

from glasshouse.errors import InputError
from glasshouse.models.superposition import ReLUOutput, weighted_error
from glasshouse.models.superposition_data import ToyData
from glasshouse.training.population import (
    PopulationConfig,
    best_of,
    mapped_loss,
    num_replicas,
    parameters_of,
    select,
    stack_modules,
    train_population,
    trained,
)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))


def squared(model, batch) -> torch.Tensor:
    inputs, targets = batch
    return (model(inputs) - targets).square().mean()


def batches(steps: int, replicas: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = stream(5)
    return [
        (
            torch.randn(replicas, 8, 3, generator=generator),
            torch.randn(replicas, 8, 1, generator=generator),
        )
        for _ in range(steps)
    ]


class TestTrainPopulation:
    @pytest.mark.parametrize("weight_decay", [0.0, 0.1])
    def test_agrees_with_modules_trained_one_by_one(self, weight_decay):
        """The reference is torch's own AdamW and LambdaLR; only the order of sums differs."""
        config = PopulationConfig(steps=12, peak_lr=0.02, weight_decay=weight_decay, warmup_steps=3)
        data = batches(config.steps, 3)
        together = trained(
            train_population(
                stack_modules([net(seed) for seed in range(3)]),
                mapped_loss(net(0), squared),
                lambda step: data[step],
                config,
            )
        )
        for replica in range(3):
            model = net(replica)
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=weight_decay)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, config.lr_scale)
            for inputs, targets in data:
                optimizer.zero_grad()
                squared(model, (inputs[replica], targets[replica])).backward()
                optimizer.step()
                schedule.step()
            for name, value in model.named_parameters():
                torch.testing.assert_close(together[name][replica], value, atol=1e-5, rtol=1e-4)

    def test_trains_batched_modules_as_if_each_were_alone(self):
        """Slicing replicas out before training changes nothing beyond rounding."""
        data = ToyData(features=4, density=0.5).sample(3, 32, stream(1))
        one = torch.ones(1, 4)

        def fit(rows: slice) -> torch.Tensor:
            model = ReLUOutput(3, 4, 2, generator=stream())
            model.weight.data, model.bias.data = model.weight.data[rows], model.bias.data[rows]
            values = data[rows]
            return trained(
                train_population(
                    parameters_of(model),
                    lambda _, batch: weighted_error(model(batch), batch, one),
                    lambda step: values,
                    PopulationConfig(steps=20, peak_lr=0.01),
                )
            )["weight"]

        together = fit(slice(None))
        for replica in range(3):
            alone = fit(slice(replica, replica + 1))
            torch.testing.assert_close(together[replica], alone[0], atol=1e-5, rtol=1e-4)

    def test_repeats_itself_to_the_bit(self):
        """A run is a function of its seeds."""

        def fit() -> torch.Tensor:
            model = ReLUOutput(4, 5, 2, generator=stream(2))
            data, generator = ToyData(features=5, density=0.2), stream(3)
            one = torch.ones(1, 5)
            return trained(
                train_population(
                    parameters_of(model),
                    lambda _, batch: weighted_error(model(batch), batch, one),
                    lambda step: data.sample(4, 16, generator),
                    PopulationConfig(steps=10),
                )
            )["weight"]

        assert torch.equal(fit(), fit())

    def test_gives_each_replica_its_own_rate(self):
        """Rate factor zero stands still; the first Adam step is the learning rate."""
        start = {"x": torch.ones(2, 3)}
        config = PopulationConfig(steps=1, peak_lr=0.1, schedule="constant")
        (step,) = train_population(
            start,
            lambda p, _: p["x"].sum(dim=1),
            lambda step: None,
            config,
            lr_factor=torch.tensor([0.0, 2.0]),
        )
        expected = torch.tensor([[1.0] * 3, [0.8] * 3])
        torch.testing.assert_close(step.parameters["x"].detach(), expected)
        assert step.loss.tolist() == [3.0, 3.0]

    def test_can_be_stopped(self):
        """Stopping is `break`; the parameters are where the last step left them."""
        start = {"x": torch.ones(1, 1)}
        seen = []
        for step in train_population(
            start, lambda p, _: p["x"].sum(dim=1), lambda s: None, PopulationConfig(steps=50)
        ):
            seen.append(step.step)
            if step.step == 3:
                break
        assert seen == [1, 2, 3]

    def test_refuses_rates_of_another_number(self):
        """Two replicas need two factors."""
        run = train_population(
            {"x": torch.ones(2, 1)},
            lambda p, _: p["x"].sum(dim=1),
            lambda step: None,
            PopulationConfig(steps=1),
            lr_factor=torch.ones(3),
        )
        with pytest.raises(InputError, match="2 replicas"):
            next(run)

    @pytest.mark.compiled
    def test_compiles_to_the_same_numbers(self):
        """One compiled program for loss, gradient and update; rounding may differ."""

        def fit(is_compiled: bool) -> torch.Tensor:
            model = ReLUOutput(4, 5, 2, generator=stream(2))
            data, generator = ToyData(features=5, density=0.2), stream(3)
            one = torch.ones(1, 5)
            return trained(
                train_population(
                    parameters_of(model),
                    lambda _, batch: weighted_error(model(batch), batch, one),
                    lambda step: data.sample(4, 16, generator),
                    PopulationConfig(steps=5, compile=is_compiled),
                )
            )["weight"]

        torch.testing.assert_close(fit(True), fit(False), atol=1e-5, rtol=1e-4)


class TestPopulationConfig:
    def test_warms_up_then_falls_to_zero(self):
        """Linear up, cosine down."""
        config = PopulationConfig(steps=10, warmup_steps=2)
        assert [config.lr_scale(step) for step in (0, 1, 2)] == [0.5, 1.0, 1.0]
        assert config.lr_scale(6) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))

    def test_swings_back_up_when_cyclic(self):
        """Zero after a swing, the peak after two, again and again, however long the run."""
        config = PopulationConfig(steps=100, schedule="cyclic", swing_steps=10)
        scales = [config.lr_scale(step) for step in (0, 5, 10, 20, 30, 60)]
        assert scales == pytest.approx([1, 0.5, 0, 1, 0, 1])

    def test_refuses_a_swing_of_no_length(self):
        """A schedule that never falls is `constant`."""
        with pytest.raises(InputError, match="swing_steps=0"):
            PopulationConfig(steps=5, swing_steps=0)

    def test_refuses_a_warm_up_as_long_as_the_run(self):
        """The message names both."""
        with pytest.raises(InputError, match=r"warmup_steps=5 must lie in \[0, 5\)"):
            PopulationConfig(steps=5, warmup_steps=5)


class TestStacks:
    def test_refuses_replicas_that_disagree(self):
        """Every tensor has the same leading axis."""
        with pytest.raises(InputError, match="leading replica axis"):
            num_replicas({"a": torch.ones(2, 1), "b": torch.ones(3)})

    def test_refuses_running_statistics(self):
        """Buffers would be shared without notice."""
        with pytest.raises(InputError, match="buffers"):
            stack_modules([nn.BatchNorm1d(3), nn.BatchNorm1d(3)])

    def test_picks_the_best_of_each_setting(self):
        """Consecutive replicas are restarts; a NaN never wins."""
        losses = torch.tensor([3.0, 1.0, math.nan, 2.0])
        best = best_of(losses, restarts=2)
        assert best.tolist() == [1, 3]
        assert select({"x": torch.arange(4.0)}, best)["x"].tolist() == [1.0, 3.0]

    def test_refuses_restarts_that_do_not_divide(self):
        """Five replicas are no pairs."""
        with pytest.raises(InputError, match="restarts=2"):
            best_of(torch.zeros(5), restarts=2)
