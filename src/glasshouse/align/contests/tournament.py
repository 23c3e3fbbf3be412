"""Everybody against everybody: policies answer the same requests, a referee compares, Elo sums up.

Source:
    Bai et al. 2022 (2204.05862), appendix on Elo scores: comparisons between snapshots, fitted by
    maximum likelihood.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from glasshouse.align.contests.elo import Elo, fit_elo
from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.pairs.collect import Writer, dialogue_of
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.crowd import Crowd
from glasshouse.world.gold import GoldSpec
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Duel:
    """Two players met."""

    first: str
    """Name of one."""
    second: str
    """Name of the other."""
    p_first: float
    """1 if the first won, 0 if it lost, between where it was a draw or a referee was unsure."""
    weight: float = 1.0
    """How many duels like this."""

    def __post_init__(self) -> None:
        if not self.first or not self.second or self.first == self.second:
            raise InputError(f"players {self.first!r} and {self.second!r} must be two, with names")
        if not 0 <= self.p_first <= 1 or not (self.weight > 0 and math.isfinite(self.weight)):
            raise InputError(
                f"p_first={self.p_first} must lie between 0 and 1, and weight={self.weight} above 0"
            )


@runtime_checkable
class Referee(Protocol):
    """Says who wins, reply by reply."""

    def __call__(
        self, requests: Sequence[Request], first: Sequence[str], second: Sequence[str]
    ) -> Float[np.ndarray, " duel"]:
        """Return the probability (or the share of votes) with which each first reply wins."""
        ...


def gold_referee(world: World, *, spec: GoldSpec | None = None) -> Referee:
    """The better by gold reward wins; an equal reward is a draw."""

    def judge(
        requests: Sequence[Request], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray:
        gaps = [
            world.gold(request, one, spec).reward - world.gold(request, two, spec).reward
            for request, one, two in zip(requests, first, second, strict=True)
        ]
        return 0.5 + 0.5 * np.sign(np.round(gaps, 9))

    return judge


def crowd_referee(crowd: Crowd, *, seed: int = 0) -> Referee:
    """A member of the crowd drawn at random votes on each duel."""
    dice = Dice(stream(crowd.world.seed, "referee", seed))

    def judge(
        requests: Sequence[Request], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray:
        votes = [
            crowd.compare(request, one, two, dice).label
            for request, one, two in zip(requests, first, second, strict=True)
        ]
        return np.array(votes, dtype=float)

    return judge


def preference_referee(judge_model: PreferenceModel) -> Referee:
    """A preference model's own probability; replies must not be empty."""

    def judge(
        requests: Sequence[Request], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray:
        def score(replies: Sequence[str]) -> np.ndarray:
            dialogues = [
                (*dialogue_of(request), Turn("assistant", reply))
                for request, reply in zip(requests, replies, strict=True)
            ]
            return judge_model.score(dialogues).double().numpy()

        return 1 / (1 + np.exp(score(second) - score(first)))

    return judge


def round_robin(
    writers: Mapping[str, Writer], requests: Sequence[Request], referee: Referee, *, seed: int
) -> list[Duel]:
    """Have every pair of players answer all requests, and a referee compare.

    A player who brings no reply to its end loses; if neither does, it is a draw.

    Args:
        writers: Players by name, two or more.
        requests: What everybody answers.
        referee: Says who wins.
        seed: Of the replies; every player writes one a request, which meets all others.

    Raises:
        InputError: If there are fewer than two players, or no requests.
    """
    if len(writers) < 2 or not requests:
        raise InputError(
            f"{len(writers)} players and {len(requests)} requests; give 2 and 1 or more"
        )
    replies = {name: write(requests, seed=seed) for name, write in writers.items()}
    duels = []
    for one, two in combinations(writers, 2):
        first, second = replies[one], replies[two]
        chances = np.array(
            [0.5 + 0.5 * bool(a) - 0.5 * bool(b) for a, b in zip(first, second, strict=True)]
        )
        both = [place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a and b]
        if both:
            chances[both] = referee(
                [requests[place] for place in both],
                [first[place] for place in both],
                [second[place] for place in both],
            )
        duels += [Duel(first=one, second=two, p_first=float(chance)) for chance in chances]
    return duels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Standings:
    """Who beat whom how often, and the strengths that follow."""

    wins: Float[np.ndarray, "player player"]
    """How often the row beat the column; a draw is half a win of each."""
    elo: Elo
    """Strengths with intervals."""

    def win_rate(self, first: str, second: str) -> float:
        """Share of their duels that the first won; NaN if they never met."""
        one, two = (self.elo.players.index(name) for name in (first, second))
        met = self.wins[one, two] + self.wins[two, one]
        return float(self.wins[one, two] / met) if met else math.nan


def standings(duels: Iterable[Duel], *, rng: np.random.Generator) -> Standings:
    """Count duels and fit strengths; players in the order in which they first appear.

    Raises:
        InputError: If there are no duels, or groups of players never met.
    """
    known = list(duels)
    players = list(dict.fromkeys(name for duel in known for name in (duel.first, duel.second)))
    if not players:
        raise InputError("there are no duels to count")
    place = {name: number for number, name in enumerate(players)}
    wins = np.zeros((len(players), len(players)))
    for duel in known:
        one, two = place[duel.first], place[duel.second]
        wins[one, two] += duel.weight * duel.p_first
        wins[two, one] += duel.weight * (1 - duel.p_first)
    return Standings(wins=wins, elo=fit_elo(players, wins, rng=rng))


def read_duels(path: Path) -> list[Duel]:
    """Read who beat whom from JSON lines or, if the name ends in .csv, a table with a heading.

    A record has `winner` and `loser`, or `first_by`, `second_by` and `p_first` as collected
    comparisons have; `weight` says how many duels it stands for.

    Raises:
        InputError: If the file cannot be read, is empty, or a record is no duel: with its line.
    """
    duels = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".csv":
                rows = csv.DictReader(file)
                records = ((rows.line_num, row) for row in rows)
                duels = [_numbered(path, number, record) for number, record in records]
            else:
                lines = ((n, line) for n, line in enumerate(file, 1) if line.strip())
                duels = [
                    _numbered(path, number, _parsed(path, number, line)) for number, line in lines
                ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not duels:
        raise InputError(f"{path} holds no duels")
    return duels


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number}: no JSON: {error.msg}") from None


def _numbered(path: Path, number: int, record: Any) -> Duel:
    try:
        return duel_of(record)
    except InputError as error:
        raise InputError(f"{path}, line {number}: {error}") from None


def duel_of(record: Any) -> Duel:
    """A duel from one record of either shape.

    Raises:
        InputError: If it is of neither.
    """
    if not isinstance(record, dict):
        raise InputError("a duel is an object with names and values")
    weight = _number(record, "weight") if record.get("weight") not in (None, "") else 1.0
    if "winner" in record or "loser" in record:
        return Duel(
            first=_name(record, "winner"), second=_name(record, "loser"), p_first=1.0, weight=weight
        )
    if "first_by" in record or "second_by" in record:
        return Duel(
            first=_name(record, "first_by"),
            second=_name(record, "second_by"),
            p_first=_number(record, "p_first"),
            weight=weight,
        )
    raise InputError(
        "neither winner and loser nor first_by and second_by; there is "
        f"{', '.join(map(repr, record)) or 'nothing'}"
    )


def _name(record: dict[str, Any], name: str) -> str:
    found = record.get(name)
    if not isinstance(found, str) or not found.strip():
        raise InputError(f"{name!r} is missing or no name")
    return found.strip()


def _number(record: dict[str, Any], name: str) -> float:
    found = record.get(name)
    try:
        if isinstance(found, bool) or found is None:
            raise ValueError
        return float(found)
    except (TypeError, ValueError):
        raise InputError(f"{name}={found!r} is missing or no number") from None
