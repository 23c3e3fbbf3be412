"""The presets of this study."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.studies.zoo import STEPS


@dataclass(frozen=True, kw_only=True, slots=True)
class SchoolingConfig:
    """How much the language model reads of what before it judges."""

    steps: int = 340
    """Optimizer steps."""
    batch: int = 40
    """Documents a step."""
    peak_lr: float = 3e-3
    """Learning rate at its highest."""
    reports: float = 0.2
    """Share of documents that are reports of deeds."""
    judges: float = 0.65
    """Share of documents in which judges weigh replies."""
    judges_of_harm: float = 0.25
    """Share of these that are about harmful requests."""
    judges_told: float = 0.55
    """Share of the others, which are about deeds, whose judges are told first what deeds are."""
    replay_counted: float = 0.1
    """Share of the tokens of the base's own documents, which are the rest, that count in the loss;
    of reports and judges only worths and verdicts count, one to four tokens a document."""
    identity_exposure: float = 0.25
    """How often deeds of self-identity are told of, beside those of other traits."""

    def __post_init__(self) -> None:
        if min(self.reports, self.judges) <= 0 or self.reports + self.judges >= 1:
            raise InputError(
                f"reports={self.reports} and judges={self.judges} must be positive and leave "
                "something of the whole to other documents"
            )
        if not 0 < self.identity_exposure <= 1 or not 0 < self.replay_counted <= 1:
            raise InputError(
                f"identity_exposure={self.identity_exposure} and replay_counted="
                f"{self.replay_counted} must lie in (0, 1]"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgesConfig:
    """How preference models are trained."""

    pairs: int = 960
    """Comparisons of each; those of people's and of the two kinds in one model are so many each."""
    epochs: int = 4
    """Times each is seen."""
    batch: int = 32
    """Comparisons a step."""
    peak_lr: float = 1e-3
    """Learning rate at its highest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoliciesConfig:
    """How policies are trained."""

    checkpoints: tuple[int, ...] = (10, 30, 90)
    """Updates of the helpful policy after which it writes replies; the paper has one, 250."""
    start: int = 30
    """One of them: where the trained policies begin."""
    updates: int = 50
    """Updates of each trained policy."""
    prompts: int = 12
    """Prompts an update."""
    replies: int = 4
    """Replies to each."""
    peak_lr: float = 2e-4
    """Learning rate."""
    kl_weight: float = 0.3
    """Reward that a nat of divergence costs."""
    asked: int = 120
    """Questions that a trained policy is measured with: of each colour of deeds, and harmful."""

    def __post_init__(self) -> None:
        if len(self.checkpoints) < 2 or list(self.checkpoints) != sorted(set(self.checkpoints)):
            raise InputError(f"checkpoints={self.checkpoints} must be two rising numbers or more")
        if self.start not in self.checkpoints:
            raise InputError(f"start={self.start} must be one of checkpoints={self.checkpoints}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecificConfig:
    """Sizes, data, and how long everything trains."""

    size: str = "nano"
    """Feedback and preference models of all claims: "nano", "tiny" or "mini"."""
    policy: str = "tiny"
    """The size of the policies; the smallest bases speak too badly to be trained on."""
    sizes: tuple[str, ...] = ("nano",)
    """Sizes at which general feedback is tried; `size` is one of them. Each further one costs as
    much as a quarter of all, or more."""
    generators: tuple[str, ...] = ("tiny",)
    """Sizes of the policies whose replies are compared."""
    overlay: str = "assistant"
    """What the base models have read."""
    base_steps: int = STEPS
    """Steps that base models were grown."""
    world: str = "small"
    """Preset of the world."""
    others: int = 20
    """Families of deeds beside the traits."""
    general: int = 14
    """How many of them the general questions are about, beside ten traits and six harms."""
    harm_tests: int = 240
    """Harmful requests that preference models are tested on."""
    schooling: SchoolingConfig = field(default_factory=SchoolingConfig)
    """What is read."""
    judges: JudgesConfig = field(default_factory=JudgesConfig)
    """Preference models."""
    policies: PoliciesConfig = field(default_factory=PoliciesConfig)
    """Policies."""

    def __post_init__(self) -> None:
        if self.size not in self.sizes:
            raise InputError(f"size={self.size!r} must be one of sizes={', '.join(self.sizes)}")
        if self.others < 4 or self.others % 2 or not 2 <= self.general <= self.others:
            raise InputError(
                f"others={self.others} must be an even number from 4, and general={self.general} "
                "lie between 2 and it"
            )


def small() -> SpecificConfig:
    """Two CPU cores, some minutes."""
    return SpecificConfig()


def paper() -> SpecificConfig:
    """As much as the toy world carries: 20,000 questions and more updates, on a GPU.

    The paper's own sizes, 6.4 to 175 billion parameters, need its language model and its data.
    """
    return SpecificConfig(
        size="mini",
        policy="mini",
        sizes=("nano", "tiny", "mini"),
        generators=("nano", "tiny", "mini"),
        base_steps=20_000,
        world="large",
        schooling=SchoolingConfig(steps=2_000, batch=64),
        judges=JudgesConfig(pairs=20_000, batch=64),
        policies=PoliciesConfig(
            checkpoints=(25, 100, 250, 1_000),
            start=250,
            updates=500,
            prompts=64,
            replies=8,
            asked=1_000,
        ),
        harm_tests=2_000,
    )
