"""What the models of a population came to, as one file that the notebook takes in.

population.json      when and by what it was made, and every model with its curves
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.provenance import origin

POPULATION = "population.json"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberCurve:
    """Something measured of a model over time."""

    steps: tuple[int, ...]
    """After which it was measured, rising."""
    values: tuple[float, ...]
    """What was measured then."""

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.values):
            raise InputError(f"{len(self.steps)} steps have {len(self.values)} values")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One model of a population."""

    name: str
    """Different for different models."""
    config: Mapping[str, Any]
    """Its size, and what sets it apart from the others, as JSON values."""
    steps: int
    """Optimizer steps taken."""
    seed: int | None = None
    """What names its first weights and order of data."""
    tokens: int | None = None
    """Tokens trained on."""
    curves: Mapping[str, MemberCurve] = field(default_factory=dict)
    """By name: "loss" in training and "held_out/all" in nats a token, and what else there is."""
    failure: str = ""
    """Why it does not count; empty for a sound one."""


def write_population(folder: Path, members: Sequence[Member]) -> None:
    """Write a population's file, whole; one that is there stays, so that it keeps its name.

    Args:
        folder: Of this population alone; made if it is not there.
        members: All models.

    Raises:
        InputError: If two of them have one name.
    """
    path = folder / POPULATION
    if path.is_file():
        return
    if len({one.name for one in members}) < len(members):
        raise InputError("two models of a population have one name")
    folder.mkdir(parents=True, exist_ok=True)
    content = {"format": _FORMAT, **origin(), "members": list(members)}
    write_atomically(path, msgspec.json.encode(content) + b"\n")
