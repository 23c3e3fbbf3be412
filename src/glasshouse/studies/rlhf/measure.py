"""Everything the study measures, in order; claims and figures read it and compute nothing new."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasshouse.align import PreferenceModel, TaxReport, model_writer, tax_report, world_battery
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf.collecting import Data, collect_data, harmful_requests
from glasshouse.studies.rlhf.config import RlhfConfig
from glasshouse.studies.rlhf.judging import (
    Bench,
    Pass,
    Scored,
    fresh_judge,
    learn_all,
    learn_weighed,
    make_bench,
    measured_pass,
    score_bench,
)
from glasshouse.studies.rlhf.policies import Trace, shape
from glasshouse.studies.rlhf.rounds import Rounds, RoundsJob, run_online
from glasshouse.studies.rlhf.strange import Strange, look_for_strange
from glasshouse.studies.working import Ticker
from glasshouse.studies.zoo import Base

MIXED, HELPFUL, HARMLESS, PLAIN = "mixed", "helpful", "harmless", "plain"
_BASE_REPLIES = 400


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weighed:
    """What a judge's helpful error was under several weights of the harmful loss."""

    even: Scored
    """Equal weights."""
    again: Scored
    """Equal weights, comparisons in another order."""
    harm: Scored
    """Ten times the weight on red-team comparisons."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """All measurements."""

    config: RlhfConfig
    """What was run."""
    seed: int
    """Of everything."""
    bases: dict[str, Base]
    """By size."""
    data: Data
    """Comparisons."""
    passes: dict[str, Pass]
    """By size: judges of mixed comparisons."""
    shuffled: Pass
    """The smallest judge on the same comparisons, their preferences shuffled: the control."""
    singles: dict[str, tuple[Scored, Scored]]
    """What judges of one objective made of the helpful and of the red-team bench."""
    weighed: dict[str, Weighed]
    """By size."""
    policies: dict[str, Trace]
    """By size of the policy, taught by the judge of the middle size."""
    by_judge: dict[str, Trace]
    """By size of the judge, policies of one size."""
    plain: Trace
    """Taught by a judge of people who do not care for evasion: the control."""
    offsets: tuple[float, float]
    """Mean scores of the teaching and of the other judge on the compared replies."""
    references: dict[str, tuple[np.ndarray, np.ndarray]]
    """By run, "mixed" and "plain": its judge's scores of compared replies, helpful and harmless."""
    base_evasive: float
    """Share of the base's replies to harmful requests that are evasive, policy's size."""
    taxes: dict[str, TaxReport]
    """By size of the policy."""
    no_tax: dict[str, TaxReport]
    """Of each base against itself with its numbers unchanged, other questions: the control."""
    strange: Strange
    """Of the largest base."""
    rounds: Rounds
    """Online against static."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What every part of measuring reads."""

    config: RlhfConfig
    seed: int
    bases: dict[str, Base]
    model: Callable[[str], LanguageModel]
    """A fresh copy of a base."""
    ticker: Ticker

    def judge(self, size: str) -> PreferenceModel:
        return fresh_judge(self.model(size))


def measure(
    config: RlhfConfig,
    bases: dict[str, Base],
    model: Callable[[str], LanguageModel],
    *,
    seed: int,
    ticker: Ticker,
    workspace: Path,
) -> Seen:
    """Collect, judge, shape, and look; nothing is judged here.

    Args:
        config: The study.
        bases: By size.
        model: Gives a fresh copy of a base.
        seed: Of everything.
        ticker: Counts the work: see `total_work`.
        workspace: Where the rounds are kept.
    """
    work = _Work(config=config, seed=seed, bases=bases, model=model, ticker=ticker)
    world = bases[config.sizes[0]].world
    ticker.add(0, "collecting comparisons")
    data = collect_data(model(config.collecting.writer), world, config.collecting, seed=seed)
    ticker.add(config.shaping.steps, "judging")
    probe = work.judge(config.sizes[0])
    benches = (make_bench(probe, data.helpful_test), make_bench(probe, data.harmless_test))
    passes = {size: _pass(work, size, data, benches) for size in config.sizes}
    teacher = passes[config.judge_size].half
    half = config.collecting.pairs
    other = learn_all(
        work.judge(config.judge_size), data.mixed(half, 2 * half), config.judging, seed=seed + 7
    )
    plain = _plain_judge(work, data)
    runs = _policies(work, passes, other, plain)
    tax, no_tax = _taxes(work, runs)
    rng = np.random.default_rng([seed, 2204])
    return Seen(
        config=config,
        seed=seed,
        bases=bases,
        data=data,
        passes=passes,
        shuffled=_shuffled(work, data, benches),
        singles=_singles(work, data, benches),
        weighed=_weighed(work, data, benches[0]),
        policies={size: runs[f"policy {size}"] for size in config.sizes},
        by_judge=_by_judge(work, runs),
        plain=runs[PLAIN],
        offsets=(_mean_score(teacher, benches), _mean_score(other, benches)),
        references={
            name: (all_scores(judge, benches[0]), all_scores(judge, benches[1]))
            for name, judge in ((MIXED, teacher), (PLAIN, plain))
        },
        base_evasive=_base_evasive(work),
        taxes=tax,
        no_tax=no_tax,
        strange=look_for_strange(model(config.sizes[-1]), world, config.strange_prompts, rng=rng),
        rounds=run_online(
            RoundsJob(config=config, crowd=data.crowd, base=model, seed=seed, tick=ticker.add),
            workspace / f"rounds-seed{seed}",
        ),
    )


def total_work(config: RlhfConfig) -> int:
    """Work that `measure` counts, in updates of a policy."""
    online = config.online
    rounds = (online.rounds + 2) * (online.steps + online.steps // 2)
    return config.shaping.steps * (len(config.sizes) + 5) + rounds


def _pass(work: _Work, size: str, data: Data, benches: tuple[Bench, Bench]) -> Pass:
    pairs = work.config.collecting.pairs
    return measured_pass(
        size,
        lambda: work.model(size),
        (data.mixed(0, pairs), data.mixed(pairs, 2 * pairs)),
        benches,
        work.config.judging,
        seed=work.seed,
    )


def _shuffled(work: _Work, data: Data, benches: tuple[Bench, Bench]) -> Pass:
    """The smallest judge on comparisons whose replies change places at random."""
    rng = np.random.default_rng([work.seed, 31])
    pairs = data.mixed(0, 2 * work.config.collecting.pairs)
    mixed = [
        type(one)(prompt=one.prompt, first=one.first, second=one.second, p_first=float(coin))
        for one, coin in zip(pairs, rng.integers(0, 2, len(pairs)), strict=True)
    ]
    half = len(mixed) // 2
    size = work.config.sizes[0]
    return measured_pass(
        size,
        lambda: work.model(size),
        (mixed[:half], mixed[half:]),
        benches,
        work.config.judging,
        seed=work.seed,
    )


def _singles(
    work: _Work, data: Data, benches: tuple[Bench, Bench]
) -> dict[str, tuple[Scored, Scored]]:
    """Judges of helpfulness alone and of harmlessness alone."""
    found = {}
    for name, part in ((HELPFUL, data.helpful), (HARMLESS, data.harmless)):
        pairs = part.pairs[: work.config.judging.single_pairs]
        judge = learn_all(
            work.judge(work.config.judge_size), pairs, work.config.judging, seed=work.seed
        )
        found[name] = (score_bench(judge, benches[0]), score_bench(judge, benches[1]))
    return found


def _weighed(work: _Work, data: Data, helpful: Bench) -> dict[str, Weighed]:
    count = work.config.judging.single_pairs
    pairs = data.mixed(0, count)
    even = [1.0] * len(pairs)
    harm = [work.config.judging.harm_weight if n % 2 else 1.0 for n in range(len(pairs))]
    found = {}
    for size in (work.config.sizes[0], work.config.sizes[-1]):
        scored = [
            score_bench(
                learn_weighed(work.judge(size), pairs, weights, work.config.judging, seed=seed),
                helpful,
            )
            for weights, seed in ((even, work.seed), (even, work.seed + 1), (harm, work.seed))
        ]
        found[size] = Weighed(even=scored[0], again=scored[1], harm=scored[2])
    return found


def _plain_judge(work: _Work, data: Data) -> PreferenceModel:
    """A judge of the same replies, compared by people who do not care for evasion."""
    helpful = data.helpful.judged_by(data.plain, seed=work.seed).pairs
    harmless = data.harmless.judged_by(data.plain, seed=work.seed).pairs
    mixed = [one for pair in zip(helpful, harmless, strict=True) for one in pair]
    pairs = mixed[: work.config.collecting.pairs]
    return learn_all(work.judge(work.config.judge_size), pairs, work.config.judging, seed=work.seed)


def _policies(
    work: _Work, passes: dict[str, Pass], other: PreferenceModel, plain: PreferenceModel
) -> dict[str, Trace]:
    """All policies that are trained against a judge of the first half of the comparisons."""
    config = work.config
    jobs = {f"policy {size}": (size, passes[config.judge_size].half) for size in config.sizes}
    jobs |= {
        f"judge {size}": (config.policy_size, passes[size].half)
        for size in config.sizes
        if size != config.judge_size
    }
    jobs[PLAIN] = (config.policy_size, plain)
    return {
        name: shape(
            name,
            work.model(size),
            work.bases[size].world,
            judge,
            config.shaping,
            seed=work.seed,
            second=other,
            tick=work.ticker.add,
        )
        for name, (size, judge) in jobs.items()
    }


def _by_judge(work: _Work, runs: dict[str, Trace]) -> dict[str, Trace]:
    config = work.config
    return {
        size: runs[f"policy {config.policy_size}" if size == config.judge_size else f"judge {size}"]
        for size in config.sizes
    }


def _taxes(
    work: _Work, runs: dict[str, Trace]
) -> tuple[dict[str, TaxReport], dict[str, TaxReport]]:
    """What shaping cost each size, and each base against itself."""
    world = work.bases[work.config.sizes[0]].world
    battery = world_battery(world, items=work.config.tax_items, seed=0)
    rng = np.random.default_rng([work.seed, 28])
    taxes, none = {}, {}
    for size in work.config.sizes:
        base = work.model(size)
        taxes[size] = tax_report(base, runs[f"policy {size}"].policy, battery, rng=rng)
        none[size] = tax_report(base, base, battery, rng=rng)
    return taxes, none


def all_scores(judge: PreferenceModel, bench: Bench) -> np.ndarray:
    """Scores of all replies of a bench."""
    return np.concatenate(bench.scores(judge))


def _mean_score(judge: PreferenceModel, benches: tuple[Bench, Bench]) -> float:
    """Mean score of all compared replies, by which scores of two judges become comparable."""
    return float(np.mean([np.mean(bench.scores(judge)) for bench in benches]))


def _base_evasive(work: _Work) -> float:
    size = work.config.policy_size
    world = work.bases[size].world
    requests = harmful_requests(world, _BASE_REPLIES, "train", first=400_000)
    writer = model_writer(work.model(size), max_new_tokens=work.config.shaping.max_new_tokens)
    said = writer(requests, seed=work.seed)
    return float(
        np.mean([world.gold(one, text).evasive for one, text in zip(requests, said, strict=True)])
    )
