"""What a sweep trains on: a domain of `corpora`, drawn as it is needed, or the toy world's text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glasshouse.corpora import (
    Digits,
    Domain,
    Drawn,
    Echoes,
    Field,
    HiddenFunction,
    LabelledField,
    MarkovChain,
    Quanta,
    Scenes,
    Sums,
    WordProblems,
)
from glasshouse.errors import InputError
from glasshouse.scaling.plan_files import from_plain
from glasshouse.scaling.plans import SweepPlan, Trial
from glasshouse.scaling.records import TrialRecord
from glasshouse.scaling.training import ShardWork, train_trials
from glasshouse.training import EncodedDocument, domain_batches, write_shards
from glasshouse.training.batches import Batch, BatchSource, marked

DOMAINS: Mapping[str, type] = {
    "chain": MarkovChain,
    "digits": Digits,
    "echoes": Echoes,
    "field": Field,
    "hidden-function": HiddenFunction,
    "labelled-field": LabelledField,
    "quanta": Quanta,
    "scenes": Scenes,
    "sums": Sums,
    "word-problems": WordProblems,
}
WORLD = "world"
_HELD_OUT_WINDOWS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldText:
    """Documents of a toy world."""

    world_seed: int = 0
    """Which world."""
    world_preset: str = "small"
    """How many people, towns and things there are in it."""
    context: int = 64
    """Tokens the models read at once."""
    tokens: int | None = None
    """Tokens of text, read again and again where a trial asks for more; None: as many as the
    longest trial reads."""

    def __post_init__(self) -> None:
        if self.context < 8:
            raise InputError(f"data.context={self.context} must be at least 8")
        if self.tokens is not None and self.tokens <= self.context:
            raise InputError(
                f"data.tokens={self.tokens} must be more than the context of {self.context}"
            )

    @property
    def vocab_size(self) -> int:
        """Words and marks."""
        return len(self.world().vocabulary)

    def world(self):
        """The world itself."""
        from glasshouse.world import World

        return World(self.world_seed, self.world_preset)


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainWork:
    """Trains trials on fresh sequences of a domain; a `Work`."""

    domain: Domain
    """What is drawn."""
    moments: int = 12
    """Times that held-out loss is measured."""

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """Train one population."""
        torch.set_num_threads(1)
        sources: list[BatchSource] = [
            _counted_only(domain_batches(self.domain, seed=one.seed)) for one in trials
        ]
        drawn = _held_out(self.domain)
        ids, counts = torch.from_numpy(drawn.ids), torch.from_numpy(drawn.counts[:, 1:]).float()
        held_out = marked(Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), counts))
        return train_trials(plan, trials, sources, held_out, moments=self.moments)


def named_data(plain: Mapping[str, Any]) -> Domain | WorldText:
    """What a plan file's `data` means.

    Args:
        plain: `domain`, by default a chain, and the fields of it.

    Raises:
        InputError: If there is no such domain, or it has no such field.
    """
    fields = dict(plain)
    name = fields.pop("domain", "chain")
    if name == WORLD:
        return from_plain(WorldText, fields, where="data.")
    if name not in DOMAINS:
        raise InputError(f"data.domain={name!r} must be one of {', '.join([*DOMAINS, WORLD])}")
    if name == "echoes":
        fields.setdefault("chain", {})  # it has no default of its own
    return from_plain(DOMAINS[name], fields, where="data.")


def read_at_once(data: Domain | WorldText) -> int:
    """The context of models that read it."""
    return data.context if isinstance(data, WorldText) else data.length - 1


def described(data: Domain | WorldText) -> dict[str, Any]:
    """All of it as JSON values, defaults with it, for the record of a sweep."""
    names = {kind: name for name, kind in DOMAINS.items()}
    return {"domain": names.get(type(data), WORLD), **asdict(data)}  # pyright: ignore[reportArgumentType]


def sweep_work(data: Domain | WorldText, plan: SweepPlan, folder: Path) -> DomainWork | ShardWork:
    """What trains the trials of a plan, with the text that it reads written into the folder.

    Args:
        data: What is trained on.
        plan: The trials.
        folder: Of the sweep; `data/` in it is for the text, which is written once.

    Raises:
        RunError: If the disk is full, or the text there is damaged.
    """
    if not isinstance(data, WorldText):
        return DomainWork(domain=data)
    text = (folder / "data").resolve()
    least = 4 * _HELD_OUT_WINDOWS * data.context
    most = data.tokens or max(trial.tokens for trial in plan.trials)
    sizes = {"train": most + data.context, "validation": max(least, most // 50)}
    for split, tokens in sizes.items():
        if not (text / split).exists():
            corpus = data.world().corpus(tokens=tokens, split=split)
            documents = (
                EncodedDocument(ids=one.ids, kind=one.kind, mask=one.mask)
                for one in corpus.encoded()
            )
            write_shards(text / split, documents)
    return ShardWork(train=text / "train", held_out=text / "validation")


def _held_out(domain: Domain) -> Drawn:
    """Sequences that no trial trains on: the same for all trials of a domain."""
    if isinstance(domain, Digits):
        domain = replace(domain, split="test")
    return domain.draw(_HELD_OUT_WINDOWS, np.random.default_rng([0x4E1D, 0x5EE9]))


def _counted_only(source: BatchSource) -> BatchSource:
    """The same windows, targets that do not count marked as such."""

    return lambda first, count: marked(source(first, count))
