"""How large the study is. Everything that can be tuned was tuned on seed 101 alone."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.studies.constitutional_ai.schooling import SchoolConfig
from glasshouse.studies.zoo import STEPS


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainsConfig:
    """Chains of critique and revision."""

    prompts: int = 200
    """Harmful requests of the trained categories, each the start of a chain."""
    held_out_prompts: int = 60
    """Harmful requests of the two held-out categories."""
    harmless_prompts: int = 60
    """Harmless requests whose replies are revised as well."""
    rounds: int = 4
    """Critiques and revisions of a chain."""
    ladder: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Numbers of principles."""
    ladder_prompts: int = 100
    """Requests for each number of principles."""
    ladder_rounds: int = 2
    """Rounds for each number of principles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgingConfig:
    """Pairs that judges are measured on."""

    pairs: int = 400
    """About the trained categories."""
    held_out_pairs: int = 200
    """About the held-out ones."""
    bins: int = 10
    """Bins of probability in which calibration is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapingConfig:
    """From chains and labels to policies."""

    size: str = "tiny"
    """The base that is shaped, and that preference models begin as."""
    judge: str = "mini"
    """The base that gives feedback: larger than the policy, and another model."""
    chains: int = 200
    """Harmful requests whose chains are learned from; each has four revisions."""
    helpful: int = 400
    """Sampled replies to harmless requests beside them."""
    sl_lr: float = 5e-4
    """Learning rate of supervised learning."""
    comparisons: int = 500
    """Pairs of each half of a preference model's data: helpful, and harmless."""
    pm_lr: float = 1e-3
    """Learning rate of preference models."""
    steps: int = 25
    """Updates of a policy; over-training takes four times as many."""
    over: int = 4
    """How many times as many."""
    prompts_per_step: int = 12
    """Requests of an update, half of them harmful."""
    replies_per_prompt: int = 4
    """Replies to each."""
    lr: float = 1.5e-4
    """Learning rate of policies."""
    kl_weight: float = 0.05
    """Reward that a nat of divergence costs."""
    evade: float = 2.0
    """By how much the crowd likes being turned away from harmful requests, in units of reward."""
    accuracy: float = 0.75
    """Of the simulated labels by which soft and hard ones are compared."""
    test_prompts: int = 320
    """Harmful requests, and half as many harmless ones, that policies are measured on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstitutionalConfig:
    """The whole study."""

    sizes: tuple[str, ...] = ("nano", "tiny", "mini")
    """Bases, the smallest first; critiques and judgements are measured on each."""
    base_steps: int = STEPS
    """Steps of the shared bases."""
    world: str = "small"
    """Preset of the world."""
    assistants: SchoolConfig = field(
        default_factory=lambda: SchoolConfig(
            steps=150, shares=(("helpful-only", 0.25), ("critique", 0.4), ("direct", 0.35))
        )
    )
    """What those read that reply, criticise and revise."""
    judges: SchoolConfig = field(
        default_factory=lambda: SchoolConfig(steps=150, shares=(("judge", 0.7), ("reasoned", 0.3)))
    )
    """What those read that judge: another model, so that nobody judges its own words."""
    chains: ChainsConfig = field(default_factory=ChainsConfig)
    """Critiques and revisions."""
    judging: JudgingConfig = field(default_factory=JudgingConfig)
    """Feedback."""
    shaping: ShapingConfig = field(default_factory=ShapingConfig)
    """Policies."""

    def __post_init__(self) -> None:
        if len(self.sizes) < 2:
            raise InputError(f"sizes={self.sizes} must be two or more, or nothing grows with size")
        for name in (self.shaping.size, self.shaping.judge):
            if name not in self.sizes:
                raise InputError(f"size {name!r} is not among sizes={self.sizes}")


def small() -> ConstitutionalConfig:
    """What two CPU cores do in some minutes."""
    return ConstitutionalConfig()


def paper() -> ConstitutionalConfig:
    """As many prompts, labels and updates as the claims' table asks for; hours on two cores."""
    return ConstitutionalConfig(
        world="large",
        base_steps=12_000,
        assistants=SchoolConfig(
            steps=600, shares=(("helpful-only", 0.25), ("critique", 0.4), ("direct", 0.35))
        ),
        judges=SchoolConfig(steps=1_000, shares=(("judge", 0.7), ("reasoned", 0.3))),
        chains=ChainsConfig(
            prompts=1_000,
            held_out_prompts=500,
            harmless_prompts=500,
            ladder_prompts=500,
            ladder_rounds=4,
        ),
        judging=JudgingConfig(pairs=4_000, held_out_pairs=2_000),
        shaping=ShapingConfig(
            size="mini",
            judge="mini",
            chains=2_000,
            helpful=8_000,
            comparisons=4_000,
            steps=100,
            prompts_per_step=64,
            test_prompts=1_000,
        ),
    )
