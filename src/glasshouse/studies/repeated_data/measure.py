"""All runs of the study: a size at a time, each kept in the workspace once it is whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch

from glasshouse.files import write_atomically
from glasshouse.studies.repeated_data.config import RepeatedDataConfig
from glasshouse.studies.repeated_data.grow import (
    NAME,
    Grown,
    HeldOut,
    Job,
    grow,
    held_out,
    mean_losses,
    moments,
    token_losses,
    tune,
)
from glasshouse.studies.repeated_data.heads import last_layer_matching
from glasshouse.studies.repeated_data.seen import RepeatedRun, Seen
from glasshouse.studies.study import Progress
from glasshouse.studies.working import Ticker
from glasshouse.training.population import Parameters, select
from glasshouse.training.population_file import Member, MemberCurve, write_population
from glasshouse.world.streams import stream


def measure(config: RepeatedDataConfig, *, seed: int, progress: Progress, workspace: Path) -> Seen:
    """Train and measure what is not yet kept."""
    torch.set_num_threads(1)  # models this small gain nothing from a second one
    key = hashlib.sha256(f"{replace(config, draws=20)!r}".encode()).hexdigest()[:12]
    folder = workspace / NAME / f"seed{seed}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    sizes = (*config.clean_widths, *config.widths)
    ticker = Ticker(sum(width**2 for width in sizes) * config.steps, progress)
    fresh = held_out(config.language(seed), config.held_out, stream(seed, NAME, "held out"))
    runs: list[RepeatedRun] = []
    for width in sizes:
        path = folder / f"width-{width}.json"
        if not path.is_file():
            some = _size(config, width, fresh, seed=seed, ticker=ticker)
            write_atomically(path, msgspec.json.encode(some))
        else:
            ticker.add(width**2 * config.steps, f"width {width} was kept")
        runs += msgspec.json.decode(path.read_bytes(), type=list[RepeatedRun])
    write_population(folder, [_member(config, run, seed=seed) for run in runs])
    return Seen(config=config, runs=tuple(runs), moments=moments(config))


def _member(config: RepeatedDataConfig, run: RepeatedRun, *, seed: int) -> Member:
    """A run as the notebook takes it."""
    return Member(
        name=f"d{run.width}-share{run.share:g}-x{run.repeats}-{run.replica}",
        config={
            "d_model": run.width,
            "num_layers": config.layers,
            "share": run.share,
            "repeats": run.repeats,
            "replica": run.replica,
        },
        steps=config.steps,
        seed=seed,
        tokens=config.steps * config.rows * (config.language(seed).length - 1),
        curves={"held_out/all": MemberCurve(steps=moments(config), values=run.course)},
    )


def jobs_of(config: RepeatedDataConfig, width: int) -> list[Job]:
    """The runs of a size: clean ones, and those that read a subset again."""
    is_largest = width == config.widths[-1]
    clean = config.little_replicas if is_largest else config.replicas
    jobs = [Job(share=0.0, repeats=1, replica=number) for number in range(clean)]
    if width in config.widths:
        jobs += [
            Job(share=config.much, repeats=repeats, replica=number)
            for repeats in config.much_repeats
            for number in range(config.replicas)
        ]
    if is_largest:
        jobs += [
            Job(share=config.little, repeats=repeats, replica=number)
            for repeats in config.little_repeats
            for number in range(config.little_replicas)
        ]
    return jobs


def _size(
    config: RepeatedDataConfig, width: int, fresh: HeldOut, *, seed: int, ticker: Ticker
) -> list[RepeatedRun]:
    jobs = jobs_of(config, width)

    def tick() -> None:
        ticker.add(width**2, f"growing models of width {width}")

    grown = grow(config, width, jobs, fresh, seed=seed, tick=tick)
    losses = token_losses(grown.template, grown.parameters, fresh.ids)
    copied = losses[:, fresh.is_copied].mean(dim=1).tolist()
    runs = [
        RepeatedRun(
            width=width,
            share=job.share,
            repeats=job.repeats,
            replica=job.replica,
            course=tuple(grown.courses[:, place].tolist()),
            copied=copied[place],
            subset=_on_subset(grown, place),
        )
        for place, job in enumerate(jobs)
    ]
    if width != config.widths[-1]:
        return runs
    matching = last_layer_matching(config, width, grown.parameters)
    runs = [replace(run, matching=found) for run, found in zip(runs, matching, strict=True)]
    return _elsewhere(config, grown, jobs, runs, seed=seed)


def _on_subset(grown: Grown, place: int) -> float:
    """A run's loss on what it read again, or on fresh documents if that was nothing."""
    ids = grown.subsets[place]
    if not len(ids):
        return float(grown.courses[-1, place])
    own = select(grown.parameters, torch.tensor([place]))
    return float(mean_losses(grown.template, own, ids)[0])


def _elsewhere(
    config: RepeatedDataConfig,
    grown: Grown,
    jobs: Sequence[Job],
    runs: Sequence[RepeatedRun],
    *,
    seed: int,
) -> list[RepeatedRun]:
    """Fine-tune clean runs and those with the large share on another language."""
    chosen = [place for place, job in enumerate(jobs) if job.share != config.little]
    other = config.language(int(stream(seed, NAME, "other language").integers(2**31)))
    start: Parameters = select(grown.parameters, torch.tensor(chosen))
    tuned = tune(config, grown.template, start, other, rng=stream(seed, NAME, "tune"))
    fresh = held_out(other, config.held_out, stream(seed, NAME, "held out elsewhere"))
    losses = mean_losses(grown.template, tuned, fresh.ids)
    found = list(runs)
    for place, loss in zip(chosen, np.asarray(losses, dtype=float), strict=True):
        found[place] = replace(found[place], elsewhere=float(loss))
    return found
