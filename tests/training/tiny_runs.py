"""Runs small enough to repeat: a model of 3,000 parameters, documents of random tokens."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.training import (
    CheckpointConfig,
    EncodedDocument,
    Run,
    ScheduleConfig,
    TokenShards,
    TrainConfig,
    start_run,
)

VOCAB = 19
CONTEXT = 8


def make_model(seed: int = 0) -> LanguageModel:
    """One block, width 16."""
    shape = gpt(VOCAB, context=CONTEXT, num_layers=1, d_model=16, num_heads=2)
    words = ["<|endoftext|>", "<|pad|>", "<|unk|>", *(f"w{i}" for i in range(VOCAB - 3))]
    network = Transformer(shape, generator=torch.Generator().manual_seed(seed))
    return LanguageModel(network, word_tokenizer(words), origin="a test")


def make_documents(count: int = 30, *, seed: int = 0, masked: bool = False):
    """Documents of two kinds: "count" goes up by one, "same" repeats itself."""
    generator = np.random.default_rng(seed)
    documents = []
    for i in range(count):
        start, length = generator.integers(VOCAB), generator.integers(5, 20)
        kind = "count" if i % 2 else "same"
        ids = (start + np.arange(length) * (kind == "count")) % VOCAB
        mask = np.arange(length) >= 2 if masked else None
        documents.append(EncodedDocument(ids=ids, kind=kind, mask=mask))
    return documents


def make_shards(**options) -> TokenShards:
    """The documents, packed in memory."""
    return TokenShards.pack(make_documents(**options))


def make_config(steps: int = 12, **changes) -> TrainConfig:
    """A dozen steps, a checkpoint every fifth, held-out loss every fourth."""
    config = TrainConfig(
        steps=steps,
        batch_size=4,
        threads=1,
        evaluate_every=4,
        schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=2),
        checkpoints=CheckpointConfig(every=5, keep_last=2),
    )
    return replace(config, **changes)


def make_run(folder: Path, config: TrainConfig | None = None, **options) -> Run:
    """A run folder ready to train."""
    return start_run(
        folder,
        model=make_model(),
        train=make_documents(**options),
        held_out=make_documents(count=6, seed=1),
        config=config or make_config(),
        context=CONTEXT,
        kind="test",
        recipe={"made by": "a test"},
    )
