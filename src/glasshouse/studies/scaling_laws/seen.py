"""Everything that was measured in a run: what chapters are written from."""

from dataclasses import dataclass

from glasshouse.studies.scaling_laws import (
    batches,
    chain,
    curves,
    forecasts,
    frontier,
    parts,
    sizes,
)
from glasshouse.studies.scaling_laws.sweeps import Swept


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """One run."""

    swept: Swept
    """What was trained."""
    sizes: sizes.Sizes
    """What size does."""
    parts: parts.Parts
    """What data do."""
    curves: curves.Curves
    """What curves tell."""
    best: frontier.Best
    """How to spend compute."""
    batches: batches.Batches
    """The critical batch."""
    held: forecasts.Held
    """The forecast beside its runs."""
    chain: chain.Chain
    """The constant beside the entropy."""
