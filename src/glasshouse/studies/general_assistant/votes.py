"""Pre-training of preference models on votes: accuracy on the target against comparisons seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.judges.pretraining import binarised
from glasshouse.align.judges.training import num_steps, train_judge
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.scoring import pairs_right
from glasshouse.models import LanguageModel
from glasshouse.studies.general_assistant.asked import gold_pairs, shuffled, voted_pairs
from glasshouse.studies.general_assistant.config import PretrainingConfig
from glasshouse.studies.general_assistant.objectives import Fresh, new_judge
from glasshouse.world import World
from glasshouse.world.streams import stream

TAGS = {"good": "<spare-30>", "bad": "<spare-31>"}
"""Tags of binarised pairs: words without a meaning."""
STARTS = ("none", "ranked", "shuffled votes", "binarised")
"""What fine-tuning begins from, where votes and target agree."""
UNDER_CONFLICT = ("none", "ranked", "binarised")
"""What it begins from where votes like long replies and the target likes short ones."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy of one start by number of comparisons."""

    right: Mapping[int, Float[np.ndarray, " pair"]]
    """By number of comparisons: how right each held-out pair is, averaged over draws. 0: before
    any fine-tuning."""

    def accuracy(self, count: int) -> float:
        """Mean over held-out pairs."""
        return float(self.right[count].mean())

    def few(self, counts: Sequence[int], few: int) -> Float[np.ndarray, " pair"]:
        """Averaged over all counts up to `few`."""
        return np.mean([self.right[count] for count in counts if count <= few], axis=0)


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Curves with and without pre-training."""

    agreeing: Mapping[str, Curve]
    """By `STARTS`."""
    conflicting: Mapping[str, Curve]
    """By `UNDER_CONFLICT`."""


def pretrain_all(
    fresh: Fresh, world: World, config: PretrainingConfig, tick: Callable[[int], None]
) -> Pretrained:
    """Pre-train on votes of each kind, and fine-tune on few and many comparisons of the target."""
    rng = stream(world.seed, "general-assistant", "votes shuffled")
    agreeing = _votes(world, config, taste=0.0)
    opposed = _votes(world, config, taste=config.taste)
    kind, other = _target(world, config, taste=0.0), _target(world, config, taste=-config.taste)

    def curve(votes: list[Comparison] | None, target: "_Target", counts: Sequence[int]) -> Curve:
        start = None if votes is None else _pretrained(fresh, votes, config, tick)
        return _curve(fresh, start, target, counts, config, tick)

    every = config.counts
    few = tuple(count for count in every if count <= config.few)
    return Pretrained(
        agreeing={
            "none": curve(None, kind, every),
            "ranked": curve(agreeing, kind, every),
            "shuffled votes": curve(shuffled(agreeing, rng), kind, few),
            "binarised": curve(_binary(agreeing), kind, few),
        },
        conflicting={
            "none": curve(None, other, few),
            "ranked": curve(opposed, other, few),
            "binarised": curve(_binary(opposed), other, few),
        },
    )


def work_of(config: PretrainingConfig) -> int:
    """Optimizer steps of everything."""
    pretraining = num_steps(config.votes, config.pretrain)
    pretraining *= len(STARTS) + len(UNDER_CONFLICT) - 2
    few = sum(
        config.draws * num_steps(count, config.finetune)
        for count in config.counts
        if count <= config.few
    )
    many = sum(num_steps(count, config.finetune) for count in config.counts if count > config.few)
    return pretraining + (len(STARTS) + len(UNDER_CONFLICT)) * few + 2 * many


@dataclass(frozen=True, slots=True)
class _Target:
    """Comparisons to learn and to measure on."""

    learned: list[Comparison]
    held_out: list[Comparison]


def _votes(world: World, config: PretrainingConfig, *, taste: float) -> list[Comparison]:
    return voted_pairs(world, config.votes, noise=config.noise, taste=taste, name=f"votes {taste}")


def _binary(votes: list[Comparison]) -> list[Comparison]:
    """As many binarised pairs as there were votes, so that all starts have seen as much."""
    return binarised(votes[: (len(votes) + 1) // 2], **TAGS)


def _target(world: World, config: PretrainingConfig, *, taste: float) -> _Target:
    learned, held_out = (
        [
            pair.comparison
            for pair in gold_pairs(
                world, count, name=f"target {taste}", split=split, longest=100, taste=taste
            )
        ]
        for count, split in ((config.counts[-1], "train"), (config.held_out, "validation"))
    )
    return _Target(learned, held_out)


def _pretrained(
    fresh: Fresh, votes: list[Comparison], config: PretrainingConfig, tick: Callable[[int], None]
) -> PreferenceModel:
    judge = new_judge(fresh())
    for _ in train_judge(judge, votes, config.pretrain):
        tick(1)
    return judge


def _curve(
    fresh: Fresh,
    start: PreferenceModel | None,
    target: _Target,
    counts: Sequence[int],
    config: PretrainingConfig,
    tick: Callable[[int], None],
) -> Curve:
    right: dict[int, np.ndarray] = {0: _right(_copy(fresh, start), target)}
    for count in counts:
        draws = config.draws if count <= config.few else 1
        found = []
        for draw in range(draws):
            judge = _copy(fresh, start)
            learned = target.learned[draw * count : (draw + 1) * count]
            for _ in train_judge(judge, learned, replace(config.finetune, seed=draw)):
                tick(1)
            found.append(_right(judge, target))
        right[count] = np.mean(found, axis=0)
    return Curve(right)


def _copy(fresh: Fresh, start: PreferenceModel | None) -> PreferenceModel:
    """A judge with the weights of another, or one that begins as the base."""
    language: LanguageModel = fresh()
    judge = new_judge(language)
    if start is not None:
        judge.load_state_dict(start.state_dict())
    return judge


def _right(judge: PreferenceModel, target: _Target) -> Float[np.ndarray, " pair"]:
    return pairs_right(judge.margins(target.held_out), target.held_out).numpy()
