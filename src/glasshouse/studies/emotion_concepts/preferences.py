"""Whether what an item stirs predicts how much it is preferred, and moves it."""

from dataclasses import dataclass

import numpy as np
import torch

from glasshouse.dataflow.feeds import Change
from glasshouse.interpret.concepts import add_share, at_tokens
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.emotion_concepts.claims import MOVES_CHOICE, PREDICTS_CHOICE
from glasshouse.studies.emotion_concepts.evidence import correlation, over_models
from glasshouse.studies.emotion_concepts.reading import Subject, chances, layer_name
from glasshouse.world.moods import STATES


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Preferences:
    """What one model prefers."""

    ratings: np.ndarray
    """Elo of every item."""
    scores: np.ndarray
    """Score of every vector on the item's token, `item vector`."""
    r: np.ndarray
    """Their correlations, by vector."""
    r_permuted: float
    """The smaller size of the best and the worst correlation of permuted vectors, on average."""
    moved: np.ndarray
    """Change of Elo of the items that were pushed, less that of the others, by vector."""
    moved_permuted: np.ndarray
    """The same along permuted vectors, `set vector`."""

    @property
    def both(self) -> float:
        """The smaller size of the best and the worst correlation."""
        return _both(self.r)


def measure(subject: Subject) -> Preferences:
    """Let one model choose between all pairs, as it is and pushed."""
    world = subject.config.world
    items = world.id("item0") + np.arange(world.items)
    asked = np.stack(
        [np.full(world.items, world.id(name)) for name in ("<start>", "<user>", "<feel>")]
        + [items],
        axis=1,
    )
    values = subject.at(asked)[:, -1]
    scores = subject.scores(values).numpy()
    ratings = _ratings(subject, None, np.zeros(0, dtype=int))
    r = _correlations(scores, ratings)
    sets = [subject.permuted(f"items {number}") for number in range(subject.config.read.random)]
    permuted = [_correlations(subject.scores(values, one).numpy(), ratings) for one in sets]
    half = subject.rng("half of the items").permutation(world.items)[: world.items // 2]
    states = range(len(STATES))

    def moved(state: int, shuffle: np.random.Generator | None) -> float:
        directions = []
        for vectors in subject.vectors[: subject.layer + 1]:
            vector = vectors.vectors[state]
            order = np.arange(len(vector)) if shuffle is None else shuffle.permutation(len(vector))
            directions.append(vector[torch.from_numpy(order)])
        change = _ratings(subject, directions, half) - ratings
        return float(change[half].mean() - np.delete(change, half).mean())

    rng = subject.rng("pushed at random")
    return Preferences(
        ratings=ratings,
        scores=scores,
        r=r,
        r_permuted=float(np.mean([_both(one) for one in permuted])),
        moved=np.array([moved(state, None) for state in states]),
        moved_permuted=np.array([[moved(state, rng) for state in states] for _ in range(3)]),
    )


def _ratings(
    subject: Subject, directions: list[torch.Tensor] | None, pushed: np.ndarray
) -> np.ndarray:
    """Elo from all ordered pairs, with some items' tokens pushed at every layer up to the read."""
    world, count = subject.config.world, subject.config.world.items
    pairs = np.array([(a, b) for a in range(count) for b in range(count) if a != b])
    first = world.id("item0")
    ids = np.stack(
        [
            np.full(len(pairs), world.id("<start>")),
            np.full(len(pairs), world.id("<choose>")),
            first + pairs[:, 0],
            first + pairs[:, 1],
            np.full(len(pairs), world.id("<pick>")),
        ],
        axis=1,
    )
    feed: dict[str, Change] = {}
    if directions is not None:
        which = torch.from_numpy(np.isin(ids, first + pushed))
        strength = subject.config.push.on_items
        feed = {
            layer_name(layer): at_tokens(
                add_share(direction, strength, subject.norms[layer]), which
            )
            for layer, direction in enumerate(directions)
        }
    signs = [world.id("<first>"), world.id("<second>")]
    one, two = chances(subject.model, ids, signs, feed).double().numpy().T
    wins = np.zeros((count, count))
    wins[pairs[:, 0], pairs[:, 1]] = one / (one + two)
    # Both orders of a pair, averaged.
    return elo((wins + 1 - wins.T) / 2)


def elo(wins: np.ndarray, *, ridge: float = 1e-3) -> np.ndarray:
    """Ratings from the chances of all pairs, by maximum likelihood (Bradley and Terry 1952).

    Args:
        wins: Chance that the row's item is preferred to the column's; the diagonal is not read.
        ridge: Penalty on squared strengths, without which certain wins have no rating.

    Returns:
        1500 on average; 400 more is ten to one.
    """
    count = len(wins)
    off = ~np.eye(count, dtype=bool)
    theta = np.zeros(count)
    for _ in range(100):
        expected = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
        slope = ((wins - expected) * off).sum(axis=1) - ridge * theta
        weight = expected * (1 - expected) * off
        curve = np.diag(weight.sum(axis=1) + ridge) - weight
        step = np.linalg.solve(curve, slope)
        theta = theta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return 1500 + 400 / np.log(10) * (theta - theta.mean())


def _correlations(scores: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    return np.array([correlation(column, ratings) for column in scores.T])


def _both(r: np.ndarray) -> float:
    return float(min(r.max(), -r.min()))


def claims(found: list[Preferences], subjects: list[Subject]) -> list[ClaimResult]:
    """Judge what is said of preferences."""
    seed = subjects[0].seed
    r = np.mean([one.r for one in found], axis=0)
    moved = np.mean([one.moved for one in found], axis=0)
    aimless = np.mean([np.abs(one.moved_permuted).mean() for one in found])
    best, worst = int(r.argmax()), int(r.argmin())
    return [
        over_models(
            PREDICTS_CHOICE,
            [one.both for one in found],
            seed=seed,
            text=f"{STATES[best]} {r[best]:.2f}, {STATES[worst]} {r[worst]:.2f}; the smaller size",
            control=[one.r_permuted for one in found],
            control_text="vectors with permuted coordinates",
        ),
        over_models(
            MOVES_CHOICE,
            [correlation(one.moved, one.r) for one in found],
            seed=seed,
            text=f"effects from {moved.max():+.0f} ({STATES[int(moved.argmax())]}) to "
            f"{moved.min():+.0f} Elo ({STATES[int(moved.argmin())]}), permuted vectors "
            f"{aimless:.0f} on average; correlation",
            control=[
                float(np.mean([correlation(row, one.r) for row in one.moved_permuted]))
                for one in found
            ],
            control_text="effects of permuted vectors",
        ),
    ]
