"""How the geometry forms during training: jumps between energy levels. (Claim 9.)"""

from dataclasses import dataclass, field

import numpy as np
import torch

from glasshouse.models.superposition import ReLUOutput, weighted_error
from glasshouse.models.superposition_data import ToyData
from glasshouse.models.superposition_geometry import feature_dimensionality
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.toy_superposition.experiment import SOURCE, Bench, Budget, as_array
from glasshouse.training.population import parameters_of, train_population


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicsConfig:
    """Models watched while they train."""

    features: int = 80
    """Features n of the models whose jumps are counted; all equally important."""
    hidden: int = 8
    """Their hidden dimensions m."""
    density: float = 0.3
    """Their density."""
    models: int = 6
    """Models of each kind."""
    watch_every: int = 20
    """Steps between two looks."""
    octahedron_density: float = 0.05
    """Density of the two sets of three correlated features that end in an octahedron."""
    budget: Budget = field(default_factory=lambda: Budget(steps=8_000, batch=128, peak_lr=5e-3))
    """How long they train: 2% of the steps must let AdamW turn a column, or no jump is a jump."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        return self.models * (self.features + 6) * self.budget.batch * self.budget.steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What was seen during one training."""

    steps: np.ndarray
    """Steps at which the models were looked at."""
    loss: np.ndarray
    """Loss on the same fresh examples at each look, `look model`."""
    dimensionality: np.ndarray
    """`look model feature`."""
    weights: np.ndarray
    """`look model hidden feature`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dynamics:
    """The measurements of this experiment."""

    config: DynamicsConfig
    levels: Course
    """Many equal features."""
    octahedron: Course
    """Two sets of three correlated features in three dimensions."""


def measure(config: DynamicsConfig, bench: Bench) -> Dynamics:
    """Train both kinds, looking on."""
    same = torch.full((config.models,), config.density)
    levels = ToyData(features=config.features, density=same)
    sets = ToyData(
        features=6,
        density=torch.full((config.models,), config.octahedron_density),
        groups="correlated",
        group_size=3,
    )
    return Dynamics(
        config=config,
        levels=_watch(levels, config.hidden, config, bench, "levels"),
        octahedron=_watch(sets, 3, config, bench, "octahedron"),
    )


def _watch(data: ToyData, hidden: int, config: DynamicsConfig, bench: Bench, kind: str) -> Course:
    models, budget = config.models, config.budget
    name = f"dynamics {kind}"
    model = ReLUOutput(models, data.features, hidden, generator=bench.generator(name, "weights"))
    generator = bench.generator(name, "data")
    fresh = data.sample_alike(models, 4_096, bench.generator(name, "test"))
    importance = torch.ones(1, data.features, device=bench.device)
    looks: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
    for step in train_population(
        parameters_of(model),
        lambda _, values: weighted_error(model(values), values, importance),
        lambda _: data.sample(models, budget.batch, generator),
        budget.training(),
    ):
        bench.tick(models * budget.batch * data.features)
        if step.step % config.watch_every == 0:
            with torch.no_grad():
                loss = weighted_error(model(fresh), fresh, importance)
                shares = feature_dimensionality(model.weight)
            looks.append(
                (step.step, as_array(loss), as_array(shares), as_array(model.weight).copy())
            )
    steps, losses, shares, weights = (np.array(part) for part in zip(*looks, strict=True))
    return Course(steps=steps, loss=losses, dimensionality=shares, weights=weights)


def claims(found: Dynamics, bench: Bench) -> list[ClaimResult]:
    """Judge whether jumps of dimensionality come with drops of the loss."""
    claim = Claim(
        id="energy-levels",
        claim="During training features jump between levels of dimensionality, and the loss drops "
        "at each jump.",
        source=f"{SOURCE}, Superposition and Learning Dynamics",
        paper="discrete jumps with small loss drops, in a picture",
        threshold=1.0,
        direction="above",
        no_effect=0.0,
        threshold_text="over one jump a model with a loss drop of more than 3 standard deviations "
        "of the drops around it, beyond what jumps shifted in time would give",
    )
    course = found.levels
    aligned, total = count_jumps(course.dimensionality, course.loss)
    shifts = bench.rng("dynamics", "shift").integers(
        len(course.loss) // 4, 3 * len(course.loss) // 4, size=20
    )
    by_chance = np.mean(
        [
            count_jumps(np.roll(course.dimensionality, int(shift), axis=0), course.loss)[0]
            for shift in shifts
        ],
        axis=0,
    )
    excess = aligned - by_chance
    evidence = Evidence(
        measured=float(excess.mean()),
        interval=bootstrap_interval(excess, rng=bench.rng("dynamics", "interval")),
        text=f"{aligned.mean():.1f} of {total.mean():.1f} jumps a model come with a loss drop, "
        f"{by_chance.mean():.1f} of them by chance",
        control=judge_control(
            claim,
            float(by_chance.mean()),
            text=f"jumps shifted in time: {by_chance.mean():.1f} a model",
        ),
    )
    return [ClaimResult(claim=claim, evidence=evidence)]


def count_jumps(
    dimensionality: np.ndarray, loss: np.ndarray, *, height: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """Count the jumps of each model, and those at which the loss drops.

    A jump is a feature whose dimensionality moves by more than `height` within 2% of training after
    it had kept within 0.05 for 4%; jumps of several features within 2% are one. The loss drops
    there when its fall over the 2% exceeds the median of the falls around it by 3 standard
    deviations (by the median absolute deviation) of these.

    Args:
        dimensionality: `look model feature`.
        loss: `look model`.

    Returns:
        Jumps with a drop, and all jumps, by model.
    """
    looks, models = loss.shape
    window = max(2, round(0.02 * looks))
    aligned, total = np.zeros(models), np.zeros(models)
    for model in range(models):
        jumps = jump_looks(dimensionality[:, model], window=window, height=height)
        falls = loss[:-window, model] - loss[window:, model]
        total[model] = len(jumps)
        aligned[model] = sum(_is_drop(falls, look, window) for look in jumps)
    return aligned, total


def jump_looks(dimensionality: np.ndarray, *, window: int, height: float) -> list[int]:
    """Looks at which some feature leaves a plateau; `look feature`, one model."""
    jumps: list[int] = []
    for look in range(2 * window, len(dimensionality) - window):
        before = dimensionality[look - 2 * window : look + 1]
        is_still = np.ptp(before, axis=0) < 0.05
        moves = np.abs(dimensionality[look + window] - dimensionality[look]) > height
        if (is_still & moves).any() and (not jumps or look - jumps[-1] > window):
            jumps.append(look)
    return jumps


def _is_drop(falls: np.ndarray, look: int, window: int) -> bool:
    """Whether the fall of the loss over a jump stands out from the falls around it."""
    near = np.arange(max(0, look - 8 * window), min(len(falls), look + 8 * window))
    around = falls[near[np.abs(near - look) >= 2 * window]]
    at_jump = falls[look : look + window].max()
    middle = np.median(around)
    spread = 1.4826 * np.median(np.abs(around - middle))
    return bool(at_jump > middle + 3 * spread)
