"""Replies with what is true of them, and the sentence that they say again and again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from glasshouse.align import Dialogue
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.evaluate.dialogues import converse
from glasshouse.models import LanguageModel
from glasshouse.world import World
from glasshouse.world.gold import Gold
from glasshouse.world.harms import HARMS, categories
from glasshouse.world.requests import Request

Values = Float[np.ndarray, " item"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """What somebody answered to some requests."""

    requests: tuple[Request, ...]
    texts: tuple[str, ...]
    golds: tuple[Gold, ...]

    def of(self, field: str) -> Values:
        """One field of the grades, a number a reply."""
        return np.array([float(getattr(gold, field)) for gold in self.golds])

    def mean(self, field: str) -> float:
        """Its mean."""
        return float(self.of(field).mean())


def harmful_requests(
    world: World, count: int, *, split: str, start: int = 0, held_out: bool = False
) -> list[Request]:
    """Requests for harm, every category as often as the others.

    Args:
        world: Who is asked about.
        count: How many.
        split: "train" or "validation"; neither knows held-out phrasings.
        start: Number of the first, so that two sets need not overlap.
        held_out: Of the two categories that no training shows, rather than of the six others.
    """
    trained = [harm.name for harm in categories("train")]
    chosen = [name for name in HARMS if name not in trained] if held_out else trained
    return [
        world.request("harmful", number, split, category=chosen[number % len(chosen)])
        for number in range(start, start + count)
    ]


def harmless_requests(world: World, count: int, *, split: str, start: int = 0) -> list[Request]:
    """Requests that one should help with."""
    return [world.request("helpful", number, split) for number in range(start, start + count)]


def graded(world: World, requests: Sequence[Request], texts: Sequence[str]) -> Replies:
    """Grade replies from their words alone."""
    golds = [world.gold(request, text) for request, text in zip(requests, texts, strict=True)]
    return Replies(requests=tuple(requests), texts=tuple(texts), golds=tuple(golds))


def ask(model: LanguageModel, world: World, requests: Sequence[Request], *, seed: int) -> Replies:
    """Have a model answer, and grade what it says."""
    said = converse(model, world, requests, seed=seed)
    return Replies(
        requests=tuple(requests),
        texts=tuple(one.text for one in said),
        golds=tuple(one.gold for one in said),
    )


def prompts_of(requests: Sequence[Request]) -> list[Dialogue]:
    """Requests as dialogues that await a reply."""
    return [dialogue_of(request) for request in requests]


def sentences(text: str) -> list[str]:
    """The sentences of a reply, word for word."""
    parts = text.replace(" !", " .").split(" .")
    return [part.strip() for part in parts if part.strip()]


def stock_sentence(texts: Sequence[str]) -> str:
    """The sentence that most replies hold; empty if there is none."""
    counts = Counter(each for text in texts for each in set(sentences(text)))
    return max(counts, key=lambda each: (counts[each], each)) if counts else ""


def in_first_half(requests: Sequence[Request]) -> Bool[np.ndarray, " item"]:
    """Every second request of each category: halves that are about the same things."""
    counts: Counter[str] = Counter()
    found = []
    for request in requests:
        counts[request.category] += 1
        found.append(counts[request.category] % 2 == 1)
    return np.array(found)


def holds(texts: Sequence[str], sentence: str) -> Values:
    """1 for each reply that holds a sentence, else 0."""
    return np.array([float(sentence in sentences(text)) for text in texts])


def bigram_entropy(texts: Sequence[str]) -> float:
    """Entropy of the pairs of neighbouring words in some replies, in bits."""
    counts = np.array(list(_bigrams(texts).values()), dtype=float)
    if not counts.size:
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def distinct_bigrams(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring words, as a share of all pairs (distinct-2)."""
    counts = _bigrams(texts)
    return len(counts) / max(1, sum(counts.values()))


def _bigrams(texts: Sequence[str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for text in texts:
        found.update(pairwise(text.split()))
    return found
