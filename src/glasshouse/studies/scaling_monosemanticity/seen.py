"""Everything that was measured in a run: what chapters are written from."""

from dataclasses import dataclass

from glasshouse.studies.scaling_monosemanticity.alphabets import Alphabets
from glasshouse.studies.scaling_monosemanticity.clamping import Clamped
from glasshouse.studies.scaling_monosemanticity.dead import Dead
from glasshouse.studies.scaling_monosemanticity.effects import Effects
from glasshouse.studies.scaling_monosemanticity.grid import Grid
from glasshouse.studies.scaling_monosemanticity.meaning import Meaning
from glasshouse.studies.scaling_monosemanticity.neighbourhood import Neighbourhood
from glasshouse.studies.scaling_monosemanticity.planted import Completeness
from glasshouse.studies.scaling_monosemanticity.reading import Subject
from glasshouse.studies.scaling_monosemanticity.search import Search


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """One run."""

    subject: Subject
    """The model of topics with its values."""
    grid: Grid
    """What compute buys."""
    dead: Dead
    """Latents that never speak."""
    planted: Completeness
    """Which known directions are found."""
    meaning: Meaning
    """What latents stand for."""
    clamped: list[Clamped]
    """Topics' latents, pushed."""
    neighbourhood: Neighbourhood
    """What lies near what."""
    effects: Effects
    """What latents do to answers."""
    alphabets: list[Alphabets]
    """Latents in two alphabets."""
    search: Search
    """The planted harmful topic."""
