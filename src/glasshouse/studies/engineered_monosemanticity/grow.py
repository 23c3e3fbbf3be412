"""Train one population: all levers of a setting behind one projection, as one program."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from glasshouse.models.feature_decoder import (
    FeatureDecoder,
    random_projection,
    squared_error,
    target_of,
)
from glasshouse.studies.engineered_monosemanticity.config import MonosemanticityConfig
from glasshouse.studies.engineered_monosemanticity.settings import Setting
from glasshouse.training.population import PopulationStep, parameters_of, train_population
from glasshouse.world.streams import stream

Tick = Callable[[int], None]
"""`tick(steps)`: that many more steps of the population are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nursery:
    """Where one population grows up."""

    setting: Setting
    """What it is."""
    draw: int
    """Number of its projection. Populations of one number share projection, examples and, where
    they are of one size, first weights."""
    config: MonosemanticityConfig
    """Sizes and training."""
    seed: int
    """Seed of the run."""

    def generator(self, *names: str) -> torch.Generator:
        """A stream of its own for what the names say."""
        rng = stream(self.seed, "engineered-monosemanticity", self.draw, *names)
        generator = torch.Generator(device=self.config.device)
        return generator.manual_seed(int(rng.integers(1 << 62)))

    def model(self) -> FeatureDecoder:
        """The untrained population, biases already moved by the levers."""
        setting, config = self.setting, self.config
        model = FeatureDecoder(
            len(setting.levers),
            random_projection(
                config.features, config.inputs, generator=self.generator("projection")
            ),
            setting.neurons,
            setting.outputs(config),
            activation=setting.activation,
            generator=self.generator("weights", f"{setting.neurons} neurons"),
        )
        with torch.no_grad():
            model.bias.add_(
                self.by_lever([lever.initial_bias for lever in setting.levers])[:, None]
            )
        return model

    def targets(self) -> Callable[[Tensor], Tensor]:
        """What is asked of the models, as a function of the features."""
        other = None
        if self.setting.task == "re-projector":
            other = random_projection(
                self.config.features, self.config.inputs, generator=self.generator("target")
            )
        return lambda values: target_of(self.setting.task, values, other)

    def examples(self, count: int, generator: torch.Generator) -> Tensor:
        """Feature vectors, `example feature`, the same for all models of the population."""
        return self.setting.data(self.config).sample(1, count, generator)[0]

    def by_lever(self, values: list[float]) -> Tensor:
        """One number a model, on the device."""
        return torch.tensor(values, device=self.config.device)

    def test_loss(self, model: FeatureDecoder) -> Tensor:
        """Loss of each model on fresh examples, the same for all."""
        fresh = self.examples(self.config.test_examples, self.generator("test"))
        target = self.targets()
        parts = [squared_error(model(part), target(part)) for part in fresh.split(1_024)]
        return torch.stack(parts).mean(dim=0)


def grow(nursery: Nursery, model: FeatureDecoder) -> Iterator[PopulationStep]:
    """Train the population in place, levers pulled after each step; one record a step."""
    training, levers = nursery.config.training, nursery.setting.levers
    target, examples = nursery.targets(), nursery.generator("examples")
    config = training.population()
    steps = train_population(
        parameters_of(model),
        lambda _, values: squared_error(model(values), target(values)),
        lambda step: nursery.examples(training.batch, examples),
        config,
        lr_factor=nursery.by_lever([lever.rate / config.peak_lr for lever in levers]),
    )
    keep = nursery.by_lever([lever.keep for lever in levers])[:, None]
    for step in steps:
        if step.step <= training.steps // 2:
            with torch.no_grad():
                model.bias.mul_(keep)
        yield step
    model.requires_grad_(False)
