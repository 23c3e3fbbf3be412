"""The training iterator."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from textwrap import dedent

import pytest
import torch
from tests.training.tiny_runs import CONTEXT, make_config, make_model, make_run, make_shards
from torch import nn

from glasshouse.errors import InputError
from glasshouse.training import continue_run, open_run, shuffled_windows, train
from glasshouse.training.loop import interrupts_held


def losses(network: nn.Module, **changes) -> list[float]:
    config = make_config(**changes)
    data = shuffled_windows(make_shards(), context=CONTEXT, seed=config.seed)
    return [result.loss for result in train(network, data, config)]


class WithDropout(nn.Module):
    """A model whose loss is a matter of chance."""

    def __init__(self):
        super().__init__()
        self.inner = make_model().network
        self.dropout = nn.Dropout(0.5)

    def forward(self, ids):
        return self.dropout(self.inner(ids))


class TestTrain:
    def test_learns(self):
        """Documents that count or repeat are easy: well under the log 19 = 2.94 of not knowing."""
        found = losses(make_model().network, steps=100, batch_size=8)
        assert found[0] == pytest.approx(2.94, abs=0.1)
        assert sum(found[-10:]) / 10 < 1.7

    def test_is_a_function_of_its_arguments(self):
        """Twice the same bits; another seed reads another order."""
        first = losses(make_model().network)
        assert first == losses(make_model().network)
        assert first != losses(make_model().network, seed=1)

    def test_does_not_depend_on_accumulation(self):
        """To rounding: sums are taken in another order. In float32, as bf16 rounds by more."""
        whole = losses(make_model().network, batch_size=8, precision="fp32")
        split = losses(make_model().network, batch_size=8, accumulate=4, precision="fp32")
        assert split == pytest.approx(whole, rel=1e-4)

    def test_draws_dropout_from_the_seed_and_leaves_the_global_generator_alone(self):
        """A step's chance is a function of seed and step, so a resumed run has the same."""
        torch.manual_seed(7)
        before = torch.get_rng_state()
        first = losses(WithDropout())
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(8)
        assert losses(WithDropout()) == first

    def test_tells_what_happened(self):
        """Steps count from 1, tokens add up, and held-out loss comes when it is due."""
        config = make_config(steps=6)
        data = shuffled_windows(make_shards(), context=CONTEXT, seed=0)
        results = list(
            train(make_model().network, data, config, held_out=lambda network: {"all": 1.5})
        )
        assert [r.step for r in results] == [1, 2, 3, 4, 5, 6]
        assert [r.tokens for r in results] == [32 * step for step in range(1, 7)]
        assert [r.held_out for r in results] == [None] * 3 + [{"all": 1.5}, None, {"all": 1.5}]
        assert max(r.lr for r in results) <= config.schedule.peak_lr

    def test_stops_when_the_loss_is_no_number(self):
        """Weights that blow up are not saved over good ones."""
        network = make_model().network
        with torch.no_grad():
            network.embed.weight[:] = torch.nan
        with pytest.raises(InputError, match=r"nan at step 1 .*lower schedule\.peak_lr"):
            losses(network)

    def test_refuses_to_save_what_is_no_language_model(self, tmp_path):
        """A run folder holds model directories, and those need a tokenizer."""
        run = make_run(tmp_path / "run")
        data = shuffled_windows(make_shards(), context=CONTEXT, seed=0)
        with pytest.raises(InputError, match="LanguageModel"):
            train(make_model().network, data, run.record.config, run=run)

    def test_puts_the_number_of_threads_back(self):
        """A library does not leave the caller's program slower."""
        before = torch.get_num_threads()
        losses(make_model().network, threads=1)
        assert torch.get_num_threads() == before

    @pytest.mark.compiled
    def test_compiles_to_the_same_curve(self):
        """To rounding: fused kernels add in another order."""
        eager = losses(make_model().network, compile="no", precision="fp32")
        compiled = losses(make_model().network, compile="yes", precision="fp32")
        assert compiled == pytest.approx(eager, rel=1e-4)

    def test_runs_uncompiled_if_compiling_fails(self, monkeypatch, caplog):
        """With a warning; a run that could train is not lost to its compiler."""

        class Broken(nn.Module):
            def forward(self, *inputs):
                raise RuntimeError("the compiler crashed")

        monkeypatch.setattr("glasshouse.training.decisions._compile_obstacle", lambda device: None)
        monkeypatch.setattr(torch, "compile", lambda module, dynamic: Broken())
        with caplog.at_level(logging.WARNING):
            assert losses(make_model().network, compile="yes") == losses(make_model().network)
        assert "the compiler crashed" in caplog.text


class TestContinueRun:
    def test_goes_on_from_where_it_stopped(self, tmp_path):
        """Stopped after every possible step, it gives the metrics of a run that was not."""
        whole = make_run(tmp_path / "whole")
        expected = [strip(result) for result in continue_run(whole)]
        assert len(expected) == 12
        run = make_run(tmp_path / "broken")
        while not open_run(run.folder).is_finished:
            steps = continue_run(open_run(run.folder))
            next(steps)
            steps.close()
        assert [strip(result) for result in run.metrics()] == expected
        assert weights(run) == weights(whole)

    def test_has_nothing_to_do_when_it_is_finished(self, tmp_path):
        """And changes nothing."""
        run = make_run(tmp_path / "run", make_config(steps=2))
        assert len(list(continue_run(run))) == 2
        assert list(continue_run(open_run(run.folder))) == []
        assert len(run.metrics()) == 2

    def test_leaves_a_checkpoint_on_break(self, tmp_path):
        """Stopping is `break`; the step that was yielded last is saved."""
        run = make_run(tmp_path / "run")
        for result in continue_run(run):
            if result.step == 3:
                break
        assert open_run(run.folder).newest_step == 3

    def test_leaves_a_checkpoint_on_ctrl_c(self, tmp_path, monkeypatch):
        """Pressed in the middle of a step, it waits for the step's end; then all is saved."""
        run = make_run(tmp_path / "run")
        steps = continue_run(run)
        next(steps)
        forward = type(make_model().network).forward

        def interrupted(self, ids, **options):
            os.kill(os.getpid(), signal.SIGINT)
            return forward(self, ids, **options)

        monkeypatch.setattr(type(make_model().network), "forward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(steps)
        monkeypatch.undo()
        assert open_run(run.folder).newest_step == 2
        assert [result.step for result in run.metrics()] == [1, 2]

    def test_leaves_no_half_removed_checkpoint_on_ctrl_c(self, tmp_path, monkeypatch):
        """Pressed while an old checkpoint is removed, it waits until that is gone."""
        run = make_run(tmp_path / "run")
        remove = shutil.rmtree

        def interrupted(path, **options):
            if "removed" in path.name:
                os.kill(os.getpid(), signal.SIGINT)
            remove(path, **options)

        monkeypatch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(continue_run(run))
        left = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
        assert left == ["step-00000005", "step-00000010"]

    def test_keeps_the_checkpoints_it_was_told_to(self, tmp_path):
        """The last two, and powers of two."""
        config = make_config()
        config = replace(config, checkpoints=replace(config.checkpoints, log_spaced=True))
        run = make_run(tmp_path / "run", config)
        list(continue_run(run))
        kept = [int(path.name[5:]) for path in run.checkpoints]
        assert kept == [0, 1, 2, 4, 8, 10, 12]

    def test_learns_the_held_out_kinds(self, tmp_path):
        """The last line has the loss of every kind."""
        run = make_run(tmp_path / "run")
        list(continue_run(run))
        last = run.metrics()[-1].held_out
        assert last is not None
        assert last.keys() == {"all", "count", "same"}
        assert all(0 < loss < 4 for loss in last.values())


class TestInterruptsHeld:
    def test_lets_ctrl_c_wait_for_the_end_of_the_body(self):
        """What has begun is finished."""
        done = []

        def work():
            with interrupts_held():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("the rest")

        with pytest.raises(KeyboardInterrupt):
            work()
        assert done == ["the rest"]

    def test_holds_nothing_when_the_interpreter_has_ended(self):
        """A generator that is closed last finds no handler any more, and says nothing of it."""
        script = """
            from glasshouse.training.loop import interrupts_held
            def run():
                try:
                    yield
                finally:
                    with interrupts_held():
                        pass
            left = run()
            next(left)
        """
        told = subprocess.run(
            [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
        )
        assert told.stderr == ""


def strip(result):
    """All of a result but its timing."""
    return replace(result, tokens_per_second=0.0)


def weights(run) -> bytes:
    """The final weights and moments, to the byte."""
    newest = run.checkpoints[-1]
    return (newest / "model.safetensors").read_bytes() + (
        newest / "trainer.safetensors"
    ).read_bytes()
