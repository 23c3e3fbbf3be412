"""The study itself: grow all sizes, ask everything, judge the claims, write the chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.few_shot.chapters import chapters
from glasshouse.studies.few_shot.config import FewShotStudyConfig, paper, small
from glasshouse.studies.few_shot.evidence import results
from glasshouse.studies.few_shot.measure import measure
from glasshouse.studies.few_shot.seen import FEW
from glasshouse.studies.study import Findings, Progress, Study


def run(config: FewShotStudyConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Grow what the workspace does not hold yet, and judge every claim."""
    seen = measure(config, seed=seed, progress=progress, workspace=workspace)
    claims = results(seen, seed=seed)
    width = config.widths[-1]
    zero, few = (seen.mean(width, "functions", shots) for shots in (0, FEW))
    return Findings(
        claims=claims,
        sections=chapters(seen),
        headline=f"{len(claims)} claims: {tally(claims)}. The largest model answers {zero:.0%} of "
        f"questions on hidden functions without examples and {few:.0%} with {FEW}; the best reader "
        f"{seen.ideal[FEW]:.0%}.",
    )


STUDY = Study(
    card=STUDIES["few-shot"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Language Models are Few-Shot Learners, as one command."""
