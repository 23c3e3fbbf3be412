"""What a model is read on: its run's own documents, or a file's, with the truth where it is known.

What dictionaries and probes learn from and what they are measured on are different documents, cut
into windows as in training. A run on the toy world is measured on new documents of the training
distribution, of which the world knows every token's features. Nothing of the truth goes with the
texts that are learned from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Int64
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.models import LanguageModel
from glasshouse.models.find import is_run
from glasshouse.training import Run, open_run
from glasshouse.training.batches import Windows, shuffled_order
from glasshouse.training.shards import EncodedDocument, TokenShards
from glasshouse.training.text import encode_documents, read_documents, split_documents
from glasshouse.world import World

SKIP = 1
"""Tokens at the start of a window that are not looked at: what a first token is, is unlike all
others by far, and depends on where the cut fell."""
HELD_OUT_TOKENS = 100_000
"""Tokens that things are measured on, at most, where nobody asks for more."""
_LONGEST = 256
"""Tokens of a window, for models that read more."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Truth:
    """What is true of the held-out tokens."""

    names: tuple[str, ...]
    """Features, as "concept=dog"."""
    features: Sparse
    """Token by feature, true or false, for every token of every window, in order."""

    def of(self, rows: Activations, context: int) -> Sparse:
        """The features of harvested rows."""
        return self.features[(rows.document * context + rows.position).cpu().numpy()]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Texts:
    """Windows to learn from and windows to measure on."""

    origin: str
    """Where they are from, in words."""
    learn: Windows
    """Never part of what is measured on."""
    held_out: Int64[Tensor, "window context"]
    """Token ids."""
    truth: Truth | None = None
    """Of the held-out tokens, where a world wrote them."""

    @property
    def context(self) -> int:
        """Tokens of a window."""
        return self.held_out.shape[1]

    def shuffled(self, *, first: int, count: int, seed: int) -> Iterator[list[int]]:
        """Windows to learn from, each once an epoch; the order is a function of the seed."""
        for start in range(first, first + count, 64):
            share = min(64, first + count - start)
            order = shuffled_order(len(self.learn), first=start, count=share, seed=seed)
            yield from self.learn.batch(order).inputs.tolist()


def texts_of(
    model: LanguageModel, where: str | Path, *, held_out_tokens: int = HELD_OUT_TOKENS
) -> Texts:
    """The texts of the run that a model belongs to.

    Args:
        model: Who reads them.
        where: As it was loaded: a run folder, `run:NAME`, or a checkpoint of a run.
        held_out_tokens: Tokens to measure on, at most.

    Raises:
        InputError: If the model belongs to no run.
    """
    folder = run_of(where)
    if folder is None:
        raise InputError(f"{where} belongs to no run whose texts could be read; give --text PATH")
    run = open_run(folder)
    if run.record.kind == "world" and "world_seed" in run.record.recipe:
        return _of_world(run, held_out_tokens)
    held_out = _windows(run.held_out_shards, run.record.context, held_out_tokens)
    return Texts(
        origin=f"the {run.record.kind} of {folder}",
        learn=Windows(run.train_shards, held_out.shape[1]),
        held_out=held_out,
    )


def texts_of_file(
    model: LanguageModel, path: Path, *, held_out_tokens: int = HELD_OUT_TOKENS
) -> Texts:
    """A UTF-8 text, or a folder of them: nine tenths to learn from, one to measure on.

    Raises:
        TextError: If it is missing, empty or not UTF-8.
        InputError: If it is shorter than a few windows.
    """
    encoded = [
        list(encode_documents(part, model.tokenizer))
        for part in split_documents(read_documents(path))
    ]
    counts = [sum(len(document.ids) for document in part) for part in encoded]
    context = min(model.network.config.context, _LONGEST, counts[0] - 1, counts[1] - 1)
    if context < 4:
        raise InputError(
            f"{path} is too short: {counts[1]} tokens of it are held out; give more text"
        )
    parts = [TokenShards.pack(part) for part in encoded]
    return Texts(
        origin=str(path),
        learn=Windows(parts[0], context),
        held_out=_windows(parts[1], context, held_out_tokens),
    )


def run_of(where: str | Path) -> Path | None:
    """The run folder that a model's place means or lies in; None if there is none."""
    name = str(where)
    path = Path("runs") / name[4:] if name.startswith("run:") else Path(name)
    if is_run(path):
        return path
    outer = path.resolve().parent
    return outer.parent if outer.name == "checkpoints" and is_run(outer.parent) else None


def _of_world(run: Run, held_out_tokens: int) -> Texts:
    """A world run's texts: its shards to learn from, and new documents with their truth."""
    recipe: dict[str, Any] = run.record.recipe
    world, context = World(recipe["world_seed"], recipe["world_preset"]), run.record.context
    documents = list(world.corpus(tokens=held_out_tokens + context, split="validation"))
    shards = TokenShards.pack(EncodedDocument(ids=one.ids, kind=one.kind) for one in documents)
    held_out = _windows(shards, context, held_out_tokens)
    known = world.features.of(documents)
    entries = (np.ones(len(known.indices), dtype=bool), known.indices, known.indptr)
    features = scipy.sparse.csr_array(entries, shape=(len(known), len(known.names)))
    return Texts(
        origin=f"the documents of {world!r}",
        learn=Windows(run.train_shards, context),
        held_out=held_out,
        truth=Truth(names=known.names, features=features[: held_out.numel()]),
    )


def _windows(shards: TokenShards, context: int, tokens: int) -> Int64[Tensor, "window context"]:
    """The first windows, of as many tokens as a shard holds where that is fewer."""
    context = min(context, max(len(shard.tokens) for shard in shards.shards) - 1)
    windows = Windows(shards, context)
    count = max(1, min(len(windows), tokens // context))
    return torch.as_tensor(windows.batch(np.arange(count)).inputs)
