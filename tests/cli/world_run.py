"""A run on the toy world that nobody has trained yet, loaded once: texts, truth, and a model."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from glasshouse.models import LanguageModel
from glasshouse.training import TrainConfig, WorldConfig, start_world_run

VALUE = "blocks.1.resid_post"
_LOAD = LanguageModel.load
"""Taken before a test puts something in its place."""


@cache
def world_run() -> Path:
    """The smallest model on the smallest world."""
    folder = Path(mkdtemp(prefix="world-run-")) / "small"
    config = WorldConfig(
        world_preset="nano", size="nano", context=32, train=TrainConfig(steps=8, batch_size=16)
    )
    return start_world_run(folder, config).folder


@cache
def world_model() -> LanguageModel:
    """Its model; the same object every time, so that its graph is captured once."""
    return _LOAD(world_run())
