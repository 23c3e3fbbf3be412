"""The study itself: grow the families, judge the claims, write the chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.predictability_surprise.chapters import chapters
from glasshouse.studies.predictability_surprise.config import PredictabilityConfig, paper, small
from glasshouse.studies.predictability_surprise.evidence import results
from glasshouse.studies.predictability_surprise.measure import measure
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import check_device


def run(
    config: PredictabilityConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Grow every family and judge every claim; a workspace gets how they learned.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    check_device(config.device)
    seen = measure(config, seed=seed, progress=progress, workspace=workspace)
    claims = results(seen, seed=seed)
    return Findings(
        claims=claims,
        sections=chapters(seen),
        headline=f"Families of small models: of {len(claims)} claims, {tally(claims)}. The tasks "
        "are analogues: sums for arithmetic, drawn records for COMPAS, drawn ratings for "
        "MovieLens.",
    )


STUDY = Study(
    card=STUDIES["predictability-surprise"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Predictability and Surprise in Large Generative Models, as one command."""
