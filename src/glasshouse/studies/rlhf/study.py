"""The study itself: measure everything, hold it against the claims, write chapters."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from glasshouse.models import LanguageModel
from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, tally
from glasshouse.studies.lineage import keep, lineage
from glasshouse.studies.rlhf import claims, judge_evidence, policy_evidence
from glasshouse.studies.rlhf.chapters import chapters
from glasshouse.studies.rlhf.config import RlhfConfig, paper, small
from glasshouse.studies.rlhf.measure import Seen, measure, total_work
from glasshouse.studies.rlhf.robustness import last_part, smooth
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import Ticker, threads_restored
from glasshouse.studies.zoo import base_model

EVIDENCE: dict[Claim, Callable[[Seen, np.random.Generator], Evidence]] = {
    claims.DATA: judge_evidence.data,
    claims.SIZE: judge_evidence.size,
    claims.CALIBRATED: judge_evidence.calibrated,
    claims.UNDER: judge_evidence.under,
    claims.HIGH_SCORES: judge_evidence.high_scores,
    claims.CROSS: judge_evidence.cross,
    claims.MIXTURE: judge_evidence.mixture,
    claims.SQRT_KL: policy_evidence.sqrt_kl,
    claims.NOT_KL: policy_evidence.not_kl,
    claims.SPLIT: policy_evidence.split,
    claims.GOLD: policy_evidence.gold,
    claims.ROBUST: policy_evidence.robust,
    claims.HARM_PERCENTILE: policy_evidence.harm_percentile,
    claims.HELP_PERCENTILE: policy_evidence.help_percentile,
    claims.EVASIVE: policy_evidence.evasive,
    claims.ONLINE: policy_evidence.online,
    claims.STRANGE: judge_evidence.strange,
    claims.EXPOSED: judge_evidence.exposed,
    claims.TAX: policy_evidence.tax,
    claims.WRITERS: policy_evidence.writers,
}
"""What is said of each claim, in the paper's order."""


def run(config: RlhfConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Run the loop of the paper: collect, judge, shape, and again."""
    import torch

    def grown(size: str, watch: Progress):
        return base_model(
            size, seed=seed, steps=config.base_steps, preset=config.world_preset, progress=watch
        )

    def model(size: str) -> LanguageModel:
        return grown(size, lambda done, total, what: None).model

    with threads_restored():
        torch.set_num_threads(1)
        bases = {size: grown(size, _told(progress)) for size in config.sizes}
        ticker = Ticker(total_work(config), progress)
        seen = measure(config, bases, model, seed=seed, ticker=ticker, workspace=workspace)
    progress(1_000, 1_000, "holding it against the claims")
    found = [
        ClaimResult(claim=claim, evidence=evidence(seen, np.random.default_rng([seed, number])))
        for number, (claim, evidence) in enumerate(EVIDENCE.items())
    ]
    middle = config.sizes[len(config.sizes) // 2]
    keep(bases[middle], "RLHF", seen.policies[middle].policy, study="rlhf")
    return Findings(
        claims=tuple(found),
        sections=(*chapters(seen), lineage(bases[middle])),
        headline=_headline(seen, found),
    )


def _told(progress: Progress) -> Progress:
    """Tell of growing without moving the bar, which counts the study's own work."""
    return lambda done, total, what: progress(0, 1_000, f"{what} ({done} of {total})")


def _headline(seen: Seen, found: list[ClaimResult]) -> str:
    trace = policy_evidence.middle(seen)
    return (
        f"While the judge's score rises to {smooth(trace.reward).max():.2f}, the gold reward of "
        f"the policy rises to {smooth(trace.gold).max():.2f} and falls to "
        f"{last_part(trace.gold).mean():.2f}. Of {len(found)} claims, {tally(found)}."
    )


STUDY = Study(card=STUDIES["rlhf"], presets={"small": small, "paper": paper}, run=run)
"""Training a Helpful and Harmless Assistant with RLHF, as one command."""
