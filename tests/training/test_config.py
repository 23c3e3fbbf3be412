"""What a run may be."""

import pytest

from glasshouse.errors import InputError
from glasshouse.training import CheckpointConfig, TrainConfig
from glasshouse.training.config import is_log_spaced


class TestTrainConfig:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"steps": 0},
            {"batch_size": 0},
            {"accumulate": 3},
            {"seed": -1},
            {"threads": 0},
            {"evaluate_every": -1},
            {"seed": 1 << 63},
        ],
    )
    def test_refuses_contradictions(self, wrong):
        """The message names the field."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            TrainConfig(**{"steps": 10, "batch_size": 32} | wrong)

    @pytest.mark.parametrize("name", ["precision", "compile", "shape"])
    def test_refuses_words_it_does_not_know(self, name):
        """Also where they were read from a file, and no type checker has seen them."""
        config = TrainConfig(steps=10)
        target = config.schedule if name == "shape" else config
        object.__setattr__(target, name, "sideways")
        with pytest.raises(InputError, match=f"{name}='sideways' must be one of"):
            target.__post_init__()


class TestCheckpointConfig:
    @pytest.mark.parametrize("wrong", [{"every": 0}, {"keep_last": 0}])
    def test_refuses_to_keep_nothing(self, wrong):
        """A run without a checkpoint could not be resumed."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            CheckpointConfig(**wrong)


class TestIsLogSpaced:
    def test_is_true_of_powers_of_two(self):
        """And of the untrained model."""
        assert [s for s in range(20) if is_log_spaced(s)] == [0, 1, 2, 4, 8, 16]
