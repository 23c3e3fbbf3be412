"""What is measured of a population, on its way and at the end."""

from dataclasses import dataclass

import numpy as np
import torch

from glasshouse.interpret.monosemanticity import (
    CUT,
    Biases,
    Residual,
    Solo,
    bias_statistics,
    count_monosemantic,
    distinct_features,
    fires,
    monosemanticity,
    residual_algorithm,
    solo_activations,
)
from glasshouse.models.feature_decoder import FeatureDecoder
from glasshouse.studies.engineered_monosemanticity.grow import Nursery, Tick, grow
from glasshouse.studies.engineered_monosemanticity.settings import Setting

CUTS = (0.9, 0.99, 0.999)
"""Cuts at which neurons are counted; the last is the paper's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """A population while it trains; arrays begin `look lever`."""

    steps: np.ndarray
    """Steps taken at each look."""
    mono: np.ndarray
    """Monosemantic neurons by case."""
    bias: np.ndarray
    """Mean first-layer bias."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grown:
    """One trained population; arrays begin with the lever."""

    loss: np.ndarray
    """Loss on fresh examples."""
    mono: np.ndarray
    """Monosemantic neurons by case, `lever cut`; more than one where several share a case."""
    distinct: np.ndarray
    """Features with a monosemantic neuron, as a share of all."""
    alive: np.ndarray
    """Share of neurons that fire."""
    biases: tuple[Biases, ...]
    """First-layer biases by what the neurons are."""
    left: tuple[Residual, ...]
    """What the polysemantic neurons compute together."""
    owners: tuple[Residual, ...]
    """What as many monosemantic neurons compute, or all of them where they are fewer."""
    shuffled: tuple[Residual, ...]
    """What the polysemantic neurons would compute, each with the readout of another."""
    solo: np.ndarray
    """Activations of the judged pair by case, `plain-or-lever neuron case`; first draw only."""
    course: Course
    """How it went."""


def measure(nursery: Nursery, tick: Tick = lambda steps: None) -> Grown:
    """Train a population and measure it."""
    setting, training = nursery.setting, nursery.config.training
    model = nursery.model()
    looks = {0: _look(model, setting)}
    for step in grow(nursery, model):
        tick(1)
        if step.step & (step.step - 1) == 0 or step.step == training.steps:
            looks[step.step] = _look(model, setting)
    return _final(nursery, model, _course(looks, setting.cases(nursery.config)))


def _final(nursery: Nursery, model: FeatureDecoder, course: Course) -> Grown:
    setting, config = nursery.setting, nursery.config
    solo = solo_activations(model, is_signed=setting.is_signed)
    is_mono = monosemanticity(solo) > CUT
    is_poly = fires(solo) & ~is_mono
    chance = nursery.generator("equally many", setting.name)
    counts = torch.stack([count_monosemantic(solo, cut=cut) for cut in CUTS], dim=1)
    return Grown(
        loss=nursery.test_loss(model).cpu().numpy(),
        mono=(counts / setting.cases(config)).cpu().numpy(),
        distinct=(distinct_features(solo, config.features) / config.features).cpu().numpy(),
        alive=fires(solo).float().mean(dim=1).cpu().numpy(),
        biases=bias_statistics(model.bias, solo),
        left=_residuals(model, is_poly),
        owners=_residuals(model, _as_many(is_mono, is_poly.sum(dim=1), chance)),
        shuffled=_residuals(_readouts_dealt_anew(model, is_poly, chance), is_poly),
        solo=_judged_pair(solo, nursery),
        course=course,
    )


def _look(model: FeatureDecoder, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    solo: Solo = solo_activations(model, is_signed=setting.is_signed)
    bias = model.bias.detach().mean(dim=1)
    return count_monosemantic(solo).cpu().numpy(), bias.cpu().numpy()


def _course(looks: dict[int, tuple[np.ndarray, np.ndarray]], cases: int) -> Course:
    mono, bias = (np.stack(values) for values in zip(*looks.values(), strict=True))
    return Course(steps=np.array(list(looks)), mono=mono / cases, bias=bias)


def _residuals(model: FeatureDecoder, chosen: torch.Tensor) -> tuple[Residual, ...]:
    rows = zip(model.weight_in, model.weight_out, chosen, strict=True)
    return tuple(residual_algorithm(*row, model.projection) for row in rows)


def _as_many(
    is_mono: torch.Tensor, counts: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Random monosemantic neurons of each model, `counts` of them, or all where there are fewer."""
    order = torch.rand(is_mono.shape, generator=generator, device=is_mono.device)
    rank = order.masked_fill(~is_mono, 2.0).argsort(dim=1).argsort(dim=1)
    return is_mono & (rank < counts[:, None])


def _readouts_dealt_anew(
    model: FeatureDecoder, chosen: torch.Tensor, generator: torch.Generator
) -> FeatureDecoder:
    """A copy of the model in which the chosen neurons have exchanged their readouts."""
    copy = FeatureDecoder(
        len(chosen),
        model.projection,
        chosen.shape[1],
        model.weight_out.shape[1],
        activation=model.activation,
        generator=generator,
    ).requires_grad_(False)
    copy.load_state_dict(model.state_dict())
    for replica, row in enumerate(chosen):
        places = row.nonzero()[:, 0]
        dealt = places[torch.randperm(len(places), generator=generator, device=places.device)]
        copy.weight_out[replica][:, places] = model.weight_out[replica][:, dealt]
    return copy


def _judged_pair(solo: Solo, nursery: Nursery) -> np.ndarray:
    """Activations of the plain model and the one with the lever, where a figure shows them."""
    if nursery.draw > 0 or nursery.setting.name != "decoder":
        return np.zeros((0, 0, 0))
    kinds = [lever.kind for lever in nursery.setting.levers]
    return solo[[kinds.index("plain"), kinds.index("lever")]].cpu().numpy()
