"""The study itself: grow all sizes, judge the claims, write the chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.repeated_data.chapters import chapters
from glasshouse.studies.repeated_data.config import RepeatedDataConfig, paper, small
from glasshouse.studies.repeated_data.evidence import results
from glasshouse.studies.repeated_data.measure import measure
from glasshouse.studies.study import Findings, Progress, Study


def run(config: RepeatedDataConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Grow what the workspace does not hold yet, and judge every claim."""
    seen = measure(config, seed=seed, progress=progress, workspace=workspace)
    claims = results(seen, seed=seed)
    worst = seen.worst(seen.largest, config.much)
    return Findings(
        claims=claims,
        sections=chapters(seen),
        headline=f"{len(seen.runs)} models that read some documents again: of {len(claims)} "
        f"claims, {tally(claims)}. With {config.much:.0%} of documents repeated, {worst} times is "
        "worst for the largest.",
    )


STUDY = Study(
    card=STUDIES["repeated-data"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Scaling Laws and Interpretability of Learning from Repeated Data, as one command."""
