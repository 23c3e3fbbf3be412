"""How values cross from one device to another inside a process: a box for each message."""

from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from glasshouse.errors import GlasshouseError


@runtime_checkable
class Channel(Protocol):
    """What a part calls to send and receive."""

    def send(self, key: str, value: Tensor) -> None:
        """Let a value go; returns at once."""
        ...

    def start_receive(self, key: str) -> Any:
        """Be ready for a message; returns at once, with a ticket."""
        ...

    def finish_receive(self, ticket: Any) -> Tensor:
        """Wait for a message and return its value."""
        ...


class Stopped(GlasshouseError):
    """Another device of the run has failed, so that a message will never come."""


class Boxes:
    """The messages of one run between the threads of one process."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """Make a box for each key; `kinds` says on which of torch's devices its value is read."""
        self._kinds = kinds
        self._boxes: dict[str, SimpleQueue[Tensor | None]] = {key: SimpleQueue() for key in kinds}

    def send(self, key: str, value: Tensor) -> None:
        """Put a value in its box."""
        self._boxes[key].put(value.to(torch.device(self._kinds[key])))

    def start_receive(self, key: str) -> str:
        """The box's name is the ticket."""
        return key

    def finish_receive(self, ticket: str) -> Tensor:
        """Wait until something lies in the box.

        Raises:
            Stopped: If the run was stopped.
        """
        value = self._boxes[ticket].get()
        if value is None:
            raise Stopped(f"{ticket}: the run has been stopped")
        return value

    def stop(self) -> None:
        """Wake everyone who waits."""
        for box in self._boxes.values():
            box.put(None)
