"""The sweeps of the study: small runs, a forecast on file, large runs, and what else is trained."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from glasshouse.errors import InputError
from glasshouse.scaling import (
    Excluded,
    ScalingRun,
    Shape,
    Sound,
    SweepPlan,
    Trial,
    TrialRecord,
    read_plan,
    run_sweep,
    sound_runs,
    sweep_runs,
)
from glasshouse.scaling.plans import Schedule
from glasshouse.scaling.records import finished
from glasshouse.studies.scaling_laws.config import LawsConfig
from glasshouse.studies.scaling_laws.foretelling import Foretold, foretell
from glasshouse.studies.scaling_laws.texts import NAME, Corpus, make_corpus
from glasshouse.studies.scaling_laws.work import ChainWork, Part, TextWork
from glasshouse.studies.study import Progress

_SEEDS = 100
"""Trials' seeds of one seed of the study."""
_CURVE_MOMENTS = 24
"""Of runs at a constant rate, whose every moment counts."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Swept:
    """Everything that was trained."""

    config: LawsConfig
    """How."""
    seed: int
    """Of the study."""
    corpus: Corpus
    """On what."""
    main: tuple[ScalingRun, ...]
    """The grid, every run with its own cosine, C counted as 6·N·D."""
    exact: tuple[ScalingRun, ...]
    """The same with attention and unembedding counted in C."""
    others: tuple[ScalingRun, ...]
    """Other shapes, at one length."""
    shapes: dict[str, Shape]
    """Shape of each of `main` and `others`, by name."""
    prose: dict[str, float]
    """Loss on prose, by the names of `main` and `others`."""
    parts: dict[tuple[int, int], ScalingRun]
    """Runs on parts of the text, by parameters and tokens of the part."""
    batches: dict[tuple[int, int], ScalingRun]
    """Runs at a constant rate, by parameters and windows a step."""
    chain: tuple[ScalingRun, ...]
    """Runs on the chain."""
    true_loss: float
    """What a reader who knows the chain loses."""
    foretold: Foretold
    """What was said of the large runs before they were trained."""
    left_out: tuple[Excluded, ...]
    """Runs that no claim uses, with the reason."""
    seconds: float
    """Of all trainings together, each population on one thread."""

    @property
    def noise(self) -> float:
        """Standard deviation of log loss between seeds, from the grid's repeated runs."""
        return seed_noise(self.main)

    def at_length(self, steps: int) -> list[ScalingRun]:
        """One run a size of the grid, the smallest first; the first seed's."""
        found: dict[float, ScalingRun] = {}
        for run in self.main:
            if run.steps == steps:
                found.setdefault(run.params, run)
        return [found[params] for params in sorted(found)]

    @property
    def longest(self) -> list[ScalingRun]:
        """The longest run of each size."""
        return self.at_length(self.config.main.steps[-1])


def seed_noise(runs: Sequence[ScalingRun]) -> float:
    """Pooled standard deviation of log loss of runs that differ by their seed alone."""
    cells: dict[tuple[float, float], list[float]] = {}
    for run in runs:
        cells.setdefault((run.params, run.tokens), []).append(float(np.log(run.loss)))
    repeated = [np.array(cell) for cell in cells.values() if len(cell) > 1]
    if not repeated:
        return float("nan")
    squares = sum(float(((cell - cell.mean()) ** 2).sum()) for cell in repeated)
    return float(np.sqrt(squares / sum(len(cell) - 1 for cell in repeated)))


def sweep_all(config: LawsConfig, *, seed: int, workspace: Path, progress: Progress) -> Swept:
    """Train what is not yet trained, in an order that lets the forecast come before its test.

    Raises:
        InputError: If a folder cannot be used, or too many runs failed.
    """
    corpus = make_corpus(
        workspace / NAME,
        code=config.code,
        prose=config.prose,
        held_out=config.held_out_characters,
        seed=seed,
    )
    folder = workspace / NAME / f"seed{seed}-{_key(config, corpus)}"
    folder.mkdir(parents=True, exist_ok=True)
    first, second = staged(config, seed)
    others = _sorted(
        [_trial(config, seed, one, config.shapes.steps) for one in config.shapes.others]
    )
    constant = _sorted([*_part_trials(config, seed), *_batch_trials(config, seed)])
    chained = _sorted(_chain_trials(config, seed))
    tick = _Counter(progress, len([*first, *second, *others, *constant, *chained]))
    text = TextWork(
        train=corpus.train,
        held_out=corpus.held_out,
        prose=corpus.prose,
        answers=folder / "answers",
        windows=config.held_out_windows,
        moments=config.moments,
    )
    text.answers.mkdir(exist_ok=True)
    chain = ChainWork(
        chain=config.chain.domain(config.context, seed),
        windows=config.held_out_windows,
        moments=2,
    )
    small_runs = tick.through(config, folder / "small", first, text)
    kept = foretell(
        folder / "forecast.json",
        settled(sound_runs(small_runs).runs, config),
        [one for one in second if one.steps >= config.main.settled],
        config.fitting(seed),
        is_too_late=(folder / "large").exists(),
    )
    tick.through(config, folder / "large", [*second, *others], text)
    by_part = replace(text, moments=_CURVE_MOMENTS, parts=tuple(_parts(config)))
    steady = tick.through(config, folder / "constant", constant, by_part, schedule="constant")
    chain_runs = sound_runs(tick.through(config, folder / "chain", chained, chain))
    grid = {one.name for one in (*first, *second)}
    cosine = sound_runs([*sweep_runs(folder / "small"), *sweep_runs(folder / "large")])
    steadies = sound_runs(steady)
    named = {one.name: one for one in constant}
    part_of = {(p.batch, p.steps): p.tokens for p in _parts(config)}
    parts, batches = {}, {}
    left = {one.name: one for one in steadies.excluded}
    for run in steadies.runs:
        trial = named[run.name]
        if (trial.batch, trial.steps) not in part_of:
            batches[trial.shape.params, trial.batch] = run
    for record in finished(folder / "constant").values():
        trial = record.trial
        part = part_of.get((trial.batch, trial.steps))
        if part is not None and (early := stopped_early(record, read_plan(folder / "constant"))):
            parts[trial.shape.params, part] = early
            left.pop(trial.name, None)
    return Swept(
        config=config,
        seed=seed,
        corpus=corpus,
        main=tuple(run for run in cosine.runs if run.name in grid),
        exact=tuple(_counted_exactly(cosine, [*first, *second])),
        others=tuple(run for run in cosine.runs if run.name not in grid),
        shapes={one.name: one.shape for one in (*first, *second, *others)},
        prose={
            run.name: msgspec.json.decode((text.answers / f"{run.name}.json").read_bytes())["prose"]
            for run in cosine.runs
        },
        parts=parts,
        batches=batches,
        chain=chain_runs.runs,
        true_loss=chain.true_loss(),
        foretold=kept,
        left_out=(*cosine.excluded, *left.values(), *chain_runs.excluded),
        seconds=sum(
            record.seconds
            for part in ("small", "large", "constant", "chain")
            for record in finished(folder / part).values()
        ),
    )


def staged(config: LawsConfig, seed: int) -> tuple[list[Trial], list[Trial]]:
    """The grid's trials: those small enough to foretell from, and those to be foretold.

    Raises:
        InputError: If the cheaper ones are too few to fit.
    """
    main = config.main
    trials = [
        _trial(config, seed, shape, steps, repeat=repeat)
        for shape in main.shapes
        for steps in main.steps
        for repeat in range(main.repeats if steps in main.steps[: main.repeated] else 1)
    ]
    limit = max(one.flops() for one in trials) / config.small_share * (1 + 1e-9)
    first = [one for one in trials if one.flops() <= limit]
    if sum(one.steps >= main.settled for one in first) < 8:
        raise InputError(
            f"fewer than 8 settled runs of the grid cost no more than the largest divided by "
            f"{config.small_share:g}; add shorter or smaller ones"
        )
    return _sorted(first), _sorted([one for one in trials if one.flops() > limit])


def settled(runs: Sequence[ScalingRun], config: LawsConfig) -> list[ScalingRun]:
    """Runs of the grid that are long enough for a law of size and data."""
    return [run for run in runs if run.steps is not None and run.steps >= config.main.settled]


def stopped_early(record: TrialRecord, plan: SweepPlan) -> ScalingRun | None:
    """The run as it was where its held-out loss was lowest; None if it lost its numbers on the way.

    A small part that is read long enough leaves a model worse than guessing. That counts as a
    failure where the end of a run counts, and here it does not.
    """
    if not record.curve or record.curve[-1].tokens < record.trial.tokens:
        return None
    best = min(record.curve, key=lambda point: point.loss)
    return replace(replace(record, failure="").as_run(plan), loss=best.loss)


def _trial(
    config: LawsConfig, seed: int, shape: tuple[int, int], steps: int, *, repeat: int = 0
) -> Trial:
    return Trial(
        shape=config.shape(*shape),
        steps=steps,
        batch=config.main.batch,
        lr=config.lr,
        seed=_SEEDS * seed + repeat,
    )


def _part_trials(config: LawsConfig, seed: int) -> list[Trial]:
    data = config.data
    whole = [_trial(config, seed, shape, steps) for shape in data.shapes for steps in data.steps]
    return [*whole, _trial(config, seed, data.shapes[-1], data.most_steps)]


def _parts(config: LawsConfig) -> Iterator[Part]:
    data = config.data
    pairs = zip((*data.steps, data.most_steps), (*data.tokens, data.most_tokens), strict=True)
    for steps, tokens in pairs:
        yield Part(batch=config.main.batch, steps=steps, tokens=tokens)


def _batch_trials(config: LawsConfig, seed: int) -> list[Trial]:
    batches = config.batches
    return [
        Trial(
            shape=config.shape(*shape),
            steps=steps,
            batch=size,
            lr=config.lr * min(1.0, (size / batches.rate_until) ** 0.5),
            seed=_SEEDS * seed,
        )
        for shape in batches.shapes
        for size, steps in zip(batches.sizes, batches.steps, strict=True)
    ]


def _chain_trials(config: LawsConfig, seed: int) -> list[Trial]:
    chain = config.chain
    vocabulary = chain.domain(config.context, seed).vocab_size
    return [
        Trial(
            shape=config.shape(*shape, vocab_size=vocabulary),
            steps=chain.steps,
            batch=config.main.batch,
            lr=config.lr,
            seed=_SEEDS * seed + repeat,
        )
        for shape in chain.shapes
        for repeat in range(chain.repeats)
    ]


def _sorted(trials: Sequence[Trial]) -> list[Trial]:
    """The longest first, so that none is left to end alone."""
    return sorted(trials, key=lambda one: -_weight(one.shape) * one.tokens)


def _weight(shape: Shape) -> float:
    """About what a token costs in time; the passes over values count as much as the matrices."""
    return shape.num_layers * (shape.d_model + 16)


def _counted_exactly(cosine: Sound, trials: Sequence[Trial]) -> Iterator[ScalingRun]:
    found = {one.name: one for one in trials}
    for run in cosine.runs:
        if run.name in found:
            exact = found[run.name].flops("exact_with_attention_and_unembed")
            yield replace(run, flops=exact)


def _key(config: LawsConfig, corpus: Corpus) -> str:
    """Names a folder by all that its runs depend on."""
    main = replace(config.main, settled=config.main.steps[0])
    told = replace(config, main=main, engine="", workers=1, draws=0, code=None, prose=None)
    return hashlib.sha256(f"{told!r} {corpus.digest}".encode()).hexdigest()[:12]


class _Counter:
    """Tells how many trials are done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def through(
        self,
        config: LawsConfig,
        folder: Path,
        trials: Sequence[Trial],
        work: TextWork | ChainWork,
        *,
        schedule: Schedule = "cosine",
    ) -> list[ScalingRun]:
        """Run one sweep to its end."""
        plan = SweepPlan(
            trials=tuple(trials),
            budget=sum(one.flops() for one in trials),
            base_width=config.base_width,
            schedule=schedule,
        )
        records: Iterator[TrialRecord] = run_sweep(
            plan, folder, work, engine=config.engine, workers=config.workers
        )
        for record in records:
            self._done += 1
            self._progress(self._done, self._total, f"trained {record.trial.name}")
        return sweep_runs(folder)
