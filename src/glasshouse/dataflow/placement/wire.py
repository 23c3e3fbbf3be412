"""How values cross from one process to another: point to point, through torch.distributed.

Tensors of a GPU travel through main memory, because only gloo tells messages apart by number.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from glasshouse.dataflow.placement.partition import Part
from glasshouse.dataflow.placement.sizes import Symbols, evaluated
from glasshouse.dataflow.placement.workers import Workers

Ticket = tuple[dist.Work, Tensor, int]
"""What is under way, where it comes to lie, and the rank at the other end."""


class Wire:
    """The messages of one run of one process; a `Channel`."""

    def __init__(
        self,
        workers: Workers,
        part: Part,
        devices: Sequence[str],
        symbols: Symbols,
        kind: str,
    ) -> None:
        """Args are the process, what it runs, all devices by rank, sizes, and torch's device."""
        self.workers = workers
        self.parcels = {parcel.key: parcel for parcel in part.parcels}
        self.ranks = {name: rank for rank, name in enumerate(devices)}
        self.symbols = symbols
        self.device = torch.device(kind)
        self.sent: list[Ticket] = []

    def send(self, key: str, value: Tensor) -> None:
        """Begin to send; the value is kept until it is through."""
        parcel = self.parcels[key]
        peer = self.ranks[parcel.receiver]
        value = value.contiguous().cpu()
        work = self.workers.send(value, to=peer, tag=parcel.number)
        self.sent.append((work, value, peer))

    def start_receive(self, key: str) -> Ticket:
        """Make room and begin to receive."""
        parcel = self.parcels[key]
        peer = self.ranks[parcel.sender]
        shape = [int(evaluated(size, self.symbols)) for size in parcel.value.shape]
        buffer = torch.empty(shape, dtype=parcel.dtype)
        return self.workers.receive(buffer, source=peer, tag=parcel.number), buffer, peer

    def finish_receive(self, ticket: Ticket) -> Tensor:
        """Wait for a value."""
        work, buffer, peer = ticket
        self.workers.finish(work, peer=peer)
        return buffer.to(self.device)

    def finish_sends(self) -> None:
        """Wait until everything sent is through."""
        for work, _, peer in self.sent:
            self.workers.finish(work, peer=peer)
        self.sent.clear()
