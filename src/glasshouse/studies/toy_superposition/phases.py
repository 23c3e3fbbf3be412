"""What becomes of one more feature: dropped, dedicated or superposed? (Claim 2.)"""

from dataclasses import dataclass, field

import numpy as np
import torch

from glasshouse.models.superposition import ReLUOutput
from glasshouse.models.superposition_data import ActivityPatterns
from glasshouse.models.superposition_geometry import (
    feature_norms,
    interference,
    phase_of,
    phase_theory,
)
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import proportion_interval
from glasshouse.studies.toy_superposition.experiment import (
    SOURCE,
    Bench,
    Budget,
    as_array,
    mean_over_shuffles,
    train_on_patterns,
)
from glasshouse.training.population import best_of

PHASES = ("absent", "dedicated", "superposed")
"""The words of `Phase`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhasesConfig:
    """A grid of models over density and the importance of the extra feature."""

    grid: int = 13
    """Cells along each side; importance 0.1 to 10, density 0.01 to 1, both logarithmic."""
    restarts: int = 10
    """Models a cell, as in the paper; the one of lowest loss counts. With one dimension half of all
    starts put two features on one side, where training leaves them: few restarts leave holes."""
    hidden: tuple[int, ...] = (1, 2)
    """Dimensions m of each diagram; there are m + 1 features. The claim is judged on the first."""
    budget: Budget = field(default_factory=lambda: Budget(steps=1_000, batch=128))
    """How long the models train."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        models = self.grid**2 * self.restarts
        return models * self.budget.batch * self.budget.steps * sum(m + 1 for m in self.hidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagram:
    """One phase diagram, as trained and as computed."""

    hidden: int
    density: np.ndarray
    """Density of each row."""
    importance: np.ndarray
    """Importance of the extra feature, of each column."""
    found: np.ndarray
    """Phase words of the best model, `row column`."""
    theory: np.ndarray
    """Phase words by closed form, `row column`."""
    norm: np.ndarray
    """Length of the extra feature's column in the best model."""
    shared: np.ndarray
    """Its interference."""

    @property
    def agrees(self) -> np.ndarray:
        """Cells where training and theory agree."""
        return self.found == self.theory

    @property
    def beside_boundary(self) -> np.ndarray:
        """Cells one of whose eight neighbours has another phase by theory."""
        size = len(self.theory)
        beside = np.zeros((size, size), dtype=bool)
        for row, column in np.ndindex(size, size):
            near = self.theory[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            beside[row, column] = (near != self.theory[row, column]).any()
        return beside


def measure(config: PhasesConfig, bench: Bench) -> list[Diagram]:
    """Train one grid for each number of hidden dimensions."""
    return [_diagram(config, hidden, bench) for hidden in config.hidden]


def _diagram(config: PhasesConfig, hidden: int, bench: Bench) -> Diagram:
    features = hidden + 1
    density = np.logspace(0, -2, config.grid)
    importance = np.logspace(-1, 1, config.grid)
    rows, columns = (axis.ravel() for axis in np.meshgrid(density, importance, indexing="ij"))
    replicas = len(rows) * config.restarts
    by_replica = torch.tensor(rows, dtype=torch.float32).repeat_interleave(config.restarts)
    data = ActivityPatterns(density=by_replica[:, None].repeat(1, features))
    weights = torch.ones(replicas, features)
    weights[:, -1] = torch.tensor(columns).repeat_interleave(config.restarts)
    name = f"phases {hidden}"
    model = ReLUOutput(replicas, features, hidden, generator=bench.generator(name, "weights"))
    loss = train_on_patterns(model, data, weights, config.budget, bench, name)
    best = model.weight[best_of(loss, restarts=config.restarts)].detach()
    shape = (config.grid, config.grid)
    return Diagram(
        hidden=hidden,
        density=density,
        importance=importance,
        found=np.array(phase_of(best, extra=hidden)).reshape(shape),
        theory=phase_theory(rows, columns, hidden=hidden).reshape(shape),
        norm=as_array(feature_norms(best)[:, -1]).reshape(shape),
        shared=as_array(interference(best)[:, -1]).reshape(shape),
    )


def claims(diagrams: list[Diagram], bench: Bench) -> list[ClaimResult]:
    """Judge whether the trained diagram is the computed one, and where it is not."""
    return [_phases_agree(diagrams[0], bench), _differ_at_boundaries(diagrams[0], bench)]


def _phases_agree(diagram: Diagram, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="phase-change",
        claim="An extra feature is dropped, given a dimension or superposed, with sharp changes "
        "between the three where theory puts them.",
        source=f"{SOURCE}, Superposition as a Phase Change",
        paper="the empirical diagram matches the theoretical one",
        threshold=0.85,
        direction="above",
        no_effect=round(min(0.85, max(np.mean(diagram.theory == p) for p in PHASES)), 2),
        threshold_text="over 85% of cells have the phase of the closed form; one phase everywhere "
        "would agree with the share of the commonest",
        note="m=2 and below are the hardest to optimise: the best of several restarts counts.",
    )
    cells = diagram.agrees.size
    agree = int(diagram.agrees.sum())
    astray = int((~diagram.agrees & ~diagram.beside_boundary).sum())
    chance = mean_over_shuffles(
        lambda theory: float((theory == diagram.found).mean()),
        diagram.theory,
        rng=bench.rng("phases", "shuffle"),
    )
    evidence = Evidence(
        measured=agree / cells,
        interval=proportion_interval(agree, cells),
        text=f"{agree} of {cells} cells agree; {astray} of the {cells - agree} others lie away "
        "from a boundary",
        control=judge_control(
            claim, chance, text=f"theory with its cells shuffled: {chance:.0%} agree"
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _differ_at_boundaries(diagram: Diagram, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="phase-boundaries",
        claim="Where training and theory differ, the cell lies at a boundary between phases.",
        source=f"{SOURCE}, Superposition as a Phase Change",
        paper="the same boundaries in both diagrams",
        threshold=0.97,
        direction="above",
        no_effect=round(min(0.97, 0.85 + 0.15 * float(diagram.beside_boundary.mean())), 2),
        threshold_text="over 97% of cells agree or lie beside a boundary, which in a grid of this "
        "size allows for no stray cell; 15% of cells off, blind to boundaries, is no effect",
    )
    cells = diagram.agrees.size
    fine = int((diagram.agrees | diagram.beside_boundary).sum())
    chance = mean_over_shuffles(
        lambda theory: float(((theory == diagram.found) | diagram.beside_boundary).mean()),
        diagram.theory,
        rng=bench.rng("phases", "stray"),
    )
    evidence = Evidence(
        measured=fine / cells,
        interval=proportion_interval(fine, cells),
        text=f"{cells - fine} of {cells} cells differ away from a boundary",
        control=judge_control(
            claim, chance, text=f"theory with its cells shuffled: {chance:.0%} of cells"
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)
