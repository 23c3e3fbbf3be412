"""Checkpoints."""

import errno
import json
import resource
import shutil

import pytest
import torch
from tests.training.tiny_runs import make_config, make_model, make_run

from glasshouse.errors import RunError
from glasshouse.models import LanguageModel
from glasshouse.training import CheckpointConfig, continue_run, make_optimizer
from glasshouse.training.checkpoint import (
    checkpoint_path,
    checkpoint_step,
    list_checkpoints,
    prune_checkpoints,
    restore_checkpoint,
    save_checkpoint,
)


def steps_kept(folder) -> list[int]:
    return [checkpoint_step(path) for path in list_checkpoints(folder)]


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path / "run", make_config(steps=6))
    for _ in continue_run(run):
        pass
    return run


class TestSaveAndRestore:
    def test_give_back_every_bit_of_weights_and_moments(self, run):
        """Into another model and a fresh optimizer."""
        model, other = LanguageModel.load(run.checkpoints[-1]), make_model(seed=9)
        optimizer = make_optimizer(other.network, run.record.config.optimizer)
        assert restore_checkpoint(run.checkpoints[-1], other.network, optimizer) == 6
        for name, value in model.network.state_dict().items():
            assert torch.equal(other.network.state_dict()[name], value)
        copy = run.folder / "copy"
        save_checkpoint(copy, other, optimizer, step=6)
        for file in ("model.safetensors", "trainer.safetensors", "trainer.json"):
            assert (copy / file).read_bytes() == (run.checkpoints[-1] / file).read_bytes()

    @pytest.mark.parametrize("file", ["trainer.json", "trainer.safetensors", "model.safetensors"])
    def test_refuse_a_damaged_checkpoint(self, run, file):
        """One sentence that names the checkpoint, whatever part of it is cut off."""
        path = run.checkpoints[-1] / file
        path.write_bytes(path.read_bytes()[:10])
        network = make_model().network
        optimizer = make_optimizer(network, run.record.config.optimizer)
        with pytest.raises(RunError, match="step-00000006"):
            restore_checkpoint(run.checkpoints[-1], network, optimizer)

    def test_name_the_way_back_from_a_damaged_one(self, tmp_path):
        """The checkpoint before it is whole, so nothing but its steps need be done again."""
        run = make_run(tmp_path / "run", make_config(steps=10))
        for _ in zip(range(7), continue_run(run), strict=False):
            pass
        newest = run.checkpoints[-1]
        for file in ("trainer.json", "model.safetensors"):
            (newest / file).unlink()
            with pytest.raises(RunError, match=rf"remove {newest} to go on from step 5"):
                list(continue_run(run))
        shutil.rmtree(newest)
        assert [result.step for result in continue_run(run)] == [6, 7, 8, 9, 10]

    def test_refuse_another_format(self, run):
        """What a later version writes is not guessed at."""
        path = run.checkpoints[-1] / "trainer.json"
        path.write_text(json.dumps({"format": 99, "step": 6}))
        network = make_model().network
        optimizer = make_optimizer(network, run.record.config.optimizer)
        with pytest.raises(RunError, match="format 99"):
            restore_checkpoint(run.checkpoints[-1], network, optimizer)


class TestPruneCheckpoints:
    def test_keeps_the_last(self, tmp_path):
        """And nothing half-removed under a checkpoint's name."""
        for step in range(0, 50, 10):
            checkpoint_path(tmp_path, step).mkdir(parents=True)
        prune_checkpoints(tmp_path, CheckpointConfig(keep_last=2))
        assert steps_kept(tmp_path) == [30, 40]
        assert len(list((tmp_path / "checkpoints").iterdir())) == 2

    def test_keeps_powers_of_two_when_asked(self, tmp_path):
        """For a look at how learning went."""
        for step in (0, 1, 2, 3, 4, 5, 6):
            checkpoint_path(tmp_path, step).mkdir(parents=True)
        prune_checkpoints(tmp_path, CheckpointConfig(keep_last=1, log_spaced=True))
        assert steps_kept(tmp_path) == [0, 1, 2, 4, 6]


class TestFullDisk:
    def test_is_one_sentence_and_leaves_the_old_checkpoint(self, tmp_path, monkeypatch):
        """The run resumes once there is room again, and ends as if nothing had happened."""
        run = make_run(tmp_path / "run", make_config(steps=10))
        steps = continue_run(run)
        for _ in range(5):
            next(steps)
        save = LanguageModel.save

        def fail(self, directory):
            save(self, directory)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(LanguageModel, "save", fail)
        with pytest.raises(RunError, match=r"step 10.*No space left on device.*resume"):
            list(steps)
        assert steps_kept(run.folder) == [0, 5]
        assert len(list((run.folder / "checkpoints").iterdir())) == 2
        monkeypatch.undo()
        assert [result.step for result in continue_run(run)] == [6, 7, 8, 9, 10]
        assert [result.step for result in run.metrics()] == list(range(1, 11))

    def test_is_one_sentence_from_the_operating_system_too(self, tmp_path):
        """A limit on the size of files stops the weights' file half-way, in the real writer."""
        run = make_run(tmp_path / "run", make_config(steps=5))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        steps = continue_run(run)
        for _ in range(4):
            next(steps)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, before[1]))
        try:
            with pytest.raises(RunError, match="could not save step 5"):
                next(steps)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert steps_kept(run.folder) == [0]
        assert len(list((run.folder / "checkpoints").iterdir())) == 1
