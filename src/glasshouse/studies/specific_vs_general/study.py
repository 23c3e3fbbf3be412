"""The study itself: measure everything with one seed, judge every claim, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
from glasshouse.studies.lineage import lineage
from glasshouse.studies.specific_vs_general.bench import Bench
from glasshouse.studies.specific_vs_general.config import SpecificConfig, paper, small
from glasshouse.studies.specific_vs_general.evidence import judge_all
from glasshouse.studies.specific_vs_general.figures import harm_chapter, trait_chapter
from glasshouse.studies.specific_vs_general.measure import measure
from glasshouse.studies.specific_vs_general.policy_figures import policy_chapter
from glasshouse.studies.study import Findings, Progress, Study, no_progress


def run(
    config: SpecificConfig, *, seed: int, progress: Progress, workspace: Path | None = None
) -> Findings:
    """Measure and judge; base models come from the shared cache, nothing is kept in a workspace."""
    found = measure(config, seed=seed, progress=progress)
    claims = judge_all(found)
    return Findings(
        claims=tuple(claims),
        sections=(
            trait_chapter(found),
            harm_chapter(found),
            policy_chapter(found),
            lineage(Bench(config, seed, no_progress).base(config.policy)),
        ),
        headline=_headline(claims),
    )


def _headline(claims: list[ClaimResult]) -> str:
    return (
        "Preference models of feedback that names each trait, and of feedback that only asks what "
        f"is good for people, in models that read what deeds do: of {len(claims)} claims, "
        f"{tally(claims)}."
    )


STUDY = Study(
    card=STUDIES["specific-vs-general"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Specific versus General Principles for Constitutional AI, as one command."""
