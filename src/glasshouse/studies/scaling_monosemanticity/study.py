"""The study itself: grow models, learn dictionaries, follow the arguments, write chapters."""

from pathlib import Path

import torch

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
from glasshouse.studies.scaling_monosemanticity import (
    alphabets,
    clamping,
    dead,
    effects,
    grid,
    meaning,
    neighbourhood,
    planted,
    search,
)
from glasshouse.studies.scaling_monosemanticity.config import ScalingConfig, paper, small
from glasshouse.studies.scaling_monosemanticity.latent_figures import latent_chapters
from glasshouse.studies.scaling_monosemanticity.law_figures import law_chapters
from glasshouse.studies.scaling_monosemanticity.reading import subject_of
from glasshouse.studies.scaling_monosemanticity.seen import Seen
from glasshouse.studies.scaling_monosemanticity.use_figures import use_chapters
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import Ticker, check_device, threads_restored


def run(
    config: ScalingConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Measure everything and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    check_device(config.device)
    with threads_restored():
        if config.device == "cpu":
            torch.set_num_threads(1)  # these models are too small for more
        seen = _measure(config, seed, progress)
    progress(1_000, 1_000, "judging")
    results = _judge(seen, seed)
    chapters = (*law_chapters(seen), *latent_chapters(seen), *use_chapters(seen))
    return Findings(claims=tuple(results), sections=chapters, headline=_headline(results))


def _measure(config: ScalingConfig, seed: int, progress: Progress) -> Seen:
    ticker = Ticker(_work(config), progress)

    def tick(what: str) -> None:
        ticker.add(1, what)

    subject = subject_of(config, seed=seed, tick=tick)
    laws = grid.measure(subject, tick)
    sizes = sorted(laws.longest)
    main, other = laws.longest[sizes[-1]], laws.longest[sizes[-2]]
    counted = dead.measure(subject, laws.rates, tick)
    tick("reading latents")
    meant = meaning.measure(subject, main, other)
    return Seen(
        subject=subject,
        grid=laws,
        dead=counted,
        planted=planted.measure(config, seed=seed, tick=tick),
        meaning=meant,
        clamped=clamping.measure(subject, main, meant.bearers.latents),
        neighbourhood=neighbourhood.measure(subject, laws.longest),
        effects=effects.measure(config, seed=seed, tick=tick),
        alphabets=alphabets.measure(config, seed=seed, tick=tick),
        search=search.measure(subject, main),
    )


def _judge(seen: Seen, seed: int) -> list[ClaimResult]:
    """All claims, in the order of the paper."""
    specific, rising, neurons, rules = meaning.claims(seen.meaning, seed)
    return [
        *grid.claims(seen.grid, seed),
        *dead.claims(seen.dead, seed),
        *planted.claims(seen.planted, seed),
        specific,
        rising,
        *clamping.claims(seen.clamped, seed),
        *neighbourhood.claims(seen.neighbourhood, seed),
        *effects.claims(seen.effects, seed),
        neurons,
        *alphabets.claims(seen.alphabets, seed),
        rules,
        *search.claims(seen.search, seed),
    ]


def _work(config: ScalingConfig) -> int:
    """Steps of all trainings, and a few for what is read."""
    grids, hops, two = config.grid, config.two_hops, config.bilingual
    return (
        config.grow.steps
        + len(grids.sizes) * (sum(grids.steps) + sum(grids.planted_steps))
        + len(grids.rates) * sum(steps for _, steps in grids.swept)
        + len(grids.large) * grids.large_steps
        + len(config.planted.sizes) * config.planted.steps
        + hops.grow.steps
        + hops.steps
        + hops.prompts
        + 2 * (two.grow.steps + two.steps)
        + 100
    )


def _headline(claims: list[ClaimResult]) -> str:
    return (
        "Dictionaries of small models in worlds whose truth is known, as analogues of those of a "
        f"production model: of {len(claims)} claims, {tally(claims)}."
    )


STUDY = Study(
    card=STUDIES["scaling-monosemanticity"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Scaling Monosemanticity, as one command."""
