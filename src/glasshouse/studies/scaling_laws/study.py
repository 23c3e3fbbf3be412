"""The study itself: train, follow the arguments, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
from glasshouse.studies.scaling_laws import (
    batches,
    chain,
    curves,
    forecasts,
    frontier,
    parts,
    sizes,
)
from glasshouse.studies.scaling_laws.compute_figures import compute_chapters
from glasshouse.studies.scaling_laws.config import LawsConfig, paper, small
from glasshouse.studies.scaling_laws.forecast_figures import forecast_chapters
from glasshouse.studies.scaling_laws.seen import Seen
from glasshouse.studies.scaling_laws.size_figures import size_chapters
from glasshouse.studies.scaling_laws.sweeps import sweep_all
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import threads_restored


def run(config: LawsConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Train, measure everything and judge every claim; what is trained is kept in the workspace.

    Raises:
        InputError: If the text, a folder or the engine cannot be used, or too few runs are sound.
    """
    with threads_restored():  # a sweep in this process sets one thread
        swept = sweep_all(config, seed=seed, workspace=workspace, progress=progress)
    seen = Seen(
        swept=swept,
        sizes=sizes.measure(swept),
        parts=parts.measure(swept),
        curves=curves.measure(swept),
        best=frontier.measure(swept),
        batches=batches.measure(swept),
        held=forecasts.measure(swept),
        chain=chain.measure(swept),
    )
    results = _judge(seen)
    chapters = (*size_chapters(seen), *compute_chapters(seen), *forecast_chapters(seen))
    return Findings(claims=tuple(results), sections=chapters, headline=_headline(results))


def _judge(seen: Seen) -> list[ClaimResult]:
    """All claims, in the order of the paper; what is ours stands last."""
    swept = seen.swept
    foretold, efficient = curves.claims(seen.curves, swept)
    best, waste = frontier.claims(seen.best)
    return [
        *sizes.claims(seen.sizes, swept),
        *parts.claims(seen.parts, swept),
        foretold,
        best,
        *batches.claims(seen.batches),
        efficient,
        waste,
        sizes.transfer(seen.sizes, swept),
        *forecasts.claims(seen.held, swept),
        chain.claim(seen.chain),
    ]


def _headline(claims: list[ClaimResult]) -> str:
    return (
        "Laws of size, data and compute, measured on models ten thousand times smaller "
        f"than the paper's: of {len(claims)} claims, {tally(claims)}. The exponent of the best "
        "size is contested, whatever its verdict."
    )


STUDY = Study(
    card=STUDIES["scaling-laws"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Scaling Laws for Neural Language Models, as one command."""
