"""Everything that is read off the runs, once, for claims, figures and tables alike."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from glasshouse.errors import InputError
from glasshouse.scaling import FitConfig
from glasshouse.studies.study import Progress
from glasshouse.studies.transfer_scaling.config import TransferConfig
from glasshouse.studies.transfer_scaling.fits import (
    Compared,
    Foretold,
    PowerLaw,
    compare_arms,
    foretell_sizes,
    power_law,
)
from glasshouse.studies.transfer_scaling.sweep import Learned, learn_all
from glasshouse.studies.transfer_scaling.worth import Worth, of_arm, worth_of

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What could not be fitted."""

    reason: str
    """Why."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """What was measured."""

    learned: Learned
    """All runs."""
    cells: list[Worth]
    """What pretraining was worth, cell by cell."""
    laws: dict[str, PowerLaw | Missing]
    """The power law after `prose`, and after `near`."""
    compared: Compared | Missing
    """The one against the other."""
    foretold: list[Foretold] | Missing
    """Losses of sizes that were held out."""


def measure(config: TransferConfig, *, seed: int, workspace: Path, progress: Progress) -> Seen:
    """Train what is missing, then read and fit."""
    learned = learn_all(config, seed=seed, workspace=workspace, progress=progress)
    return read(learned)


def read(learned: Learned) -> Seen:
    """Read and fit."""
    cells = worth_of(learned)
    fitting = FitConfig(draws=learned.config.draws, seed=learned.seed)
    prose, near = of_arm(cells, "prose"), of_arm(cells, "near")
    return Seen(
        learned=learned,
        cells=cells,
        laws={
            "prose": _tried(lambda: power_law(prose, fitting)),
            "near": _tried(lambda: power_law(near, fitting)),
        },
        compared=_tried(lambda: compare_arms(near, prose, fitting)),
        foretold=_tried(lambda: foretell_sizes(learned, prose, fitting)),
    )


def _tried(fit: Callable[[], T]) -> T | Missing:
    """What was fitted, or why it could not be."""
    try:
        return fit()
    except InputError as refusal:
        return Missing(reason=str(refusal))
