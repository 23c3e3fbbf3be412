"""What the study of a general assistant runs on."""

from dataclasses import dataclass, field

from glasshouse.align.distilling.students import DistillationConfig
from glasshouse.align.judges.training import JudgeTrainingConfig
from glasshouse.errors import InputError
from glasshouse.studies.zoo import STEPS
from glasshouse.training import ScheduleConfig
from glasshouse.training.toy_world import SIZES


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptingConfig:
    """Pairs that a prompted model scores, and texts that it writes."""

    dialogues: int = 3
    """Example dialogues in a prompt; a context of 128 tokens holds no more beside a request."""
    rude_dialogues: int = 2
    """The same where an exchange with a rude answer stands behind them."""
    prefixes: int = 4
    """Prompts of different examples, each before an equal share of the items."""
    pairs: int = 300
    """Gold pairs."""
    samples: int = 200
    """Continuations of rude texts, for each condition and size."""
    battery: int = 100
    """Questions of each task by which the tax is measured."""
    requests: int = 200
    """Requests that all players of the tournament answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillingConfig:
    """Context distillation."""

    texts: int = 1_600
    """Texts that the teacher reads."""
    tokens: int = 48
    """Tokens of each, at most; with the prompt they must fit the context."""
    held_out: int = 256
    """Further texts, on which the gap is measured."""
    kept: int = 50
    """Likeliest tokens kept of each distribution."""
    train: DistillationConfig = field(default_factory=lambda: DistillationConfig(steps=100))
    """The run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgingConfig:
    """Ranked, binary and imitation objectives on the same comparisons."""

    pairs: int = 1_500
    """Comparisons of graded answers; binary tasks get half as many, of two items each."""
    held_out: int = 500
    """Comparisons to measure on."""
    train: JudgeTrainingConfig = field(
        default_factory=lambda: JudgeTrainingConfig(
            batch=10, schedule=ScheduleConfig(peak_lr=1e-3, warmup_steps=20)
        )
    )
    """The recipe, the same for every objective and size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainingConfig:
    """Preference-model pre-training on votes."""

    size: str = "nano"
    """Which base."""
    votes: int = 5_000
    """Pairs of answers with votes."""
    noise: float = 0.5
    """Standard deviation of what votes add to the crowd's reward."""
    counts: tuple[int, ...] = (100, 300, 2_000)
    """Comparisons that fine-tuning sees, from few to many."""
    few: int = 300
    """Up to how many count as few."""
    draws: int = 2
    """Draws of few comparisons, over which accuracies are averaged."""
    held_out: int = 400
    """Comparisons to measure on."""
    taste: float = 0.3
    """Reward a word by which, under conflict, votes like length and the target dislikes it."""
    pretrain: JudgeTrainingConfig = field(
        default_factory=lambda: JudgeTrainingConfig(
            batch=32, lm_weight=0.5, schedule=ScheduleConfig(peak_lr=1e-3, warmup_steps=20)
        )
    )
    """On votes; a binarised pair is two comparisons."""
    finetune: JudgeTrainingConfig = field(
        default_factory=lambda: JudgeTrainingConfig(
            batch=10, schedule=ScheduleConfig(peak_lr=3e-4, warmup_steps=5)
        )
    )
    """On comparisons of the target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneralAssistantConfig:
    """Bases of several sizes, and what is asked of them."""

    sizes: tuple[str, ...] = ("nano", "tiny", "mini")
    """Bases, from the smallest; the middle one is distilled."""
    base_steps: int = STEPS
    """Steps that a base grows for; bases are shared by studies and kept."""
    prompting: PromptingConfig = field(default_factory=PromptingConfig)
    """Prompts."""
    distilling: DistillingConfig = field(default_factory=DistillingConfig)
    """Context distillation."""
    judging: JudgingConfig = field(default_factory=JudgingConfig)
    """Objectives."""
    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    """Votes."""
    device: str = "cpu"
    """Where models are trained."""

    def __post_init__(self) -> None:
        known = list(SIZES)
        if len(self.sizes) < 2 or [size for size in known if size in self.sizes] != list(
            self.sizes
        ):
            raise InputError(
                f"sizes={self.sizes} must be two or more of {', '.join(known)}, in this order"
            )
        if self.pretraining.size not in self.sizes:
            raise InputError(
                f"pretraining.size={self.pretraining.size!r} must be one of sizes={self.sizes}"
            )
        counts = self.pretraining.counts
        if len(counts) < 2 or list(counts) != sorted(counts) or counts[0] > self.pretraining.few:
            raise InputError(
                f"pretraining.counts={counts} must rise, from few={self.pretraining.few} or fewer"
            )
        if counts[-1] < self.pretraining.draws * max(
            count for count in counts if count <= self.pretraining.few
        ):
            raise InputError(
                f"pretraining.counts={counts} must end with enough comparisons for "
                f"draws={self.pretraining.draws} of the few"
            )
        if self.prompting.prefixes < 1 or self.prompting.pairs < 2 * self.prompting.prefixes:
            raise InputError(
                f"prompting.pairs={self.prompting.pairs} must be two or more for each of "
                f"prefixes={self.prompting.prefixes}"
            )

    @property
    def middle(self) -> str:
        """The size that is distilled."""
        return self.sizes[len(self.sizes) // 2]


def small() -> GeneralAssistantConfig:
    """Return what a core runs in minutes once the bases are grown."""
    return GeneralAssistantConfig()


def paper() -> GeneralAssistantConfig:
    """Return the same with as much data as the claims table names, for a GPU."""
    return GeneralAssistantConfig(
        base_steps=6_000,
        device="cuda",
        prompting=PromptingConfig(prefixes=16, pairs=2_000, samples=1_000, requests=400),
        distilling=DistillingConfig(
            texts=25_600,
            train=DistillationConfig(steps=2_000),
        ),
        judging=JudgingConfig(pairs=30_000, held_out=3_000),
        pretraining=PretrainingConfig(
            size="mini", votes=20_000, counts=(100, 300, 1_000, 3_000, 10_000), draws=5
        ),
    )
