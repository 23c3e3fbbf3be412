"""The study itself: learn, read, hold it against the claims, tell."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.transfer_scaling.chapters import chapters
from glasshouse.studies.transfer_scaling.config import TransferConfig, paper, small
from glasshouse.studies.transfer_scaling.evidence import EVIDENCE
from glasshouse.studies.transfer_scaling.measure import Missing, Seen, measure
from glasshouse.studies.transfer_scaling.texts import NAME
from glasshouse.studies.working import threads_restored
from glasshouse.world.streams import stream


def run(config: TransferConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Ask what having read prose is worth in code."""
    with threads_restored():
        seen = measure(config, seed=seed, workspace=workspace, progress=progress)
    found = [
        ClaimResult(claim=claim, evidence=evidence(seen, stream(seed, NAME, claim.id)))
        for claim, evidence in EVIDENCE.items()
    ]
    return Findings(claims=tuple(found), sections=chapters(seen), headline=_headline(seen, found))


def _headline(seen: Seen, found: list[ClaimResult]) -> str:
    law = seen.laws["prose"]
    told = (
        "The power law could not be fitted"
        if isinstance(law, Missing)
        else f"After prose, D_T grows as D_F^{law.estimates['alpha'].value:.2f} · "
        f"N^{law.estimates['beta'].value:.2f} (R² {law.r2.value:.2f})"
    )
    return f"{told}. Of {len(found)} claims, {tally(found)}."


STUDY = Study(card=STUDIES["transfer-scaling"], presets={"small": small, "paper": paper}, run=run)
"""Scaling Laws for Transfer, as one command."""
