"""The presets of this study."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.training.population import PopulationConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How every model trains, and the lever on its biases."""

    steps: int = 6_000
    """Optimizer steps."""
    batch: int = 256
    """Examples a step; all models behind one projection see the same ones."""
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    """Learning rates of the sweep, for Adam; about a third of the paper's, which are for LAMB."""
    judged_rate: float = 3e-3
    """The rate at which the lever is judged; one of `rates`."""
    gelu_rate: float = 1e-2
    """The rate at which GeLU models are judged; below it the lever leaves half of them silent and
    costs loss."""
    initial_bias: float = -1.0
    """What the lever adds to every first-layer bias before training."""
    total_decay: float = 10.0
    """By how many powers of e the lever decays biases over the first half of training. The decay a
    step follows from it, so that the offset is gone by then however short the training."""
    published_decay: float = 0.03
    """The paper's decay of a bias, a step and unit of learning rate; at few steps far too slow."""
    cyclic_lr: bool = False
    """Swing the learning rate up and down all through training, as the paper's public code does;
    otherwise one cosine to zero."""
    swing_steps: int = 512
    """Steps from peak to zero where the rate is cyclic."""

    def __post_init__(self) -> None:
        if self.judged_rate not in self.rates or min(*self.rates, self.gelu_rate) <= 0:
            raise InputError(
                f"training.judged_rate={self.judged_rate:g} must be one of training.rates="
                f"{self.rates}, and all rates above zero"
            )
        if self.steps < 2:
            raise InputError(f"training.steps={self.steps} must be at least 2")

    def population(self) -> PopulationConfig:
        """The same as a config of `train_population`; rates are relative to the largest."""
        return PopulationConfig(
            steps=self.steps,
            peak_lr=max(*self.rates, self.gelu_rate),
            schedule="cyclic" if self.cyclic_lr else "cosine",
            swing_steps=self.swing_steps,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MonosemanticityConfig:
    """Sizes of the models, number of projections, and where they train."""

    features: int = 128
    """Features N."""
    inputs: int = 64
    """Dimensions m that the projection squeezes them into."""
    density: float = 1 / 32
    """Probability that a feature is active, in the mean (the paper's eps)."""
    power: float = 1.1
    """How steeply frequencies fall where they follow a power law."""
    widths: tuple[int, ...] = (1, 2, 4)
    """Neurons a feature; most models have the middle one."""
    draws: int = 5
    """Projections, each with models of its own, for the judged lever; intervals are over these."""
    few_draws: int = 3
    """The same for everything else: the first of them."""
    test_examples: int = 16_384
    """Fresh examples on which the final loss is measured."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How they train."""
    device: str = "cpu"
    """Device of all models: `cpu` or `cuda`."""
    workers: int = 2
    """Populations that train at the same time, one thread each; results do not depend on it."""

    def __post_init__(self) -> None:
        if not 1 <= self.inputs <= self.features:
            raise InputError(f"inputs={self.inputs} must lie in [1, features={self.features}]")
        if not 0 < self.density < 1:
            raise InputError(f"density={self.density} must lie between 0 and 1")
        if len(self.widths) != 3 or list(self.widths) != sorted(set(self.widths)):
            raise InputError(f"widths={self.widths} must be three rising numbers, such as 1,2,4")
        if not 2 <= self.few_draws <= self.draws:
            raise InputError(
                f"few_draws={self.few_draws} must lie in [2, draws={self.draws}]; one has no spread"
            )
        if self.workers < 1:
            raise InputError(f"workers={self.workers} must be at least 1")


def small() -> MonosemanticityConfig:
    """Two CPU cores, a few minutes."""
    return MonosemanticityConfig()


def paper() -> MonosemanticityConfig:
    """The paper's own sizes, on one GPU, with Adam for LAMB at rates of its own.

    At these sizes a plain model is monosemantic after an eighth of the steps with Adam at 1e-3; the
    lever has something to do at lower rates only.
    """
    return MonosemanticityConfig(
        features=512,
        inputs=64,
        density=1 / 64,
        draws=5,
        few_draws=3,
        training=TrainingConfig(
            steps=131_072,
            batch=8_192,
            rates=(3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
            judged_rate=1e-4,
            gelu_rate=1e-3,
        ),
        device="cuda",
        workers=1,
    )
