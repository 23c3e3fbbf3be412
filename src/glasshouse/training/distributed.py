"""One process, or one of several that `torchrun` started."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from glasshouse.errors import InputError
from glasshouse.training.config import TrainConfig

MEETING_SECONDS = 10.0
"""How long a process that stops waits for its peers to stop at the same place."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Which process this is, of how many, and what is shared out."""

    rank: int = 0
    count: int = 1
    is_sharded: bool = False
    """Whether weights are dealt out as well as batches (`training.sharding`)."""

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def share(self, config: TrainConfig) -> int:
        """Windows of one micro-batch in this process.

        Raises:
            InputError: If the batch cannot be dealt out evenly.
        """
        if config.batch_size % (self.count * config.accumulate):
            raise InputError(
                f"batch_size={config.batch_size} must be a multiple of accumulate="
                f"{config.accumulate} times {self.count} processes"
            )
        return config.batch_size // (self.count * config.accumulate)

    def total(self, value: Tensor) -> Tensor:
        """The sum of a value over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.count > 1:
            dist.barrier()

    def meet(self, where: str, *, seconds: float = MEETING_SECONDS) -> bool:
        """Whether every process comes to the same place in time.

        Who is stopped from outside may stop at another step than its peers, and would then send
        them what they take for something else. Nothing that all must do together is safe before
        they have met; this goes through the store that they found each other by instead.
        """
        if _meetings is None:
            return self.count == 1
        return _meetings.meet(self, where, seconds)


class _Meetings:
    """The places where processes said that they are, in order."""

    def __init__(self, store: Store) -> None:
        self._store, self._number = store, 0

    def meet(self, processes: Processes, where: str, seconds: float) -> bool:
        self._number += 1
        names = [f"meeting/{self._number}/{rank}" for rank in range(processes.count)]
        try:
            self._store.set(names[processes.rank], where)
            self._store.wait(names, timedelta(seconds=seconds))
        except RuntimeError:  # of the store: somebody has not come, or is gone
            return False
        return all(self._store.get(name) == where.encode() for name in names)


_meetings: _Meetings | None = None
_is_sharded = False
_joins = itertools.count()


@cache
def _peers() -> tuple[Store, int, int]:
    """The store through which processes find each other, this one's rank, and how many."""
    return next(iter(rendezvous("env://")))


def current_processes() -> Processes:
    """This process among its peers; alone unless a process group has been joined."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size(), _is_sharded)
    return Processes()


@contextmanager
def joined_processes(*, shard: bool = False) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, if it did, and leave them at the end.

    Args:
        shard: Inside, deal out weights, gradients and moments of what is trained, by FSDP2, rather
            than batches alone, by DDP. The numbers are the same to rounding, and so are files.

    Raises:
        InputError: If weights are to be dealt out to one process.
    """
    global _is_sharded, _meetings
    is_alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    if shard and is_alone:
        raise InputError(
            "weights are dealt out among several processes and here is one; start more with "
            "torchrun --nproc-per-node N, or train without sharding"
        )
    if is_alone or dist.is_initialized():
        yield current_processes()
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    store, rank, count = _peers()
    store = PrefixStore(f"glasshouse/{next(_joins)}", store)  # nothing stale from the last time
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=count)
    _is_sharded, _meetings = shard, _Meetings(store)
    try:
        yield current_processes()
    finally:
        _is_sharded, _meetings = False, None
        dist.destroy_process_group()


def refuse_sharded(what: str) -> None:
    """Say so where weights cannot be dealt out.

    Args:
        what: The training that cannot, to begin a sentence with.

    Raises:
        InputError: If they are to be.
    """
    if current_processes().is_sharded:
        raise InputError(f"{what} cannot be sharded yet; join processes without shard")
