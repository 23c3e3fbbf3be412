"""Which models are trained, on how much, and two presets."""

from dataclasses import dataclass, field
from pathlib import Path

from glasshouse.corpora import MarkovChain
from glasshouse.errors import InputError
from glasshouse.scaling import FitConfig, Shape
from glasshouse.studies.scaling_laws.texts import VOCABULARY


@dataclass(frozen=True, kw_only=True, slots=True)
class MainConfig:
    """The grid of sizes and data that most claims rest on; each run has a cosine of its own."""

    shapes: tuple[tuple[int, int], ...] = ((2, 8), (2, 16), (2, 24), (2, 32), (2, 48))
    """Layers and width of each size, smallest first."""
    steps: tuple[int, ...] = (200, 400, 800, 1_600)
    """Lengths, each twice the one before; the longest counts where one length is asked for."""
    repeats: int = 2
    """Seeds of repeated lengths, from which the noise between seeds is known."""
    repeated: int = 2
    """Lengths that are repeated: so many of the shortest."""
    batch: int = 16
    """Windows a step."""
    settled: int = 400
    """Steps below which a run is left out of fits of L(N, D): its loss still falls ever faster,
    which no power law does. The paper leaves out warm-up likewise."""

    def __post_init__(self) -> None:
        if len(self.shapes) < 4 or len(self.steps) < 3:
            raise InputError(
                f"main.shapes={self.shapes} and main.steps={self.steps} must hold at least four "
                "sizes and three lengths, or no law of both can be fitted"
            )
        if list(self.steps) != sorted(set(self.steps)):
            raise InputError(f"main.steps={self.steps} must rise")
        if sum(steps >= self.settled for steps in self.steps) < 3:
            raise InputError(
                f"main.settled={self.settled} leaves fewer than three of main.steps={self.steps}"
            )
        if self.repeats < 2:
            raise InputError(f"main.repeats={self.repeats} must be at least 2, to know the noise")
        if not 1 <= self.repeated <= len(self.steps):
            raise InputError(
                f"main.repeated={self.repeated} must be 1 to {len(self.steps)}, the lengths"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapesConfig:
    """Models of other shapes, at one length of the grid."""

    others: tuple[tuple[int, int], ...] = (
        (1, 32),
        (3, 16),
        (4, 16),
        (1, 72),
        (3, 40),
        (5, 32),
        (8, 24),
    )
    """Layers and width of each, beside the sizes of the grid."""
    alike: tuple[tuple[int, int], ...] = ((1, 72), (2, 48), (3, 40), (5, 32), (8, 24))
    """Shapes of about one N, whose losses are compared."""
    steps: int = 400
    """One of the lengths of the grid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Models that see a part of the text over and over, stopped where held-out loss is lowest."""

    shapes: tuple[tuple[int, int], ...] = ((2, 8), (2, 16), (2, 24), (2, 32))
    """Layers and width of each size."""
    tokens: tuple[int, ...] = (3_000, 10_000, 30_000, 100_000, 300_000)
    """Tokens of the part."""
    steps: tuple[int, ...] = (160, 320, 640, 1_000, 1_500)
    """Optimizer steps with each part: enough for the lowest loss to be passed, or nearly."""
    most_tokens: int = 1_000_000
    """One more part, for the largest size only."""
    most_steps: int = 2_500
    """Optimizer steps with it."""

    def __post_init__(self) -> None:
        whole = (*self.steps, self.most_steps)
        if len(self.tokens) != len(self.steps) or len(set(whole)) != len(whole):
            raise InputError(
                f"data.tokens={self.tokens} and data.steps={self.steps} must be pairs, no number "
                "of steps twice (data.most_steps counts), for steps tell which part a run reads"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """Two sizes trained at several batches with a constant rate."""

    shapes: tuple[tuple[int, int], ...] = ((2, 8), (2, 16))
    """Layers and width of the two."""
    sizes: tuple[int, ...] = (2, 8, 32, 128)
    """Windows a step."""
    steps: tuple[int, ...] = (2_400, 1_000, 450, 220)
    """Optimizer steps at each."""
    rate_until: int = 32
    """Windows a step below which the rate falls as the root of the batch."""

    def __post_init__(self) -> None:
        if len(self.sizes) < 4 or len(self.sizes) != len(self.steps):
            raise InputError(
                f"batches.sizes={self.sizes} and batches.steps={self.steps} must be pairs, at "
                "least four of them"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainConfig:
    """Models of sequences whose entropy is known."""

    shapes: tuple[tuple[int, int], ...] = ((1, 8), (2, 8), (2, 16), (2, 24), (2, 32))
    """Layers and width of each size."""
    symbols: int = 12
    """Of the chain."""
    order: int = 2
    """Symbols that the next one depends on."""
    steps: int = 500
    """Optimizer steps."""
    repeats: int = 2
    """Seeds of each size."""

    def domain(self, sequence: int, seed: int) -> MarkovChain:
        """The chain of a seed."""
        return MarkovChain(symbols=self.symbols, order=self.order, sequence=sequence, seed=seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class LawsConfig:
    """The whole study."""

    main: MainConfig = field(default_factory=MainConfig)
    """Sizes and lengths."""
    shapes: ShapesConfig = field(default_factory=ShapesConfig)
    """Depth and width."""
    data: DataConfig = field(default_factory=DataConfig)
    """Parts of the text."""
    batches: BatchConfig = field(default_factory=BatchConfig)
    """Batch sizes."""
    chain: ChainConfig = field(default_factory=ChainConfig)
    """Known entropy."""
    context: int = 32
    """Characters read at once."""
    d_head: int = 8
    """Width of a head."""
    base_width: int = 16
    """Where the learning rate was tuned; μP carries it to other widths."""
    lr: float = 2e-2
    """Peak learning rate at the base width."""
    init_std: float = 0.125
    """Standard deviation of first weights at the base width."""
    held_out_characters: int = 250_000
    """Set aside of the text, by whole files."""
    held_out_windows: int = 192
    """Windows of it that every run is measured on."""
    moments: int = 16
    """Times of measuring."""
    draws: int = 300
    """Resamples behind every interval."""
    small_share: float = 8.0
    """Forecasts stand on settled runs of up to the largest compute divided by this."""
    code: Path | None = None
    """Folder of .py files to train on; None: the Python standard library that runs this."""
    prose: Path | None = None
    """Folder of .txt files for the transfer; None: the help topics of the same library."""
    engine: str = "processes"
    """How sweeps run: serial, processes or ray."""
    workers: int = 2
    """Populations at once, each on one thread."""

    def __post_init__(self) -> None:
        if self.shapes.steps not in self.main.steps:
            raise InputError(
                f"shapes.steps={self.shapes.steps} must be one of main.steps={self.main.steps}"
            )
        known = {*self.shapes.others, *self.main.shapes}
        if len(self.shapes.alike) < 3 or not known.issuperset(self.shapes.alike):
            raise InputError(
                f"shapes.alike={self.shapes.alike} must be three or more of shapes.others and "
                "main.shapes"
            )
        if self.workers < 1:
            raise InputError(f"workers={self.workers} must be at least 1")

    def shape(self, layers: int, width: int, *, vocab_size: int = VOCABULARY) -> Shape:
        """A model of this study."""
        return Shape(
            d_model=width,
            num_layers=layers,
            vocab_size=vocab_size,
            context=self.context,
            d_head=self.d_head,
            init_std=self.init_std,
        )

    def fitting(self, seed: int) -> FitConfig:
        """How laws are fitted."""
        return FitConfig(draws=self.draws, seed=seed)


def small() -> LawsConfig:
    """Two CPU cores, about ten minutes."""
    return LawsConfig()


def paper() -> LawsConfig:
    """The paper's sizes, lengths and batch, on texts of your own (`code` and `prose`).

    Characters stand in for its 50,257 tokens. A Ray cluster trains it; no machine at hand did.
    """
    sizes = ((2, 64), (4, 128), (6, 256), (12, 512), (12, 768), (24, 1_024), (48, 1_600))
    alike = ((3, 1_280), (6, 896), (12, 640), (24, 448), (48, 320))
    return LawsConfig(
        main=MainConfig(
            shapes=sizes,
            steps=(31_250, 62_500, 125_000, 250_000),
            repeats=2,
            batch=512,
            settled=31_250,
        ),
        shapes=ShapesConfig(
            others=alike,
            alike=alike,
            steps=125_000,
        ),
        data=DataConfig(
            shapes=sizes[:5],
            tokens=(21_000_000, 86_000_000, 344_000_000, 1_376_000_000, 5_505_000_000),
            steps=(5_000, 15_000, 40_000, 80_000, 160_000),
            most_tokens=22_000_000_000,
            most_steps=250_000,
        ),
        batches=BatchConfig(
            shapes=((4, 128), (6, 256)),
            sizes=(8, 64, 512, 4_096),
            steps=(250_000, 125_000, 60_000, 20_000),
            rate_until=512,
        ),
        chain=ChainConfig(symbols=64, order=3, steps=50_000),
        context=1_024,
        d_head=64,
        base_width=64,
        lr=2.5e-3,
        init_std=0.02,
        held_out_characters=10_000_000,
        held_out_windows=1_024,
        engine="ray",
        workers=8,
    )
