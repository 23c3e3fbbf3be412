"""The presets of this study."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.studies.toy_superposition.basic import BasicConfig
from glasshouse.studies.toy_superposition.computing import ComputingConfig
from glasshouse.studies.toy_superposition.dynamics import DynamicsConfig
from glasshouse.studies.toy_superposition.experiment import Budget
from glasshouse.studies.toy_superposition.geometry import GeometryConfig
from glasshouse.studies.toy_superposition.memorisation import MemorisationConfig
from glasshouse.studies.toy_superposition.pentagon import PentagonConfig
from glasshouse.studies.toy_superposition.phases import PhasesConfig
from glasshouse.studies.toy_superposition.sets import SetsConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class ToySuperpositionConfig:
    """One config an experiment, and where they run."""

    basic: BasicConfig = field(default_factory=BasicConfig)
    """Superposition by density, against the linear model."""
    phases: PhasesConfig = field(default_factory=PhasesConfig)
    """The phase diagrams."""
    geometry: GeometryConfig = field(default_factory=GeometryConfig)
    """Plateaus, shapes, adversarial attacks."""
    sets: SetsConfig = field(default_factory=SetsConfig)
    """Correlated and anticorrelated features."""
    pentagon: PentagonConfig = field(default_factory=PentagonConfig)
    """One feature sparser than the rest."""
    dynamics: DynamicsConfig = field(default_factory=DynamicsConfig)
    """What happens during training."""
    computing: ComputingConfig = field(default_factory=ComputingConfig)
    """The absolute value, in superposition."""
    memorisation: MemorisationConfig = field(default_factory=MemorisationConfig)
    """Few examples, seen again and again."""
    device: str = "cpu"
    """Device of all models: `cpu` or `cuda`."""
    workers: int = 2
    """Experiments that run at the same time, one thread each; the results do not depend on it."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers={self.workers} must be at least 1")


def small() -> ToySuperpositionConfig:
    """Two CPU cores, a few minutes."""
    return ToySuperpositionConfig()


def tour() -> ToySuperpositionConfig:
    """Two CPU cores, about a minute: every claim, with fewer and shorter models."""
    return ToySuperpositionConfig(
        basic=BasicConfig(replicas=4, budget=Budget(steps=2_000, batch=128)),
        phases=PhasesConfig(grid=11, restarts=8, hidden=(1,), budget=Budget(steps=800, batch=64)),
        geometry=GeometryConfig(replicas=3, budget=Budget(steps=2_000, batch=64, peak_lr=5e-3)),
        sets=SetsConfig(
            models=60,
            collapse_densities=(0.02, 0.1, 0.2, 0.5),
            collapse_models=12,
            budget=Budget(steps=2_000, batch=256),
            collapse_budget=Budget(steps=1_500, batch=128),
        ),
        pentagon=PentagonConfig(
            ratios=(1.0, 1.5, 2.5, 4.0), models=16, budget=Budget(steps=1_200, batch=128)
        ),
        dynamics=DynamicsConfig(models=4, budget=Budget(steps=3_000, batch=64, peak_lr=5e-3)),
        computing=ComputingConfig(models=3, budget=Budget(steps=3_000)),
        memorisation=MemorisationConfig(
            sizes=(3, 5, 8, 100, 300),
            datasets=3,
            restarts=2,
            budget=Budget(steps=1_000, batch=300),
        ),
    )


def paper() -> ToySuperpositionConfig:
    """The paper's own sizes, on one GPU."""
    long = Budget(steps=10_000, batch=1_024)
    return ToySuperpositionConfig(
        basic=BasicConfig(
            features=80,
            hidden=20,
            importance_decay=0.9,
            densities=(1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
            replicas=16,
            budget=long,
        ),
        phases=PhasesConfig(grid=41, restarts=10, budget=long),
        geometry=GeometryConfig(
            features=400,
            hidden=30,
            inverse_densities=tuple(1 + 0.25 * i for i in range(37)),
            replicas=8,
            budget=long,
        ),
        sets=SetsConfig(models=1_000, collapse_models=100, budget=long, collapse_budget=long),
        pentagon=PentagonConfig(
            ratios=(1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 4.0), models=100, budget=long
        ),
        dynamics=DynamicsConfig(features=400, hidden=30, models=16, budget=long),
        computing=ComputingConfig(
            features=100, hidden=40, importance_decay=0.8, models=20, budget=long
        ),
        memorisation=MemorisationConfig(
            features=10_000,
            density=0.001,
            sizes=(3, 5, 8, 15, 30, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000),
            datasets=2,
            restarts=5,
            budget=Budget(steps=50_000, batch=1_000, peak_lr=1e-3),
        ),
        device="cuda",
        workers=1,
    )
