"""Weights dealt out among processes: parts in memory, whole in files, the same numbers."""

import json
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.align.processes import run_two
from tests.training.tiny_runs import make_config, make_run
from torch._C._distributed_c10d import HashStore

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.training import continue_run, distributed, joined_processes, loop, open_run
from glasshouse.training.checkpoint import checkpoint_path
from glasshouse.training.distributed import Processes, _Meetings, refuse_sharded

PROGRAM = """
import sys
from pathlib import Path
from tests.training.test_sharding import work
work(Path(sys.argv[1]))
"""


def work(folder: Path) -> None:
    """What each of two processes does."""
    held, optimizers = {}, []
    clipped, made = loop.clip_gradients, loop.make_optimizer

    def making(*given):
        optimizers.append(made(*given))
        return optimizers[-1]

    def clipping(parameters, max_norm):
        held["weights"] = [p.to_local() for p in parameters]
        held["gradients"] = [p.grad.to_local() for p in parameters]
        for name in ("exp_avg", "exp_avg_sq"):
            held[name] = [own[name].to_local() for own in optimizers[-1].state.values()]
        return clipped(parameters, max_norm)

    loop.make_optimizer, loop.clip_gradients = making, clipping
    with joined_processes(shard=True) as processes:
        assert processes.count == 2
        stop_after(7, folder / "sharded")
        processes.wait()
        if processes.is_first:  # as if both had been killed: the last whole checkpoint is older
            stopped = checkpoint_path(folder / "sharded", 7)
            stopped.rename(folder / "stopped")
        processes.wait()
        for name in ("sharded", "begun by one"):
            list(continue_run(open_run(folder / name)))
    sizes = {name: sum(part.numel() for part in parts) for name, parts in held.items()}
    (folder / f"held-{processes.rank}.json").write_text(json.dumps(sizes))


def stop_after(last: int, folder: Path) -> None:
    steps = continue_run(open_run(folder))
    for step in steps:
        if step.step == last:
            steps.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Runs of one process, and the same shared by two."""
    folder = tmp_path_factory.mktemp("sharded")
    # In float32, whatever this machine multiplies in hardware.
    config = make_config(batch_size=8, accumulate=2, precision="fp32")
    for name in ("alone", "sharded", "begun by one"):
        make_run(folder / name, config, masked=True)
    list(continue_run(open_run(folder / "alone")))
    stop_after(7, folder / "begun by one")
    run_two(PROGRAM, folder)
    return folder


def moments(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(open_run(folder).checkpoints[-1] / "trainer.safetensors")


class TestSharding:
    @pytest.mark.parametrize("name", ["sharded", "begun by one"])
    def test_learns_what_one_process_learns(self, folder, name):
        """To rounding: losses, norms before clipping, held-out losses, weights and moments."""
        expected, found = (open_run(folder / which).metrics() for which in ("alone", name))
        assert [r.step for r in found] == [r.step for r in expected]
        assert [r.loss for r in found] == pytest.approx([r.loss for r in expected], rel=1e-4)
        norms = ([r.grad_norm for r in each] for each in (found, expected))
        assert next(norms) == pytest.approx(next(norms), rel=1e-3)
        for one, other in zip(found, expected, strict=True):
            assert one.held_out == (other.held_out and pytest.approx(other.held_out, rel=1e-3))
        weights, own = (
            LanguageModel.load(folder / which).network.state_dict() for which in ("alone", name)
        )
        for each, of_one in ((own, weights), (moments(folder / name), moments(folder / "alone"))):
            assert each.keys() == of_one.keys()
            for part, value in each.items():
                torch.testing.assert_close(value, of_one[part], atol=1e-3, rtol=1e-2)

    def test_leaves_each_process_its_share(self, folder):
        """Of all that a step holds when it has its gradients; no process has more."""
        whole = sum(p.numel() for p in LanguageModel.load(folder / "alone").network.parameters())
        held = [json.loads((folder / f"held-{rank}.json").read_text()) for rank in (0, 1)]
        for what in ("weights", "gradients", "exp_avg", "exp_avg_sq"):
            shares = [each[what] for each in held]
            assert sum(shares) == whole
            assert max(shares) < 0.55 * whole

    def test_keeps_where_it_was_stopped(self, folder):
        """What both left together is a model like any other."""
        assert LanguageModel.load(folder / "stopped").logprobs(["w1"], ["w2"])

    def test_can_be_continued_by_one_process(self, folder):
        """From a checkpoint of both: the same numbers again."""
        run = open_run(folder / "sharded")
        expected = run.metrics()[10:]
        last = run.checkpoints[-1]
        last.rename(last.with_name(".away"))
        found = list(continue_run(open_run(folder / "sharded")))
        assert [r.step for r in found] == [11, 12]
        assert [r.loss for r in found] == pytest.approx([r.loss for r in expected], rel=1e-4)

    def test_is_refused_to_one_process(self):
        """There is nobody to deal out to."""
        with pytest.raises(InputError, match="here is one"), joined_processes(shard=True):
            pass

    def test_is_refused_where_nobody_has_built_it(self, monkeypatch):
        """Policies that learn from their own replies say so, rather than train each its own."""
        refuse_sharded("a policy")
        shared = Processes(0, 2, is_sharded=True)
        monkeypatch.setattr(distributed, "current_processes", lambda: shared)
        with pytest.raises(InputError, match="a policy cannot be sharded yet"):
            refuse_sharded("a policy")


class TestMeeting:
    @pytest.mark.parametrize(("places", "met"), [(("a", "a"), True), (("a", "b"), False)])
    def test_is_of_all_at_one_place(self, places, met):
        """Who stops at another step is not taken for who stops at this one."""
        store, found = HashStore(), {}

        def come(rank: int) -> None:
            who = Processes(rank, 2, is_sharded=True)
            found[rank] = _Meetings(store).meet(who, places[rank], 5.0)

        threads = [threading.Thread(target=come, args=(rank,)) for rank in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {0: met, 1: met}

    def test_is_not_waited_for_in_vain(self):
        """Who does not come in time is not met."""
        who = Processes(0, 2, is_sharded=True)
        assert not _Meetings(HashStore()).meet(who, "a", 0.05)
