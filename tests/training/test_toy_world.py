"""Runs on the toy world."""

from dataclasses import replace

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.training import Run, TrainConfig
from glasshouse.training.toy_world import LEDGER, WorldConfig, exposure_ledger, start_world_run

CONFIG = WorldConfig(
    world_preset="nano", size="nano", context=16, train=TrainConfig(steps=12, batch_size=4)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return start_world_run(tmp_path_factory.mktemp("runs") / "world", CONFIG)


class TestStartWorldRun:
    def test_has_a_new_window_for_every_step(self, run):
        """A model that read documents twice would know facts better than exposures say."""
        windows = CONFIG.train.steps * CONFIG.train.batch_size
        assert run.train_shards.num_tokens > windows * CONFIG.context

    def test_refuses_a_size_that_is_none(self):
        """Also where it was read from a file, and no type checker has seen it."""
        config = replace(CONFIG)
        object.__setattr__(config, "size", "vast")
        with pytest.raises(InputError, match="size='vast' must be one of nano"):
            config.__post_init__()


class TestExposureLedger:
    def test_counts_the_corpus_again_as_it_was_trained_on(self, run):
        """A run killed before its ledger was written is judged by the same exposures."""
        written = exposure_ledger(run.folder, CONFIG)
        (run.folder / LEDGER).unlink()
        again = exposure_ledger(run.folder, CONFIG)
        assert np.array_equal(again.exposures(), written.exposures())
        assert again.exposures().sum() > 0
