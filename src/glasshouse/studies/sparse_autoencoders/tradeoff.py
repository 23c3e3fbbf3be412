"""Claims 2 and 5: what sparsity costs in accuracy, and what the reconstruction costs the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.dictionaries import Coder, Dictionary, fit_baseline
from glasshouse.interpret.dictionaries.metrics import (
    Splice,
    mean_max_cosine,
    measure_rebuilding,
    splice_cost,
)
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.sparse_autoencoders.claims import SPLICE, TRADEOFF
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.interpretable import learn_main, score, seed_of
from glasshouse.studies.sparse_autoencoders.learning import Plan, Quality, learn, quality
from glasshouse.studies.sparse_autoencoders.reading import Reader, resid
from glasshouse.studies.sparse_autoencoders.scoring import CoderScores

UNEVEN = 1_000.0
"""What a curve counts as that does not fall everywhere; slopes that differ by more do as well."""
_SPLICED_TEXTS = 64
RIVALS = ("pca", "random")
"""Directions that are spliced in as well, as many active as the dictionary has."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tradeoff:
    """One unit's sweep of the penalty at the middle layer."""

    layer: int
    """Which block's output."""
    d: int
    """Its width."""
    penalties: tuple[float, ...]
    """In rising order, in the summed form."""
    qualities: tuple[Quality, ...]
    """Of each dictionary."""
    splices: tuple[Splice, ...]
    """What each costs."""
    scores: tuple[CoderScores, ...]
    """How well its latents can be explained."""
    chosen: int | None
    """The least sparse one of fewer active latents than a quarter of the width, by the rows it
    learned from; None: all are denser."""
    rivals: dict[str, Splice]
    """Of `RIVALS`, as many active as the chosen dictionary."""
    across_starts: float
    """Mean largest cosine of the scored dictionary's directions with those of a second start."""
    across_living: float
    """The same of the latents that are not dead: a dead one points where it began."""
    across_random: float
    """As the first, with random directions."""

    @property
    def unevenness(self) -> float:
        """Claim 2: the largest ratio of neighbouring slopes."""
        return slope_ratio(self.qualities)

    @property
    def recovered(self) -> float:
        """Claim 5: the share of the value's worth that the chosen dictionary keeps."""
        return math.nan if self.chosen is None else self.splices[self.chosen].recovered


def measure(reader: Reader, known: dict[str, Dictionary]) -> Tradeoff:
    """Sweep the penalty, splice every dictionary, and learn the scored one from another start."""
    how, layer = reader.config.learn, reader.middle
    name = resid(layer)
    rows, held = reader.rows([name])[name], reader.measured([name])
    values, truth = held[name].float(), reader.truth_of(held)
    count = how.ratio * rows.shape[1]
    start = seed_of(reader, name, "sweep")
    swept = learn(
        rows,
        [Plan(latents=count, penalty=penalty, start=start) for penalty in how.penalties],
        how.training(start),
        batch_rows=how.batch_rows,
    )
    sparsity = [measure_rebuilding(one, rows[: len(values)]).l0 for one in swept]
    chosen = next((i for i, l0 in enumerate(sparsity) if l0 < rows.shape[1] / 4), None)
    fit = rows[: reader.config.score.fit_rows]
    rivals = {}
    if chosen is not None:
        k = max(1, round(sparsity[chosen]))
        for label in RIVALS:
            baseline = fit_baseline(label, fit, count, seed=seed_of(reader, name, label))
            rivals[label] = _splice(reader, name, baseline.keeping(min(k, baseline.num_latents)))
    other = learn_main(reader, [layer], start=1)[name]
    chance = fit_baseline("random", fit, count, seed=seed_of(reader, name, "mmcs"))
    return Tradeoff(
        layer=layer,
        d=rows.shape[1],
        penalties=how.penalties,
        qualities=tuple(quality(one, values) for one in swept),
        splices=tuple(_splice(reader, name, one) for one in swept),
        scores=tuple(score(reader, layer, "swept", one, held, name, truth) for one in swept),
        chosen=chosen,
        rivals=rivals,
        across_starts=_alike(known[name].directions, other.directions),
        across_living=_alike(_living(known[name], values), _living(other, values)),
        across_random=_alike(known[name].directions, chance.directions),
    )


@torch.no_grad()
def _splice(reader: Reader, name: str, coder: Coder) -> Splice:
    return splice_cost(reader.model, reader.held_out[:_SPLICED_TEXTS].split(16), name, coder)


def _alike(first: Float[Tensor, "latent d"], second: Float[Tensor, "other d"]) -> float:
    return float(mean_max_cosine(first, second).mean())


def _living(dictionary: Dictionary, values: Float[Tensor, "token d"]) -> Tensor:
    """Directions of the latents that some held-out token makes active."""
    return dictionary.directions[measure_rebuilding(dictionary, values).density > 0]


def slope_ratio(qualities: Sequence[Quality]) -> float:
    """How unevenly unexplained variance rises as L0 falls, along rising penalties.

    Returns:
        The largest ratio between slopes of neighbouring segments, steeper over flatter, at most
        `UNEVEN`; that much as well where L0 does not fall or unexplained variance does not rise.
    """
    slopes = []
    for before, after in pairwise(qualities):
        fewer, worse = before.l0 - after.l0, after.fvu - before.fvu
        if fewer <= 0 or worse <= 0:
            return UNEVEN
        slopes.append(worse / fewer)
    ratios = [max(one / other, other / one) for one, other in pairwise(slopes)]
    return min(max(ratios), UNEVEN)


def claims(found: Sequence[Tradeoff], *, seed: int) -> list[ClaimResult]:
    """Judge claims 2 and 5."""
    order = np.random.default_rng([seed, 2]).permutation(len(found[0].penalties))
    if sorted(order) == order.tolist():
        order = order[::-1]
    chosen = [one for one in found if one.chosen is not None]
    pairs = [(one.splices[one.chosen], one.qualities[one.chosen]) for one in chosen]  # type: ignore[index]
    clean, spliced = (
        math.exp(np.mean([getattr(splice, part) for splice, _ in pairs])) if pairs else math.nan
        for part in ("clean", "spliced")
    )
    said = "; ".join(what.said for _, what in pairs)
    return [
        over_units(
            TRADEOFF,
            [one.unevenness for one in found],
            seed=seed,
            text="largest ratio of neighbouring slopes of unexplained variance over L0",
            control=[slope_ratio([one.qualities[place] for place in order]) for one in found],
            control_text="the same dictionaries with their penalties in another order",
        ),
        over_units(
            SPLICE,
            [one.recovered for one in chosen],
            seed=seed,
            text=f"perplexity {clean:.2f} becomes {spliced:.2f} ({said}); share that is kept",
            control=[one.rivals["random"].recovered for one in chosen],
            control_text="as many active of random directions",
            gate=None
            if len(chosen) == len(found)
            else "no penalty gave fewer active latents than a quarter of the width",
        ),
    ]
