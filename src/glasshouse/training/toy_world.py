"""Growing a model on the toy world: its documents to a run folder."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, mini, nano, tiny, word_tokenizer
from glasshouse.training.config import CheckpointConfig, TrainConfig
from glasshouse.training.loop import continue_run
from glasshouse.training.metrics import StepResult
from glasshouse.training.run_folder import Run, refuse_taken, start_run
from glasshouse.training.schedule import ScheduleConfig
from glasshouse.training.shards import EncodedDocument
from glasshouse.world import Corpus, Ledger, World

SIZES = {"nano": nano, "tiny": tiny, "mini": mini}
HELD_OUT_SHARE = 0.02
"""Size of the held-out corpus, as a share of the training corpus."""
LEDGER = Path("data") / "ledger.json"
"""Where in a run folder the exposures of its training corpus are kept."""


def world_run() -> TrainConfig:
    """About four million tokens: some minutes on two cores."""
    return TrainConfig(
        steps=2000,
        batch_size=16,
        schedule=ScheduleConfig(peak_lr=4e-3, warmup_steps=130),
        checkpoints=CheckpointConfig(every=200),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldConfig:
    """A model grown on the world of a seed."""

    world_seed: int = 0
    """Which world."""
    world_preset: Literal["nano", "small", "large"] = "small"
    """How many people, towns and things there are in it."""
    size: Literal["nano", "tiny", "mini"] = "mini"
    """The model: about 0.15, 0.4 or 1 million parameters."""
    context: int = 128
    """Tokens the model reads at once."""
    train: TrainConfig = field(default_factory=world_run)
    """The training run, which sees every document once; its seed also draws the first weights."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise InputError(f"size={self.size!r} must be one of {', '.join(SIZES)}")
        if self.context < 8:
            raise InputError(f"context={self.context} must be at least 8")


def train_on_world(out: Path, config: WorldConfig) -> Iterator[StepResult]:
    """Grow a model on a world: `start_world_run`, then `continue_run`."""
    return continue_run(start_world_run(out, config))


def start_world_run(out: Path, config: WorldConfig) -> Run:
    """Write a world's documents as shards, and make the untrained model.

    Args:
        out: The run folder to make.
        config: World, model and training.

    Raises:
        InputError: If `out` is taken.
        RunError: If the disk is full; no folder is left.
    """
    refuse_taken(out)
    world = World(config.world_seed, config.world_preset)
    tokens = config.train.steps * config.train.batch_size * config.context
    corpus = training_corpus(world, config)
    held_out = world.corpus(tokens=max(20_000, int(tokens * HELD_OUT_SHARE)), split="validation")
    run = start_run(
        out,
        model=untrained(world, config),
        train=_encoded(corpus),
        held_out=_encoded(held_out),
        config=config.train,
        context=config.context,
        kind="world",
        recipe=world_recipe(config),
    )
    corpus.ledger.save(out / LEDGER)
    return run


def exposure_ledger(folder: Path, config: WorldConfig) -> Ledger:
    """Return what a run's training corpus stated how often.

    It lies in the run folder; a run that was killed before it was written gets it counted again.

    Raises:
        InputError: If the ledger in the folder is damaged.
    """
    path = folder / LEDGER
    if not path.exists():
        world = World(config.world_seed, config.world_preset)
        training_corpus(world, config).ledger.save(path)
    return Ledger.load(path)


def world_recipe(config: WorldConfig) -> dict[str, Any]:
    """Return how data and model are made, as run.json keeps it."""
    return {name: value for name, value in asdict(config).items() if name != "train"}


def training_corpus(world: World, config: WorldConfig) -> Corpus:
    """Plan the documents that a run trains on, each once; its `ledger` counts what they state."""
    tokens = config.train.steps * config.train.batch_size * config.context
    # One context more, because the last window needs a token to predict beyond it.
    return world.corpus(tokens=tokens + config.context, split="train")


def _encoded(corpus: Corpus) -> Iterator[EncodedDocument]:
    for document in corpus.encoded():
        yield EncodedDocument(ids=document.ids, kind=document.kind, mask=document.mask)


def untrained(world: World, config: WorldConfig) -> LanguageModel:
    """Return a model of the config's size that has seen nothing of the world but its words."""
    shape = SIZES[config.size](len(world.vocabulary), context=config.context)
    generator = torch.Generator().manual_seed(config.train.seed)
    tokenizer = word_tokenizer(world.vocabulary.words)
    return LanguageModel(Transformer(shape, generator=generator), tokenizer, origin="new")
