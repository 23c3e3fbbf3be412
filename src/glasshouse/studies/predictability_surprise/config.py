"""Which families are grown, on what, and how many questions they are asked; two presets."""

import math
from dataclasses import dataclass, field, replace

from glasshouse.corpora import Quanta, Sums
from glasshouse.errors import InputError
from glasshouse.models.config import AttentionConfig, LocalConfig, MlpConfig, TransformerConfig
from glasshouse.studies.predictability_surprise.ratings import Ratings
from glasshouse.studies.predictability_surprise.records import Records
from glasshouse.studies.predictability_surprise.texts import Echo, Mixture, Writer

_LR_WIDTH = 16
"""Width at which a family's learning rate is stated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyConfig:
    """One family: models alike but for their width, and how they are trained."""

    widths: tuple[int, ...]
    """Width of each size, rising."""
    steps: int
    """Optimizer steps."""
    rows: int
    """Rows a step."""
    windows: tuple[int, ...] = ()
    """Tokens that each size sees, itself included; empty: all see everything."""
    layers: int = 1
    """Blocks of every model."""
    heads: int = 2
    """Heads of every model; they grow in width."""
    lr: float = 1e-2
    """Peak learning rate at width 16; it falls as 1/width."""
    warmup_steps: int = 50
    """Steps of warm-up; then the rate falls as a cosine."""

    def __post_init__(self) -> None:
        if len(self.widths) < 4 or sorted(set(self.widths)) != list(self.widths):
            raise InputError(f"widths={self.widths} must rise and be four or more")
        if self.windows and len(self.windows) != len(self.widths):
            raise InputError(f"windows={self.windows} must give each of widths={self.widths} one")
        if any(width % self.heads for width in self.widths):
            raise InputError(f"widths={self.widths} must be multiples of heads={self.heads}")
        if min(self.steps, self.rows - 1, self.layers) < 1 or self.lr <= 0:
            raise InputError(
                f"steps={self.steps} and layers={self.layers} must be at least 1, "
                f"rows={self.rows} at least 2, and lr={self.lr} positive"
            )

    def architecture(self, place: int, writer: Writer) -> TransformerConfig:
        """The model of one size; initial weights have a scale of 0.5/sqrt(width)."""
        width = self.widths[place]
        local = LocalConfig(window=self.windows[place]) if self.windows else None
        return TransformerConfig(
            vocab_size=writer.vocab_size,
            context=writer.context,
            num_layers=self.layers,
            d_model=width,
            attention=AttentionConfig(num_heads=self.heads, local=local),
            mlp=MlpConfig(d_mlp=4 * width),
            tied=False,
            init_std=0.5 / math.sqrt(width),
        )

    def lr_of(self, place: int) -> float:
        """Peak learning rate of one size."""
        return self.lr * _LR_WIDTH / self.widths[place]

    def params(self, place: int) -> int:
        """N of one size, without embeddings: 12 · layers · width²."""
        return 12 * self.layers * self.widths[place] ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class AskConfig:
    """Held-out questions."""

    rows: int = 256
    """Rows of facts, of sums and of echoes."""
    answer: int = 12
    """Facts that count as one answer, right only as a whole."""
    records: int = 4_000
    """People."""
    users: int = 400
    """Users."""
    told: int = 8
    """Ratings of a user that are known before a guess counts."""

    def __post_init__(self) -> None:
        if min(self.rows, self.answer, self.records, self.users, self.told) < 1:
            raise InputError("rows, answer, records, users and told must each be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictabilityConfig:
    """The whole study."""

    replicas: int = 3
    """Models of each size; intervals are over them."""
    mixture: FamilyConfig = field(
        default_factory=lambda: FamilyConfig(widths=(8, 12, 16, 24, 32, 48), steps=1_000, rows=88)
    )
    """Models of facts and sums."""
    echo: FamilyConfig = field(
        default_factory=lambda: FamilyConfig(
            widths=(8, 12, 16, 24, 32, 48), windows=(2, 4, 6, 8, 12, 16), steps=300, rows=32
        )
    )
    """Models of echoes, larger ones looking back further."""
    records: FamilyConfig = field(
        default_factory=lambda: FamilyConfig(widths=(4, 8, 16, 32), steps=600, rows=192)
    )
    """Models of records."""
    ratings: FamilyConfig = field(
        default_factory=lambda: FamilyConfig(widths=(4, 8, 16, 32), steps=400, rows=32)
    )
    """Models of ratings."""
    ask: AskConfig = field(default_factory=AskConfig)
    """Held-out questions."""
    tasks: int = 64
    """Sub-tasks of the facts."""
    keys: int = 8
    """Facts of a sub-task."""
    exponent: float = 0.3
    """Of their use: sub-task k is asked for in proportion to k^-(1 + exponent)."""
    digits: int = 3
    """Digits of the longer summand."""
    bias: float = 0.35
    """Share of innocent people of one group whom the biased court writes down as guilty."""
    device: str = "cpu"
    """Device of everything: `cpu` or `cuda`."""

    def __post_init__(self) -> None:
        if self.replicas < 2:
            raise InputError(f"replicas={self.replicas} must be at least 2, or no spread is known")
        if self.ask.told >= self.user_ratings.told:
            raise InputError(
                f"ask.told={self.ask.told} must be below the {self.user_ratings.told} ratings of "
                "a user"
            )

    def text(self, seed: int) -> Mixture:
        """Facts and sums; the tables of the facts depend on the seed."""
        facts = Quanta(
            tasks=self.tasks, keys=self.keys, values=16, exponent=self.exponent, seed=seed
        )
        sums = Sums(digits=self.digits, least=self.digits)
        return Mixture(facts=facts, sums=sums, context=sums.length - 1)

    def court(self, seed: int) -> Records:
        """Records; risks depend on the seed."""
        return Records(bias=self.bias, seed=seed)

    @property
    def user_ratings(self) -> Ratings:
        """The ratings of seed 0, for what does not depend on a seed."""
        return Ratings()

    def shop(self, seed: int) -> Ratings:
        """Ratings; items depend on the seed."""
        return replace(self.user_ratings, seed=seed)

    @property
    def echoes(self) -> Echo:
        """Echoes."""
        return Echo()


def small() -> PredictabilityConfig:
    """One CPU core, a few minutes."""
    return PredictabilityConfig()


def paper() -> PredictabilityConfig:
    """Three digits, as in the paper, and families of ten times the parameters; a GPU."""
    return PredictabilityConfig(
        replicas=5,
        mixture=FamilyConfig(
            widths=(8, 12, 16, 24, 32, 48, 64, 96, 128), steps=8_000, rows=64, layers=2
        ),
        echo=FamilyConfig(
            widths=(8, 12, 16, 24, 32, 48), windows=(2, 4, 6, 8, 12, 16), steps=1_000, rows=64
        ),
        records=FamilyConfig(widths=(4, 8, 16, 32, 64), steps=4_000, rows=512),
        ratings=FamilyConfig(widths=(4, 8, 16, 32, 64), steps=4_000, rows=128, layers=2),
        ask=AskConfig(rows=1_024, records=20_000, users=4_000),
        tasks=256,
        digits=3,
        device="cuda",
    )
