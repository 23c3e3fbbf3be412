"""The study itself: grow all domains, fit, judge, write the chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.generative_scaling.chapters import chapters
from glasshouse.studies.generative_scaling.config import GenerativeConfig, paper, small
from glasshouse.studies.generative_scaling.evidence import results
from glasshouse.studies.generative_scaling.fits import fit_domains
from glasshouse.studies.generative_scaling.grow import grow_all
from glasshouse.studies.study import Findings, Progress, Study


def run(config: GenerativeConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Grow what the workspace does not hold yet, and judge every claim.

    Raises:
        InputError: If so many runs failed that no law can be fitted.
    """
    seen = grow_all(config, seed=seed, workspace=workspace, progress=progress)
    fits = fit_domains(seen)
    claims = results(seen, fits)
    shown = sum(not one.no_constant for one in fits)
    return Findings(
        claims=claims,
        sections=chapters(seen, fits),
        headline=f"{len(fits)} domains of known entropy: of {len(claims)} claims, {tally(claims)}. "
        f"{shown} of {len(fits)} show the constant of L(N).",
    )


STUDY = Study(
    card=STUDIES["generative-scaling"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Scaling Laws for Autoregressive Generative Modeling, as one command."""
