"""Which comparisons of a step a process reads, and what each is of the means over the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from glasshouse.training.distributed import Processes


class Pair(NamedTuple):
    """A comparison as a model reads it."""

    rows: tuple[list[int], list[int]]
    """Token ids of both dialogues."""
    replies: tuple[int, int]
    """Tokens of each reply, at the end of its row."""
    p_first: float
    """Probability that the first is preferred."""
    grades: tuple[float, float] | None
    """How good each is by itself, if somebody said so."""

    @property
    def better(self) -> int:
        """Which reply is the likelier one: 0 or 1."""
        return int(self.p_first < 0.5)


@dataclass(frozen=True, slots=True)
class Part:
    """What one process computes of a step."""

    pairs: Sequence[Pair]
    shares: list[float] | None
    """Of each pair in the mean over the step's pairs, times the number of processes, over which
    gradients are averaged; None: it is alone, and all count alike."""
    token_shares: list[float] | None
    """The same in the mean over tokens of better replies: of each of a pair's tokens."""


@dataclass(frozen=True, slots=True)
class Dealing:
    """Which pairs of a step this process reads, and what each is of its means."""

    pairs: Sequence[Pair]
    weights: np.ndarray
    """Of pairs, over their mean."""
    token_weights: np.ndarray
    """Of pairs, over the mean of their better replies' tokens."""
    processes: Processes

    def part(self, places: Sequence[int]) -> Part:
        """This process's part of a step. Who has no pair reads one that does not count."""
        count = self.processes.count
        own = places[self.processes.rank :: count]
        shown = [self.pairs[place] for place in own or places[:1]]
        if count == 1 and (self.weights == 1).all():
            return Part(shown, None, None)
        tokens = max(1, sum(self._size(place) for place in places))
        return Part(
            shown,
            [float(self.weights[place]) * count / len(places) for place in own] or [0.0],
            [float(self.token_weights[place]) * count / tokens for place in own] or [0.0],
        )

    def weight_of(self, places: Sequence[int], *, by_token: bool) -> float:
        """Mean weight of a step's pairs, or of the tokens of their better replies."""
        if not by_token:
            return float(self.weights[places].mean())
        sizes = [self._size(place) for place in places]
        return float(np.average(self.token_weights[places], weights=sizes))

    def _size(self, place: int) -> int:
        pair = self.pairs[place]
        return pair.replies[pair.better]
