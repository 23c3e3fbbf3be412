"""What a worker does with a population: read characters or draw a chain, train, measure, ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
import torch.nn.functional as F

from glasshouse.corpora import Drawn, MarkovChain
from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.models import Transformer
from glasshouse.scaling import SweepPlan, Trial, TrialRecord, train_trials
from glasshouse.training import EncodedDocument, TokenShards, domain_batches, shuffled_windows
from glasshouse.training.batches import Batch, BatchSource, Windows

_ROWS = 32
"""Windows of one forward pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Runs of one batch and number of steps that read only the first tokens of the text."""

    batch: int
    steps: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TextWork:
    """Trains trials on characters, and asks each network for its loss on prose as well."""

    train: Path
    """Shards to train on."""
    held_out: Path
    """Shards to measure on."""
    prose: Path
    """Shards of other text."""
    answers: Path
    """Folder for the losses on it, a file a trial."""
    windows: int
    """Windows measured on, of either."""
    moments: int
    """Times that held-out loss is measured."""
    parts: tuple[Part, ...] = ()
    """Who reads only a part of the text; the others read all of it."""

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """Train one population."""
        torch.set_num_threads(1)
        context = trials[0].shape.context
        text = self._text(trials[0])
        sources = [shuffled_windows(text, context=context, seed=one.seed) for one in trials]
        measured = evenly(TokenShards.open(self.held_out), context, self.windows)
        other = evenly(TokenShards.open(self.prose), context, self.windows)

        def ask(trial: Trial, network: Transformer) -> None:
            found = msgspec.json.encode({"prose": loss_on(network, other)})
            write_atomically(self.answers / f"{trial.name}.json", found + b"\n")

        return train_trials(plan, trials, sources, measured, moments=self.moments, trained=ask)

    def _text(self, trial: Trial) -> TokenShards:
        whole = TokenShards.open(self.train)
        for part in self.parts:
            if (part.batch, part.steps) == (trial.batch, trial.steps):
                return first_tokens(whole, part.tokens)
        return whole


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainWork:
    """Trains trials on fresh sequences of a chain."""

    chain: MarkovChain
    """What is drawn."""
    windows: int
    """Held-out sequences."""
    moments: int
    """Times that held-out loss is measured."""

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """Train one population."""
        torch.set_num_threads(1)
        sources: list[BatchSource] = [domain_batches(self.chain, seed=one.seed) for one in trials]
        ids = torch.from_numpy(self._held_out().ids)
        held_out = Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        return train_trials(plan, trials, sources, held_out, moments=self.moments)

    def true_loss(self) -> float:
        """What a reader who knows the chain loses on the very sequences that are measured on."""
        drawn = self._held_out()
        assert drawn.logprobs is not None
        return -float(drawn.logprobs[drawn.counts].mean())

    def _held_out(self) -> Drawn:
        return self.chain.draw(self.windows, np.random.default_rng([0x4E1D, self.chain.seed]))


def first_tokens(text: TokenShards, count: int) -> TokenShards:
    """The beginning of a text, in memory.

    Raises:
        InputError: If the text is shorter.
    """
    if count >= text.num_tokens:
        raise InputError(
            f"a part of {count:,} tokens is not smaller than the text of {text.num_tokens:,}; "
            "ask for less, or bring more text"
        )
    found, left = [], count + 1  # the last window needs its last target
    for shard in text.shards:
        found.append(np.asarray(shard.tokens[:left], dtype=np.int64))
        left -= len(found[-1])
        if not left:
            break
    return TokenShards.pack([EncodedDocument(ids=np.concatenate(found), kind="part")])


def evenly(text: TokenShards, context: int, count: int) -> Batch:
    """Windows spread over a whole text, always the same ones."""
    windows = Windows(text, context)
    some = np.linspace(0, len(windows) - 1, min(count, len(windows)))
    return windows.batch(np.unique(some.astype(np.int64)))


@torch.no_grad()
def loss_on(network: Transformer, batch: Batch) -> float:
    """Mean loss of a network, in nats a token."""
    total = 0.0
    for first in range(0, len(batch.inputs), _ROWS):
        some = slice(first, first + _ROWS)
        logits = network(batch.inputs[some]).flatten(0, 1)
        total += F.cross_entropy(logits, batch.targets[some].flatten(), reduction="sum").item()
    return total / batch.targets.numel()
