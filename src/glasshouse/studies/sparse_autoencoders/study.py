"""The study itself: grow the models, learn dictionaries, follow the arguments, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, out_of_scale, tally
from glasshouse.studies.sparse_autoencoders import (
    giving,
    interpretable,
    overcomplete,
    patching,
    toy,
    tradeoff,
)
from glasshouse.studies.sparse_autoencoders.claims import CLAIMS
from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig, paper, small
from glasshouse.studies.sparse_autoencoders.figures import chapters
from glasshouse.studies.sparse_autoencoders.grow import desk_for, grow_on_giving
from glasshouse.studies.sparse_autoencoders.reading import readers
from glasshouse.studies.sparse_autoencoders.seen import Seen
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.world.giving import GivingWorld


def run(
    config: DictionariesConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Grow every model and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device, a model or a text that is not there.
    """
    seen = measure(config, seed=seed, progress=progress)
    results = [
        *interpretable.claims(seen.interpretable, seed=seed),
        *tradeoff.claims(seen.tradeoff, seed=seed),
        *overcomplete.claims(seen.overcomplete, seed=seed),
    ]
    if not config.model:
        results += toy.claims(seen.toys, seed=seed)
        results += giving.claims(seen.patching, seen.followers, seed=seed)
    claims = in_paper_order(results)
    return Findings(claims=claims, sections=chapters(seen), headline=_headline(claims))


def measure(config: DictionariesConfig, *, seed: int, progress: Progress) -> Seen:
    """Measure everything; what needs a truth is left out where a model was given."""
    ticks = _Ticks(config, progress)
    seen = Seen(
        config=config,
        losses=[],
        interpretable=[],
        tradeoff=[],
        overcomplete=[],
        toys=[],
        patching=[],
        followers=[],
    )
    ticks.next("growing a model")
    for reader in readers(config, seed=seed):
        ticks.next("scoring explanations")
        known = interpretable.learn_main(reader, reader.layers)
        seen.losses.append(reader.losses)
        seen.interpretable.append(interpretable.measure(reader, known))
        ticks.next("sweeping the penalty")
        seen.tradeoff.append(tradeoff.measure(reader, known))
        ticks.next("counting dead latents")
        seen.overcomplete.append(overcomplete.measure(reader))
        ticks.next("growing a model")
    if not config.model:
        for number in range(config.toy.worlds):
            ticks.next("planting directions")
            seen.toys.append(
                toy.measure(config.toy, seed=seed, number=number, device=config.device)
            )
        _measure_giving(config, seen, ticks, seed=seed)
    ticks.end()
    return seen


def _measure_giving(config: DictionariesConfig, seen: Seen, ticks: "_Ticks", *, seed: int) -> None:
    world = GivingWorld()
    desk, shape = desk_for(config, world.vocabulary, world.length + 1)
    for number in range(config.giving.models):
        ticks.next("patching")
        grown = grow_on_giving(config, desk, shape, seed=seed, number=number)
        seen.patching.append(patching.measure(grown, config, seed=seed, number=number))
        seen.followers.append(giving.followers(seen.patching[-1], config, seed=seed))


class _Ticks:
    """Reports one part of the work after the other."""

    def __init__(self, config: DictionariesConfig, progress: Progress) -> None:
        rest = 0 if config.model else config.toy.worlds + config.giving.models
        self._total, self._done, self._progress = 1 + 4 * config.grow.models + rest, 0, progress

    def next(self, what: str) -> None:
        """Begin the next part."""
        self._progress(self._done, self._total, what)
        self._done += 1

    def end(self) -> None:
        """Say that all is done."""
        self._progress(self._total, self._total, "judging")


def in_paper_order(results: list[ClaimResult]) -> tuple[ClaimResult, ...]:
    """Claims in the order of the paper; one that was not measured says why."""
    known = {result.claim.id: result for result in results}
    missing = out_of_scale("of a given model and text the truth is not known")
    return tuple(
        known.get(claim.id, ClaimResult(claim=claim, evidence=missing)) for claim in CLAIMS
    )


def _headline(claims: tuple[ClaimResult, ...]) -> str:
    return (
        f"Dictionaries of small models' values: of {len(claims)} claims, {tally(claims)}. "
        "Explanations are rules found by counting, and what holds for them is an analogue of the "
        "paper's scores."
    )


STUDY = Study(
    card=STUDIES["sparse-autoencoders"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Sparse Autoencoders Find Highly Interpretable Features, as one command."""
