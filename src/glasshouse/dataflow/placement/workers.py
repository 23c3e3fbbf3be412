"""Processes that run one program together, and what they do when one of them dies.

They talk point to point through torch.distributed (gloo). Every process also listens to every
other for its last words. A process that dies says nothing: its connections break, and all others
know within milliseconds who it was. They tell each other, so that nobody takes one that left
because of it for the first to go, and break their own connections, so that whoever waits for
anything wakes up. No heartbeat is needed while the machines stand; of one that falls silent
without closing its connections the time-out tells.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from glasshouse.errors import GlasshouseError, InputError

_LAST_WORDS = 2**20
"""Tag of farewells; messages of a program have smaller ones."""
_NOTHING = _LAST_WORDS + 1
"""Tag of a message that nobody sends."""
_LEFT = -1
_FOREVER = timedelta(days=365)
_GRACE_SECONDS = 2.0
"""How long to wait for the reason when a connection breaks."""
_WAY_OUT = "start the run again and it goes on from its last checkpoint"


class WorkerLost(GlasshouseError):
    """Another process of the run has died or failed; start again from the last checkpoint."""


class Workers:
    """This process among those that run a program together."""

    def __init__(self, *, timeout_seconds: float = 60.0) -> None:
        """Listen to all others; the process group must have been joined."""
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self.timeout_seconds = timeout_seconds
        self._last_words: dict[int, int] = {}
        self._culprit: int | None = None
        self._lock = threading.Lock()
        self._watchers = [
            threading.Thread(target=self._watch, args=(peer,), daemon=True)
            for peer in self._others()
        ]
        for watcher in self._watchers:
            watcher.start()

    def send(self, value: Tensor, *, to: int, tag: int) -> dist.Work:
        """Begin to send; the value must not change until it is through."""
        self.check()
        with self._explained(to):
            return dist.isend(value, dst=to, tag=tag)  # type: ignore[return-value]

    def receive(self, buffer: Tensor, *, source: int, tag: int) -> dist.Work:
        """Begin to receive into a buffer."""
        self.check()
        with self._explained(source):
            return dist.irecv(buffer, src=source, tag=tag)  # type: ignore[return-value]

    def finish(self, work: dist.Work, *, peer: int) -> None:
        """Wait until something sent or received is through.

        Raises:
            WorkerLost: If somebody has died, failed, or not answered for `timeout_seconds`.
        """
        with self._explained(peer):
            work.wait(timedelta(seconds=self.timeout_seconds))

    def wait(self) -> None:
        """Return when every process has come here.

        Raises:
            WorkerLost: If one of them never will.
        """
        with self._explained(None):
            dist.barrier()

    def gather(self, mine: Any) -> list[Any]:
        """What every process has, in the first; elsewhere only what this one has.

        Raises:
            WorkerLost: If one of them has died, failed or fallen silent.
        """
        all_of_them = [None] * self.count if self.rank == 0 else None
        with self._explained(None):
            dist.gather_object(mine, all_of_them)
        return all_of_them or [mine]

    def check(self) -> None:
        """Notice if the run has failed somewhere.

        Raises:
            WorkerLost: Naming who it was.
        """
        if self._culprit is not None:
            raise self._lost()

    def leave(self) -> None:
        """Say good-bye, and go when everybody has."""
        self._say(_LEFT)
        for watcher in self._watchers:
            watcher.join(self.timeout_seconds)

    def close(self) -> None:
        """Give up the process group, once nobody listens any more."""
        for watcher in self._watchers:
            watcher.join(_GRACE_SECONDS)
        dist.destroy_process_group()

    def abandon(self, culprit: int | None = None) -> None:
        """End the run because of a failure: tell the others whose it was, and break off.

        Args:
            culprit: Rank of the process that failed; None: this one.
        """
        with self._lock:
            if self._culprit is not None:
                return
            self._culprit = self.rank if culprit is None else culprit
        self._say(self._culprit)
        # gloo closes all connections of a process when one of its receives runs out of time.
        for peer in self._others():
            with suppress(RuntimeError):
                nothing = dist.irecv(torch.empty(1), src=peer, tag=_NOTHING)
                nothing.wait(timedelta(milliseconds=1))  # type: ignore[union-attr]

    def _others(self) -> list[int]:
        return [rank for rank in range(self.count) if rank != self.rank]

    def _watch(self, peer: int) -> None:
        """Listen for the last words of another process; to hear none tells enough."""
        words = torch.full((1,), peer)
        with suppress(RuntimeError):
            dist.irecv(words, src=peer, tag=_LAST_WORDS).wait(_FOREVER)  # type: ignore[union-attr]
        self._last_words[peer] = int(words)
        if self._last_words[peer] != _LEFT:
            self.abandon(self._last_words[peer])

    def _say(self, words: int) -> None:
        """Tell everyone who may still listen."""
        listeners = [peer for peer in self._others() if peer not in self._last_words]
        farewells = []
        for peer in listeners:
            with suppress(RuntimeError):
                farewells.append(dist.isend(torch.full((1,), words), dst=peer, tag=_LAST_WORDS))
        for farewell in farewells:
            with suppress(RuntimeError):
                farewell.wait(timedelta(seconds=_GRACE_SECONDS))  # type: ignore[union-attr]

    @contextmanager
    def _explained(self, peer: int | None) -> Iterator[None]:
        """Turn torch's error about a connection into a sentence about a worker."""
        started = time.monotonic()
        try:
            yield
        except RuntimeError as error:
            if time.monotonic() - started >= self.timeout_seconds and self._culprit is None:
                self.abandon(peer)
                raise self._silent(peer) from error
            for watcher in self._watchers:  # they know, or will in a moment, why it broke
                if self._culprit is None:
                    watcher.join(_GRACE_SECONDS)
            raise self._lost() from error

    def _silent(self, peer: int | None) -> WorkerLost:
        return WorkerLost(
            f"worker {'?' if peer is None else peer} of {self.count} has not answered for "
            f"{self.timeout_seconds:g} seconds; {_WAY_OUT}"
        )

    def _lost(self) -> WorkerLost:
        if self._culprit is None:
            return WorkerLost(f"worker {self.rank} waits for workers that have left the run")
        return WorkerLost(f"worker {self._culprit} of {self.count} has died or failed; {_WAY_OUT}")


@contextmanager
def joined_workers(*, timeout_seconds: float = 60.0) -> Iterator[Workers]:
    """Join the processes that `torchrun` started, and leave them at the end.

    Args:
        timeout_seconds: How long another process may keep this one waiting; longer than the
            slowest stretch of work between two messages.

    Raises:
        InputError: If this process was not started by `torchrun` or alike.
    """
    if not dist.is_initialized():
        try:
            dist.init_process_group("gloo", timeout=timedelta(seconds=timeout_seconds))
        except ValueError as error:
            raise InputError(
                "joined_workers() needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the "
                "environment; start the script with torchrun"
            ) from error
    workers = Workers(timeout_seconds=timeout_seconds)
    try:
        yield workers
        workers.leave()
    except BaseException:
        workers.abandon()
        raise
    finally:
        workers.close()
