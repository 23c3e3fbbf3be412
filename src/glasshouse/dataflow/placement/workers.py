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
"""Last words of one that has finished; others say the rank of whoever failed."""
_SOMEBODY = -2
"""In place of a rank that nobody knows."""
_FOREVER = timedelta(days=365)
_GRACE_SECONDS = 2.0
"""How long to wait for the reason when a connection breaks."""
_WAY_OUT = "start the run again and it goes on from its last checkpoint"


class WorkerLost(GlasshouseError):
    """Another process of the run has died or failed; start again from the last checkpoint."""


class Workers:
    """This process among those that run a program together."""

    def __init__(self, group: dist.ProcessGroup, *, timeout_seconds: float) -> None:
        """Listen to all others of a gloo group; `joined_workers` is the door to this."""
        self.rank, self.count = dist.get_rank(group), dist.get_world_size(group)
        self.timeout_seconds = timeout_seconds
        self._group = group
        self._last_words: dict[int, int] = {}
        self._culprit: int | None = None
        self._waits_for: tuple[int, float] | None = None
        """Whose answer is awaited, and until when."""
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
            return self._isend(value, to, tag)

    def receive(self, buffer: Tensor, *, source: int, tag: int) -> dist.Work:
        """Begin to receive into a buffer."""
        self.check()
        with self._explained(source):
            return self._irecv(buffer, source, tag)

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
        with self._explained():
            dist.barrier(self._group)

    def exchange(self, mine: object) -> list[Any]:
        """What every process has, by rank; for small things, since they are pickled.

        Raises:
            WorkerLost: If one of them has died, failed or fallen silent.
        """
        found: list[Any] = [None] * self.count
        with self._explained():
            dist.all_gather_object(found, mine, group=self._group)
        return found

    def check(self) -> None:
        """Notice if the run has failed somewhere.

        Raises:
            WorkerLost: Naming who it was.
        """
        if self._culprit is not None:
            raise self._lost()

    def leave(self) -> None:
        """Say good-bye, and go when everybody has.

        Raises:
            WorkerLost: If somebody died before saying it.
        """
        self._say(_LEFT)
        for watcher in self._watchers:
            watcher.join(self.timeout_seconds)
        self.check()

    def close(self) -> None:
        """Give up the process group, once nobody listens any more.

        Nothing may refer to it afterwards: only its destructor ends gloo's own threads, and if one
        of them lets go of a tensor while the interpreter ends, the process aborts.
        """
        for watcher in self._watchers:
            watcher.join(_GRACE_SECONDS)
        group = self._group
        del self._group
        dist.destroy_process_group(group)

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
                self._irecv(torch.empty(1), peer, _NOTHING).wait(timedelta(milliseconds=1))

    def _others(self) -> list[int]:
        return [rank for rank in range(self.count) if rank != self.rank]

    def _watch(self, peer: int) -> None:
        """Listen for the last words of another process; to hear none tells enough."""
        words = torch.full((1,), peer)
        with suppress(RuntimeError):
            self._irecv(words, peer, _LAST_WORDS).wait(_FOREVER)
        self._last_words[peer] = int(words)
        if self._last_words[peer] != _LEFT:
            overdue = self._overdue()  # then it was our own patience that broke the connection
            self.abandon(self._last_words[peer] if overdue is None else overdue)

    def _overdue(self) -> int | None:
        """Who has kept this process waiting for too long."""
        if self._waits_for is None or time.monotonic() < self._waits_for[1]:
            return None
        return self._waits_for[0]

    def _say(self, words: int) -> None:
        """Tell everyone who may still listen; who has said good-bye waits for ours."""
        listeners = [p for p in self._others() if self._last_words.get(p, _LEFT) == _LEFT]
        farewells = []
        for peer in listeners:
            with suppress(RuntimeError):
                farewells.append(self._isend(torch.full((1,), words), peer, _LAST_WORDS))
        for farewell in farewells:
            with suppress(RuntimeError):
                farewell.wait(timedelta(seconds=_GRACE_SECONDS))

    def _isend(self, value: Tensor, peer: int, tag: int) -> dist.Work:
        work = dist.isend(value, group=self._group, group_dst=peer, tag=tag)
        assert work is not None  # it is only for processes outside of the group
        return work

    def _irecv(self, buffer: Tensor, peer: int, tag: int) -> dist.Work:
        work = dist.irecv(buffer, group=self._group, group_src=peer, tag=tag)
        assert work is not None
        return work

    @contextmanager
    def _explained(self, peer: int = _SOMEBODY) -> Iterator[None]:
        """Turn torch's error about a connection into a sentence about a worker."""
        self._waits_for = (peer, time.monotonic() + self.timeout_seconds)
        try:
            yield
        except RuntimeError as error:
            overdue = self._overdue()
            if overdue is not None:
                self.abandon(overdue)
                raise WorkerLost(
                    f"{self._called(overdue)} has not answered for timeout_seconds="
                    f"{self.timeout_seconds:g}; {_WAY_OUT}, or allow more time"
                ) from error
            for watcher in self._watchers:  # they know, or will in a moment, why it broke
                if self._culprit is None:
                    watcher.join(_GRACE_SECONDS)
            raise self._lost() from error
        finally:
            self._waits_for = None

    def _lost(self) -> WorkerLost:
        if self._culprit is None:
            return WorkerLost(f"worker {self.rank} waits for workers that have left the run")
        return WorkerLost(f"{self._called(self._culprit)} has died or failed; {_WAY_OUT}")

    def _called(self, rank: int) -> str:
        return "a worker" if rank == _SOMEBODY else f"worker {rank} of {self.count}"


@contextmanager
def joined_workers(*, timeout_seconds: float = 120.0) -> Iterator[Workers]:
    """Join the processes that `torchrun` started, and leave them at the end.

    A process group that has been joined already is left as it is; the workers then talk in a gloo
    group beside it.

    Args:
        timeout_seconds: How long another process may keep this one waiting; longer than the
            slowest stretch of work between two messages.

    Raises:
        InputError: If this process was not started by `torchrun` or alike.
    """
    is_ours = not dist.is_initialized()
    if is_ours:
        try:
            dist.init_process_group("gloo", timeout=timedelta(seconds=timeout_seconds))
        except ValueError as error:
            raise InputError(
                "joined_workers() needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the "
                "environment; start the script with torchrun"
            ) from error
    workers = Workers(_own_group(timeout_seconds), timeout_seconds=timeout_seconds)
    try:
        yield workers
        workers.leave()
    except BaseException:
        workers.abandon()
        raise
    finally:
        workers.close()
        if is_ours:
            dist.destroy_process_group()


def _own_group(timeout_seconds: float) -> dist.ProcessGroup:
    """A group of all processes that nobody else refers to.

    The default group is no such one: functions of torch that are imported later have it as the
    default of an argument, so that its threads live on.
    """
    group = dist.new_group(backend="gloo", timeout=timedelta(seconds=timeout_seconds))
    assert isinstance(group, dist.ProcessGroup)  # every process belongs to it
    return group
