"""Claim 6: how far a dictionary can grow before its latents die."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.sparse_autoencoders.claims import MLP_DIES, RESIDUAL_ALIVE
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.interpretable import seed_of
from glasshouse.studies.sparse_autoencoders.learning import Plan, Quality, learn, quality
from glasshouse.studies.sparse_autoencoders.reading import Reader, neurons, resid

AT = 4
"""Latents a dimension at which the claim is made."""
DEADLY = 64.0
"""Times the penalty of which latents must die, or deaths are not seen."""

Sizes = dict[int, Quality]
"""By latents a dimension."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Overcomplete:
    """Dictionaries of growing size of one unit, at the middle layer."""

    layer: int
    """Which block."""
    residual: Sizes
    """Tied dictionaries of its output."""
    mlp: Sizes
    """Untied ones of its MLP's neurons."""
    residual_free: Quality
    """At `AT`, without a penalty."""
    mlp_free: Quality
    """The same of the neurons."""
    residual_again: Quality
    """At `AT` from another start."""
    residual_deadly: Quality
    """At `AT` with `DEADLY` times the penalty."""

    @property
    def excess(self) -> float:
        """How many more die on neurons, with the penalty or without, whichever is less."""
        return min(
            self.mlp[AT].dead - self.residual[AT].dead,
            self.mlp_free.dead - self.residual_free.dead,
        )


def measure(reader: Reader) -> Overcomplete:
    """Learn dictionaries of every size and count their dead on held-out tokens."""
    how, layer = reader.config.learn, reader.middle
    names = [resid(layer), neurons(layer)]
    rows, held = reader.rows(names), reader.measured(names)
    stream, hidden = names
    penalty = how.size_penalty
    residual = _learned(
        reader,
        rows[stream],
        held[stream].float(),
        [(ratio, penalty) for ratio in how.ratios]
        + [(AT, 0.0), (AT, penalty), (AT, DEADLY * penalty)],
        is_tied=True,
    )
    mlp = _learned(
        reader,
        rows[hidden],
        held[hidden].float(),
        [(ratio, penalty) for ratio in how.mlp_ratios] + [(AT, 0.0)],
        is_tied=False,
    )
    free, again, deadly = residual[len(how.ratios) :]
    return Overcomplete(
        layer=layer,
        residual=dict(zip(how.ratios, residual, strict=False)),
        mlp=dict(zip(how.mlp_ratios, mlp, strict=False)),
        residual_free=free,
        mlp_free=mlp[-1],
        residual_again=again,
        residual_deadly=deadly,
    )


def _learned(
    reader: Reader,
    rows: Float[Tensor, "token d"],
    held: Float[Tensor, "other d"],
    wanted: Sequence[tuple[int, float]],
    *,
    is_tied: bool,
) -> list[Quality]:
    """Qualities of dictionaries of (latents a dimension, penalty), each from its own start."""
    how = reader.config.learn
    kind = "tied" if is_tied else "untied"
    plans = [
        Plan(
            latents=ratio * rows.shape[1],
            penalty=penalty,
            is_tied=is_tied,
            start=seed_of(reader, "overcomplete", kind, place),
        )
        for place, (ratio, penalty) in enumerate(wanted)
    ]
    training = how.training(seed_of(reader, "overcomplete", kind, "batches"), how.mlp_steps)
    return [quality(one, held) for one in learn(rows, plans, training, batch_rows=how.batch_rows)]


def claims(found: Sequence[Overcomplete], *, seed: int) -> list[ClaimResult]:
    """Judge claim 6."""
    at = [one.residual[AT] for one in found]
    free = np.mean([[one.mlp_free.dead, one.residual_free.dead] for one in found], axis=0)
    paid = np.mean([[one.mlp[AT].dead, one.residual[AT].dead] for one in found], axis=0)
    return [
        over_units(
            RESIDUAL_ALIVE,
            [one.dead for one in at],
            seed=seed,
            text=f"share dead at {AT} latents a dimension over {at[0].tokens:,} tokens "
            f"({'; '.join(one.said for one in at)})",
            control=[one.residual_deadly.dead for one in found],
            control_text=f"{DEADLY:.0f} times the penalty, of which latents must die",
        ),
        over_units(
            MLP_DIES,
            [one.excess for one in found],
            seed=seed,
            text=f"{paid[0]:.0%} dead on neurons and {paid[1]:.0%} on the residual stream, "
            f"{free[0]:.0%} and {free[1]:.0%} without a penalty; the smaller difference of each",
            control=[one.residual_again.dead - one.residual[AT].dead for one in found],
            control_text="two starts on the residual stream",
        ),
    ]
