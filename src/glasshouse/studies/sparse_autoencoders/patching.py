"""Claim 4: how many features must change for a model to answer as to another sentence?

x'_i = x_i + sum over patched features j of (c'_ij - c_ij) f_j at every place i, where c are codes
of the sentence and c' those of its twin; what a dictionary misses stays that of the sentence.

Order: each feature is patched alone on sentences of its own, and those whose patch leaves the least
KL come first. The paper orders by ACDC, which takes what others do into account. One order serves
all sentences, as in the paper; beside it, and not judged, each sentence gets an order of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.dictionaries import Coder, Dictionary, fit_baseline, unit_effects
from glasshouse.models import LanguageModel
from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig
from glasshouse.studies.sparse_autoencoders.grow import Grown
from glasshouse.studies.sparse_autoencoders.learning import Plan, Quality, learn, quality
from glasshouse.studies.sparse_autoencoders.reading import SKIP, resid
from glasshouse.world.giving import Givings, GivingWorld
from glasshouse.world.streams import stream

SAE, AGAIN, LARGER, ZERO = "dictionary", "another start", "larger penalty", "no penalty"
PCA, RANDOM = "PCA", "random directions"
CODERS = (SAE, AGAIN, LARGER, ZERO, PCA, RANDOM)
_ROWS_AT_ONCE = 512
_MOST_ALONE = 16
"""Features that are patched at most where each sentence has its own order."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """What is left of the KL as more and more features are patched."""

    kl: Float[np.ndarray, " patched"]
    """Mean KL from the patched answer to the twin's, in nats, with 0, 1, … features patched."""
    edit: Float[np.ndarray, " patched"]
    """Mean length of the change of a sentence's values."""
    own: Float[np.ndarray, " few"]
    """The first again, of the sentences that orders are found on, each with its own order."""

    @property
    def left(self) -> Float[np.ndarray, " patched"]:
        """KL as a share of that without a patch."""
        return self.kl / self.kl[0]

    @property
    def halved(self) -> int:
        """The least number of features that leaves half of the KL; all and one where none does."""
        return _first_half(self.kl)

    @property
    def halved_alone(self) -> int:
        """The same where each sentence has its own order, of those that were tried."""
        return _first_half(self.own)

    @property
    def edit_at_half(self) -> float:
        """Length of the edit where half of the KL is left; the whole edit's where that is never."""
        return float(self.edit[min(self.halved, len(self.edit) - 1)])

    @property
    def area(self) -> float:
        """Mean share left over all numbers of features."""
        return float(self.left.mean())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Patching:
    """One model's curves, and its dictionaries."""

    number: int
    """Which model."""
    model: Grown
    """The model."""
    accuracy: float
    """Share of sentences whose last name it gets right."""
    dictionary: Dictionary
    """The one that is compared."""
    curves: dict[str, Curve]
    """By name of the coder."""
    qualities: dict[str, Quality]
    """Of all coders."""

    def ratio(self, name: str) -> float:
        """Features of a coder until the KL is halved, over those of PCA or no penalty at best."""
        rival = min(self.curves[PCA].halved, self.curves[ZERO].halved)
        return self.curves[name].halved / rival

    def floor(self, name: str) -> float:
        """Share of the KL that is left when all is patched, over that of the dictionary."""
        return float(self.curves[name].left[-1] - self.curves[SAE].left[-1])


@torch.no_grad()
def measure(grown: Grown, config: DictionariesConfig, *, seed: int, number: int) -> Patching:
    """Learn the dictionaries of one model and patch with them."""
    how, world = config.giving, GivingWorld()
    name = resid(how.layer)
    names = ("sparse-autoencoders", "patching", number)
    learned = world.sample(how.texts, stream(seed, *names, "learn"))
    rows = harvest_all(grown.model, learned.ids.tolist(), name, skip=SKIP)[name].float()
    coders = _coders(rows, config, seed=seed, names=names)
    order_on, measured_on = (
        world.sample(how.pairs, stream(seed, *names, part)) for part in ("order", "measure")
    )
    twins = [
        world.twins(texts, stream(seed, *names, "twins", part))
        for part, texts in enumerate((order_on, measured_on))
    ]
    curves = {}
    for label, coder in coders.items():
        groups = _groups(label, coder)
        first = _Pairs(grown.model, name, coder, order_on, twins[0])
        alone = first.kl_of(first.edit([group]) for group in groups)
        order = torch.argsort(alone.mean(dim=1), stable=True).tolist()
        second = _Pairs(grown.model, name, coder, measured_on, twins[1])
        sets = [[groups[i] for i in order[:count]] for count in range(len(groups) + 1)]
        curves[label] = Curve(
            kl=second.kl_of(map(second.edit, sets)).mean(dim=1).numpy(),
            edit=torch.stack([second.length(one) for one in sets]).numpy(),
            own=first.kl_of(first.own_edits(groups, alone)).mean(dim=1).numpy(),
        )
    held = harvest_all(grown.model, measured_on.ids.tolist(), name, skip=SKIP)[name].float()
    return Patching(
        number=number,
        model=grown,
        accuracy=_accuracy(grown.model, world, world.sample(512, stream(seed, *names, "test"))),
        dictionary=coders[SAE],  # type: ignore[arg-type]
        curves=curves,
        qualities={label: quality(coder, held) for label, coder in coders.items()},
    )


def _coders(
    rows: Float[Tensor, "token d"],
    config: DictionariesConfig,
    *,
    seed: int,
    names: tuple[str | int, ...],
) -> dict[str, Coder]:
    """Dictionaries and baselines, all of as many directions."""
    how, count = config.giving, config.learn.ratio * rows.shape[1]
    starts = [int(stream(seed, *names, "start", i).integers(1 << 31)) for i in range(4)]
    plans = [
        Plan(latents=count, penalty=how.penalty, start=starts[0]),
        Plan(latents=count, penalty=how.penalty, start=starts[1]),
        Plan(latents=count, penalty=how.larger, start=starts[0]),
        Plan(latents=count, penalty=0.0, start=starts[0]),
    ]
    training = config.learn.training(starts[2], how.learn_steps)
    with torch.enable_grad():
        learned = learn(rows, plans, training, batch_rows=config.learn.batch_rows)
    fit = rows[: config.score.fit_rows]
    return {
        **dict(zip((SAE, AGAIN, LARGER, ZERO), learned, strict=True)),
        PCA: fit_baseline("pca", fit, count),
        RANDOM: fit_baseline("random", fit, count, seed=starts[3]),
    }


def _groups(label: str, coder: Coder) -> list[list[int]]:
    """Latents that are patched together: a component with its other way round, else one alone."""
    count = coder.num_latents
    if label == PCA:
        return [[one, one + count // 2] for one in range(count // 2)]
    return [[one] for one in range(count)]


class _Pairs:
    """Sentences and their twins, seen through one coder."""

    def __init__(
        self, model: LanguageModel, name: str, coder: Coder, texts: Givings, twins: Givings
    ) -> None:
        self._name = name
        device = next(model.network.parameters()).device
        self._ids, other = (torch.from_numpy(one.ids).to(device) for one in (texts, twins))
        # What is read at a place foretells the next token.
        self._answer = torch.from_numpy(texts.answer - 1).to(device)
        self._graph = model.graph()
        base, wanted = (self._graph.run(ids, fetch=[name, "logits"]) for ids in (self._ids, other))
        self._value = base[name]
        self._target = self._at_answer(wanted["logits"][None])[0].log_softmax(dim=-1)
        codes, new = (coder.encode(run[name].float()) for run in (base, wanted))
        self._change, self._adds = new - codes, unit_effects(coder, codes)

    def edit(self, groups: list[list[int]]) -> Float[Tensor, "pair pos d"]:
        """What patching some groups adds to the values."""
        chosen = [latent for group in groups for latent in group]
        return self._change[..., chosen] @ self._adds[chosen]

    def own_edits(
        self, groups: list[list[int]], alone: Float[Tensor, "group pair"]
    ) -> Iterator[Float[Tensor, "pair pos d"]]:
        """Edits with 0, 1, … groups patched, those first that leave a sentence least KL alone."""
        rank = alone.argsort(dim=0, stable=True).argsort(dim=0).to(self._change.device)
        number = torch.zeros(self._change.shape[-1], dtype=torch.long, device=rank.device)
        for place, group in enumerate(groups):
            number[group] = place
        for count in range(min(_MOST_ALONE, len(groups)) + 1):
            is_patched = (rank < count)[number].T  # pair latent
            yield (self._change * is_patched[:, None]) @ self._adds

    def kl_of(self, edits: Iterable[Float[Tensor, "pair pos d"]]) -> Float[Tensor, "set pair"]:
        """KL from the answer with each edit to the twin's, in nats."""
        pairs, waiting = len(self._ids), iter(edits)
        at_once = max(1, _ROWS_AT_ONCE // pairs)
        found = []
        while some := list(islice(waiting, at_once)):
            values = [self._value + edit for edit in some]
            ids = self._ids.repeat(len(values), 1)
            run = self._graph.run(ids, fetch="logits", feed={self._name: torch.cat(values)})
            logits = run["logits"].view(len(values), pairs, *run["logits"].shape[1:])
            patched = self._at_answer(logits).log_softmax(dim=-1)
            apart = (patched.exp() * (patched - self._target)).sum(dim=-1)
            found.append(apart.cpu())
        return torch.cat(found)

    def length(self, groups: list[list[int]]) -> Float[Tensor, ""]:
        """Mean length of an edit, over a whole sentence."""
        return self.edit(groups).flatten(1).norm(dim=1).mean().cpu()

    def _at_answer(
        self, logits: Float[Tensor, "set pair pos vocab"]
    ) -> Float[Tensor, "set pair vocab"]:
        rows = torch.arange(logits.shape[1], device=logits.device)
        return logits[:, rows, self._answer]


def _first_half(kl: Float[np.ndarray, " patched"]) -> int:
    """The first place where half of the first value is left; one behind the last if it is never."""
    below = np.flatnonzero(kl <= kl[0] / 2)
    return int(below[0]) if len(below) else len(kl)


def _accuracy(model: LanguageModel, world: GivingWorld, texts: Givings) -> float:
    """How often the most likely last name is the right one."""
    ids = torch.from_numpy(texts.ids)
    device = next(model.network.parameters()).device
    logits = model.graph().run(ids.to(device), fetch="logits")["logits"].cpu()
    rows = torch.arange(len(ids))
    said: Int[Tensor, " text"] = logits[rows, torch.from_numpy(texts.answer - 1)].argmax(dim=-1)
    return float((said == ids[rows, torch.from_numpy(texts.answer)]).float().mean())


def enough(found: Sequence[Patching], least: float = 0.9) -> str | None:
    """Why the task cannot be looked into; None where every model has learned it."""
    worst = min(one.accuracy for one in found)
    return None if worst > least else f"a model names only {worst:.0%} of those who are given to"
