"""One process, or one of several that `torchrun` started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Processes:
    """Which process this is, and of how many."""

    rank: int = 0
    count: int = 1

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


def current_processes() -> Processes:
    """This process among its peers; alone unless a process group has been joined."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the processes that `torchrun` started, if it did, and leave them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield current_processes()
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield current_processes()
    finally:
        dist.destroy_process_group()
