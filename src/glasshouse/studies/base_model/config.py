"""What the base model is grown from, and how closely it is looked at."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.training import CheckpointConfig, ScheduleConfig, TrainConfig, WorldConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseModelConfig:
    """Growing one model and asking it what it knows."""

    grow: WorldConfig = field(default_factory=WorldConfig)
    """World, model and training; `--seed` sets the seeds in it."""
    num_questions: int | None = None
    """Questions of each format, over all exposures; None: every fact that there is, once. More
    would ask some facts twice, and the answers would not be independent."""
    num_documents: int = 40
    """Held-out documents of each kind that are read for the loss by kind."""
    num_requests: int = 240
    """Requests of users that the model answers."""
    dictionary_steps: int = 0
    """Steps in which a dictionary of the grown model is learned; 0 leaves that chapter out."""
    shaping_steps: int = 0
    """Updates by which a copy is made an assistant; 0 leaves that chapter out."""

    def __post_init__(self) -> None:
        for name in ("num_questions", "num_documents", "num_requests"):
            if (getattr(self, name) or 10) < 10:
                raise InputError(f"{name}={getattr(self, name)} must be at least 10")
        for name in ("dictionary_steps", "shaping_steps"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}={getattr(self, name)} must not be negative")


def tour() -> BaseModelConfig:
    """Return a million parameters, three million tokens, a quick dictionary and an assistant."""
    return BaseModelConfig(grow=_grow(steps=1500), dictionary_steps=300, shaping_steps=60)


def small() -> BaseModelConfig:
    """Return the longest run that five minutes on two cores allow."""
    return BaseModelConfig(grow=_grow(steps=1700))


def paper() -> BaseModelConfig:
    """Return twelve million tokens, at which the exam formats should emerge."""
    return BaseModelConfig(grow=_grow(steps=6000), dictionary_steps=2000, shaping_steps=200)


def _grow(*, steps: int) -> WorldConfig:
    return WorldConfig(
        train=TrainConfig(
            steps=steps,
            batch_size=16,
            evaluate_every=max(1, steps // 12),
            schedule=ScheduleConfig(peak_lr=4e-3, warmup_steps=steps // 15),
            checkpoints=CheckpointConfig(every=250),
        )
    )
