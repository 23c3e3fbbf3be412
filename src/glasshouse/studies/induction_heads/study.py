"""The study itself: grow all models, follow the six arguments, write the chapters."""

from pathlib import Path

import numpy as np

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, Verdict
from glasshouse.studies.induction_heads import (
    ablation,
    circuits,
    figures,
    fuzzy,
    phase_change,
    phase_figures,
    sizes,
    smeared,
)
from glasshouse.studies.induction_heads.config import InductionConfig, paper, small, tour
from glasshouse.studies.induction_heads.grow import Nursery, grow_all
from glasshouse.studies.induction_heads.measures import icl
from glasshouse.studies.induction_heads.patterns import watch
from glasshouse.studies.induction_heads.texts import held_out_texts
from glasshouse.studies.study import Findings, Progress, Section, Study


def run(
    config: InductionConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Grow every model and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    return findings_of(grow_all(config, seed=seed, progress=progress))


def findings_of(nursery: Nursery) -> Findings:
    """Judge every claim on models that are grown, and write the chapters."""
    ablated = ablation.measure(nursery)
    loose = fuzzy.measure(nursery)
    read = circuits.measure(nursery)
    claims = [
        *phase_change.claims(nursery),
        *smeared.claims(nursery),
        *ablation.claims(ablated, nursery),
        *fuzzy.claims(loose, nursery),
        *circuits.claims(read, nursery),
        *sizes.claims(nursery),
    ]
    chapters: list[Section] = []
    if nursery.has("one_layer", "two_layers"):
        best = best_possible_icl(nursery.config, seed=nursery.seed)
        chapters.append(phase_figures.chapter(nursery, watch(nursery), best))
    if nursery.has("one_layer_smeared", "two_layers_smeared"):
        chapters.append(figures.smeared_chapter(nursery))
    if ablated:
        chapters.append(figures.ablation_chapter(ablated, nursery))
    if loose["loose"]:
        chapters.append(figures.fuzzy_chapter(loose, nursery))
    if read:
        chapters.append(figures.circuit_chapter(read))
    if nursery.has(*sizes.WIDTHS):
        chapters.append(figures.size_chapter(nursery))
    return Findings(
        claims=tuple(claims), sections=tuple(chapters), headline=_headline(claims, nursery)
    )


def best_possible_icl(config: InductionConfig, *, seed: int) -> float:
    """The score of the best possible reader of these texts, in nats."""
    world = config.world(config.kinds.two_layers)
    read = config.looks.late + config.looks.window
    texts = held_out_texts(world, read, config.looks.texts, seed=seed)
    losses = [world.exact_losses(some) for some in np.array_split(texts.ids, len(texts.ids))]
    return float(icl(np.concatenate(losses).mean(axis=0), config))


def _headline(claims: list[ClaimResult], nursery: Nursery) -> str:
    counts = {verdict: sum(r.verdict is verdict for r in claims) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    if not nursery.has("one_layer", "two_layers"):
        return f"Of {len(claims)} claims: {said}."
    one, two = (
        np.mean([icl(c.losses[-1], nursery.config) for c in nursery.courses[name]])
        for name in ("one_layer", "two_layers")
    )
    return (
        f"Late words cost a 1-layer model {-one:.1f} nats less than early ones, a 2-layer model "
        f"{-two:.1f}. Of {len(claims)} claims: {said}."
    )


STUDY = Study(
    card=STUDIES["induction-heads"],
    presets={"small": small, "tour": tour, "paper": paper},
    run=run,
)
"""In-context Learning and Induction Heads, as one command."""
