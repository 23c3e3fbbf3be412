"""What pretraining was worth: effective data of every pretrained model, read off scratch curves."""

from dataclasses import dataclass

import numpy as np

from glasshouse.scaling import effective_data_transferred, invert
from glasshouse.scaling.transfer import Censored
from glasshouse.studies.transfer_scaling.config import Arm
from glasshouse.studies.transfer_scaling.sweep import Learned

_SATURATED = 1.01
"""D(N) is the data that reach 99% of what infinite data would: a loss 1% above it."""
_LOW_DATA = 0.1
"""The low-data regime ends at this share of D(N) (Hernandez et al., section 2)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """One pretrained model's data, and those it would have needed without its past."""

    width: int
    """Its size, by name."""
    params: int
    """N."""
    arm: Arm
    """What it had read."""
    characters: int
    """D_F."""
    loss: float
    """After learning from these, in nats a character."""
    transferred: float
    """D_T in characters; where censored, counted from the end of the curve."""
    censored: Censored
    """Whether D_E lies beyond the scratch curve: above, more than `effective`; below, less."""
    is_low_data: bool
    """Whether D_F is below a tenth of D(N)."""

    @property
    def effective(self) -> float:
        """D_E = D_T + D_F."""
        return self.transferred + self.characters

    @property
    def multiplier(self) -> float:
        """D_E / D_F."""
        return self.effective / self.characters

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which values the multiplier lies, which is one value unless it is censored."""
        low = 0.0 if self.censored == "below" else self.multiplier
        return low, np.inf if self.censored == "above" else self.multiplier

    @property
    def is_fitted(self) -> bool:
        """Whether the power law is fitted to it: what is censored or negative has no logarithm."""
        return not self.censored and self.transferred > 0 and self.is_low_data


def worth_of(learned: Learned) -> list[Worth]:
    """All cells of all pretrained arms on the tuned amounts of code."""
    found = []
    for width in learned.config.widths:
        amounts, losses = learned.scratch_curve(width)
        enough = invert(amounts, losses, _SATURATED * float(losses.min())).value
        arms: tuple[Arm, ...] = ("prose", "near", "dealt")
        for arm in arms:
            for characters in learned.config.tuned:
                if not learned.found(width, arm, characters):
                    continue
                loss = learned.loss(width, arm, characters)
                data = effective_data_transferred(
                    amounts, losses, finetuned_loss=loss, finetuned_data=float(characters)
                )
                found.append(
                    Worth(
                        width=width,
                        params=learned.params(width),
                        arm=arm,
                        characters=characters,
                        loss=loss,
                        transferred=data.value,
                        censored=data.censored,
                        is_low_data=characters < _LOW_DATA * enough,
                    )
                )
    return found


def of_arm(cells: list[Worth], arm: Arm) -> list[Worth]:
    """The cells of one arm."""
    return [one for one in cells if one.arm == arm]


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """How many neighbouring cells are ordered as claimed."""

    right: int
    """As claimed."""
    decided: int
    """Those that censoring leaves decided."""
    undecided: int
    """The others."""


def neighbours(cells: list[Worth], *, along: str) -> Neighbours:
    """Compare multipliers of cells that are next to each other.

    Args:
        cells: Of one arm.
        along: `size`: larger models' should be larger, on as much code; `data`: those of more code
            should be smaller, of one size.
    """
    right = decided = undecided = 0
    for first in cells:
        if along == "size":
            others = [one for one in cells if one.characters == first.characters]
            after = [one for one in others if one.params > first.params]
            second = min(after, key=lambda one: one.params, default=None)
        else:
            others = [one for one in cells if one.width == first.width]
            after = [one for one in others if one.characters > first.characters]
            second = min(after, key=lambda one: one.characters, default=None)
        if second is None:
            continue
        small, large = (first, second) if along == "size" else (second, first)
        if large.bounds[0] > small.bounds[1]:
            right += 1
            decided += 1
        elif large.bounds[1] <= small.bounds[0]:
            decided += 1
        else:
            undecided += 1
    return Neighbours(right=right, decided=decided, undecided=undecided)


def censored_sentence(cells: list[Worth]) -> str:
    """`2 of 20 censored above`; empty where none is."""
    parts = []
    for side in ("above", "below"):
        count = sum(one.censored == side for one in cells)
        if count:
            parts.append(f"{count} of {len(cells)} censored {side}")
    return ", ".join(parts)
