"""The study itself: measure everything, judge every claim, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.constitutional_ai.chapters import (
    chains_chapter,
    cost_chapter,
    judging_chapter,
    policies_chapter,
)
from glasshouse.studies.constitutional_ai.config import ConstitutionalConfig, paper, small
from glasshouse.studies.constitutional_ai.outcomes import judge_outcomes
from glasshouse.studies.constitutional_ai.pipeline import measure_all
from glasshouse.studies.constitutional_ai.skills import judge_skills
from glasshouse.studies.lineage import lineage
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import threads_restored
from glasshouse.studies.zoo import base_model


def run(
    config: ConstitutionalConfig, *, seed: int, progress: Progress, workspace: Path
) -> Findings:
    """Judge every claim of the paper for one seed; schooled models stay in the workspace."""
    import torch

    with threads_restored():
        torch.set_num_threads(1)
        seen = measure_all(config, seed=seed, progress=progress, workspace=workspace)
    claims = (*judge_skills(seen), *judge_outcomes(seen))
    base = base_model(config.shaping.size, seed=seed, steps=config.base_steps, preset=config.world)
    return Findings(
        claims=claims,
        sections=(
            judging_chapter(seen),
            chains_chapter(seen),
            policies_chapter(seen),
            cost_chapter(seen),
            lineage(base),
        ),
        headline="A model's own critiques, revisions and judgements, held against gold grades: of "
        f"{len(claims)} claims, {tally(claims)}.",
    )


STUDY = Study(card=STUDIES["constitutional-ai"], presets={"small": small, "paper": paper}, run=run)
"""Constitutional AI, as one command."""
