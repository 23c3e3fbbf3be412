"""Preference models of the study: how they are trained, and what they make of pairs."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from glasshouse.align import (
    LAYOUTS,
    Comparison,
    JudgeTrainingConfig,
    PreferenceModel,
    soft_ranked_loss,
    train_judge,
)
from glasshouse.align.judges.model import pad_right
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf.collecting import Comparisons
from glasshouse.studies.rlhf.config import JudgingConfig
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from glasshouse.training.schedule import ScheduleConfig, learning_rate

Rows = list[list[int]]
PairFloats = Float[np.ndarray, " pair"]


@torch.no_grad()
def score_rows(judge: PreferenceModel, rows: Rows, *, batch: int = 256) -> Float[np.ndarray, " r"]:
    """Scores of dialogues that are encoded already, in nats."""
    judge.eval()
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    found = np.zeros(len(rows))
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        ids, lengths = pad_right([rows[place] for place in places])
        device = judge.head.weight.device
        found[places] = judge(ids.to(device), lengths.to(device)).double().cpu().numpy()
    return found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bench:
    """Comparisons to be measured on, encoded once for all judges."""

    comparisons: Comparisons
    """With their truth."""
    first: Rows
    """Token ids of the dialogues that end with the first reply."""
    second: Rows
    """The same of the second."""

    def scores(self, judge: PreferenceModel) -> tuple[PairFloats, PairFloats]:
        """Scores of first and second replies."""
        both = score_rows(judge, self.first + self.second)
        return both[: len(self.first)], both[len(self.first) :]


def make_bench(judge: PreferenceModel, comparisons: Comparisons) -> Bench:
    """Encode comparisons; all bases read the same tokens, so any judge will do."""
    pairs = comparisons.pairs
    return Bench(
        comparisons=comparisons,
        first=[judge.encode(one.dialogue(one.first)) for one in pairs],
        second=[judge.encode(one.dialogue(one.second)) for one in pairs],
    )


def fresh_judge(language: LanguageModel) -> PreferenceModel:
    """An untrained judge on a base, which it takes over."""
    return PreferenceModel(language, LAYOUTS["words"](language.tokenizer))


def training_config(config: JudgingConfig, *, seed: int) -> JudgeTrainingConfig:
    """One pass at a level learning rate."""
    return JudgeTrainingConfig(
        batch=config.batch,
        schedule=ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=10, shape="constant"),
        seed=seed,
    )


def learn(
    judge: PreferenceModel, pairs: Sequence[Comparison], config: JudgingConfig, *, seed: int
) -> Iterator[int]:
    """Train a judge in place, yielding how many comparisons it has seen."""
    for step in train_judge(judge, pairs, training_config(config, seed=seed)):
        yield min(step.step * config.batch, len(pairs))


def learn_all(
    judge: PreferenceModel, pairs: Sequence[Comparison], config: JudgingConfig, *, seed: int
) -> PreferenceModel:
    """Train a judge in place on everything."""
    for _ in learn(judge, pairs, config, seed=seed):
        pass
    return judge.eval()


def learn_weighed(
    judge: PreferenceModel,
    pairs: Sequence[Comparison],
    weights: Sequence[float],
    config: JudgingConfig,
    *,
    seed: int,
) -> PreferenceModel:
    """Train a judge in place on the weighed mean of losses: L_help + lambda L_harm.

    Source:
        Bai et al. 2022 (2204.05862), section 3.2: loss weights of a mixture.
    """
    schedule = training_config(config, seed=seed).schedule
    optimizer = make_optimizer(judge, OptimizerConfig())
    rows = [[judge.encode(one.dialogue(r)) for r in (one.first, one.second)] for one in pairs]
    order = np.random.default_rng([seed, 10]).permutation(len(pairs))
    starts = range(0, len(order), config.batch)
    judge.train()
    for number, start in enumerate(starts):
        places = order[start : start + config.batch].tolist()
        set_learning_rate(optimizer, learning_rate(schedule, number, len(starts)))
        ids, lengths = pad_right([row for place in places for row in rows[place]])
        first, second = judge(ids, lengths).view(-1, 2).T
        p_first = torch.tensor([pairs[place].p_first for place in places])
        weight = torch.tensor([weights[place] for place in places])
        loss = soft_ranked_loss(first.float(), second.float(), p_first)
        optimizer.zero_grad(set_to_none=True)
        ((loss * weight).sum() / weight.sum()).backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
    return judge.eval()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """What one judge made of a bench."""

    first: PairFloats
    """Scores of first replies."""
    second: PairFloats
    """Scores of second ones."""
    p_crowd: PairFloats
    """True probability that the first is preferred."""
    p_label: PairFloats
    """What was said."""

    @property
    def margin(self) -> PairFloats:
        """First less second."""
        return self.first - self.second


def score_bench(judge: PreferenceModel, bench: Bench) -> Scored:
    """Let a judge score a bench."""
    first, second = bench.scores(judge)
    return Scored(
        first=first,
        second=second,
        p_crowd=bench.comparisons.p_crowd,
        p_label=bench.comparisons.p_label,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pass:
    """One judge's pass over comparisons, measured as it goes."""

    size: str
    """Of its base."""
    parameters: int
    """How many it has."""
    seen: tuple[int, ...]
    """Comparisons at each measurement."""
    scored: tuple[tuple[Scored, Scored], ...]
    """What it made of the helpful and of the red-team bench, each time."""
    half: PreferenceModel
    """As it was after the first half."""
    whole: PreferenceModel
    """As it was at the end."""


def measured_pass(
    size: str,
    base: Callable[[], LanguageModel],
    halves: tuple[Sequence[Comparison], Sequence[Comparison]],
    benches: tuple[Bench, Bench],
    config: JudgingConfig,
    *,
    seed: int,
) -> Pass:
    """Train on one half of the comparisons, keep that judge, and go on with the other half."""
    judge = fresh_judge(base())
    helpful, harmless = benches
    seen: list[int] = []
    scored: list[tuple[Scored, Scored]] = []
    due = config.first_measure
    kept: PreferenceModel | None = None
    before = 0
    for part, pairs in enumerate(halves):
        for count in learn(judge, pairs, config, seed=seed + part):
            if before + count >= due:
                seen.append(before + count)
                scored.append((score_bench(judge, helpful), score_bench(judge, harmless)))
                due *= 2
                judge.train()
        before += len(pairs)
        kept = kept or copy.deepcopy(judge).eval()
    assert kept is not None
    return Pass(
        size=size,
        parameters=sum(p.numel() for p in judge.network.parameters()),
        seen=tuple(seen),
        scored=tuple(scored),
        half=kept,
        whole=judge.eval(),
    )
