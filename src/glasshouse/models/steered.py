"""Texts that grow while values inside the network are fed: a cache, and a graph of each step.

The network is captured twice, as it reads prompts into a cache and as it reads one token more. In
both graphs the cache is a variable that runs assign. Each graph has the names of the network's own,
so that an address means the same as in `graph.run`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.dataflow import Graph
from glasshouse.dataflow.address import Address, Part, matching_names, parse_address
from glasshouse.dataflow.feeds import Change
from glasshouse.dataflow.steps import Step
from glasshouse.errors import InputError
from glasshouse.models.cache import (
    Count,
    KeyValueCache,
    empty_cache,
    row_shares,
    rows_of_cache,
)
from glasshouse.models.steering import Steering, Timed, apply_change, moment_of
from glasshouse.models.transformer import Transformer

Reads = Literal["prompt", "token"]
"""Whole prompts into an empty cache, or one token a row behind what the cache holds."""
READINGS: tuple[tuple[Reads, str], ...] = (("prompt", "logits[pos=-1]"), ("token", "logits"))
"""What is fetched of each: of a prompt, only what follows its last token is computed."""


class CachedTransformer(Transformer):
    """A network whose cache is made of arguments; it shares the parts of the network it is of."""

    def __init__(self, network: Transformer, reads: Reads) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(network.__dict__)
        self.reads: Reads = reads

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # a graph takes tensors
        self,
        ids: Int[Tensor, "batch seq"],
        pairs: Float[Tensor, "layer batch kv_head 2 slot d_head"],
        last_key: Float[Tensor, "layer batch 1 kv_head d_head"] | None = None,
        starts: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """Read tokens into the last of the slots; logits of what follows each."""
        used = 0 if self.reads == "prompt" else pairs.shape[4] - ids.shape[1]
        return super().forward(ids, cache=KeyValueCache(pairs, last_key, starts, used))


_graphs: WeakKeyDictionary[Transformer, dict[object, Graph]] = WeakKeyDictionary()


def cached_graph(network: Transformer, reads: Reads, *, padded: bool) -> Graph:
    """The graph of one kind of reading; captured anew when somebody has changed a part."""
    parts = tuple(
        (id(m), *m._forward_hooks, *m._forward_pre_hooks, *m._modules) for m in network.modules()
    )
    weight = network.embed.weight
    key = (parts, reads, padded, network.kernel, network.training, weight.dtype, weight.device)
    known = _graphs.setdefault(network, {})
    if key not in known:
        stale = [old for old in known if isinstance(old, tuple) and old[0] != parts]
        for old in stale:
            del known[old]
        known[key] = _capture(network, reads, padded=padded)
    return known[key]


def _capture(network: Transformer, reads: Reads, *, padded: bool) -> Graph:
    device = network.embed.weight.device
    seq = min(4, network.config.context) if reads == "prompt" else 1  # short ones get special code
    starts = torch.zeros(2, dtype=torch.long, device=device) if padded else None
    num_slots = seq if reads == "prompt" else 5
    cache = _empty(network, batch=2, num_slots=num_slots, starts=starts)
    ids = torch.zeros(2, seq, dtype=torch.long, device=device)
    free = {"ids": (0, 1) if reads == "prompt" else (0,), "pairs": (1, 4)}
    free |= {"last_key": (1,), "starts": (0,)}
    return Graph.capture(
        CachedTransformer(network, reads), _arguments(ids, cache, num_slots), free_axes=free
    )


def _empty(
    network: Transformer, *, batch: int, num_slots: int, starts: Int[Tensor, " batch"] | None
) -> KeyValueCache:
    weight = network.embed.weight
    return empty_cache(
        network.config,
        batch=batch,
        num_slots=num_slots,
        starts=starts,
        device=weight.device,
        dtype=weight.dtype,
    )


def _arguments(
    ids: Int[Tensor, "batch seq"], cache: KeyValueCache, num_slots: Count
) -> dict[str, Tensor]:
    """What a CachedTransformer is given, to fill the last of so many slots."""
    given = {"ids": ids, "pairs": cache.pairs[..., :num_slots, :]}
    if cache.last_key is not None:
        given["last_key"] = cache.last_key
    if cache.starts is not None:
        given["starts"] = cache.starts
    return given


class SteeredReading:
    """Rows that a network has read into a cache under feeds, and reads on one token at a time.

    Args:
        network: The model.
        ids: Prompts, padded on the left.
        starts: Where each begins; None: no padding.
        num_new: Most tokens that will be added.
        feed: What is fed, by address.
        numbers: Number of each prompt, for `on_rows`.
        rows_at_once: Prompts that are read together.

    Raises:
        InputError: If an address finds nothing, or picks rows or positions.
    """

    def __init__(
        self,
        network: Transformer,
        ids: Int[Tensor, "batch seq"],
        starts: Int[Tensor, " batch"] | None,
        *,
        num_new: int,
        feed: Steering,
        numbers: Sequence[int],
        rows_at_once: int,
    ) -> None:
        self.ids, self.rows_at_once = ids, rows_at_once
        self.cache = _empty(
            network, batch=ids.shape[0], num_slots=ids.shape[1] + num_new - 1, starts=starts
        )
        self.moment = moment_of(
            0, ids.shape[1], ids.shape[1], starts, torch.tensor([*numbers], device=ids.device)
        )
        padded = starts is not None
        self._read, self._step = (
            self._prepared(cached_graph(network, reads, padded=padded), fetch, feed)
            for reads, fetch in READINGS
        )

    def begin(self) -> Float[Tensor, "batch vocab"]:
        """Read the prompts; return the logits of what follows them."""
        whole, logits = self.moment, []
        for i, share in enumerate(row_shares(self.cache, self.rows_at_once)):
            some = slice(i * self.rows_at_once, (i + 1) * self.rows_at_once)
            self.moment = moment_of(
                0, whole.count, whole.prompt_slots, share.starts, whole.rows[some]
            )
            given = _arguments(self.ids[some], share, whole.count)
            logits.append(self._read(**given)["logits[pos=-1]"])
        self.cache.take_slots(whole.count)
        self.moment = whole
        return torch.cat(logits)

    def step(self, token: Int[Tensor, "batch 1"]) -> Float[Tensor, "batch vocab"]:
        """Read one token more a row; return the logits of the next."""
        self.moment = replace(self.moment, first=self.cache.used, count=1)
        self.cache.take_slots(1)
        return self._step(**_arguments(token, self.cache, self.cache.used))["logits"][:, 0]

    def keep(self, rows: Int[Tensor, " row"]) -> None:
        """Go on with some rows only."""
        self.cache = rows_of_cache(self.cache, rows)
        moment = self.moment
        self.moment = replace(moment, starts=self.cache.starts, rows=moment.rows[rows])

    def _prepared(self, graph: Graph, fetch: str, feed: Steering) -> Step:
        fed: dict[str, Tensor | Change] = {}
        for text, given in feed.items():
            address = parse_address(text)
            for name in matching_names(address.pattern, graph.names):
                axis = token_axis(graph.value(name).axes, address)
                fed[str(Address(name, address.part))] = self._at_its_moment(given, axis)
        assigned = [name for name in ("pairs", "last_key") if name in graph.variables]
        return graph.step(fetch=fetch, feed=fed, assign=assigned)

    def _at_its_moment(self, given: Tensor | Change | Timed, axis: int) -> Change:
        if not isinstance(given, Tensor | Timed):
            return given
        if axis == 1:
            return lambda value: apply_change(given, value, self.moment)
        return lambda value: apply_change(given, value, replace(self.moment, token_axis=axis))


def token_axis(axes: Sequence[str], address: Address) -> int:
    """Which axis of an addressed part counts tokens.

    Raises:
        InputError: If the address picks rows or positions, which are others at every step.
    """
    part = address.part or Part("")
    if not axes:
        axes = ("batch", "pos")
    picked = {*(axis for axis, _ in part.by_axis)}
    picked |= {
        axis for axis, index in zip(axes, part.by_place, strict=False) if index != slice(None)
    }
    if picked & {"batch", "pos", "query"}:
        raise InputError(
            f"{address} picks rows or positions, which change while texts grow; feed "
            "on_rows(...), from_token(...) or during(...) there"
        )
    dropped = {axis for axis, index in part.by_axis if isinstance(index, int)}
    dropped |= {
        axis for axis, index in zip(axes, part.by_place, strict=False) if isinstance(index, int)
    }
    kept = [axis for axis in axes if axis not in dropped]
    return next((i for i, axis in enumerate(kept) if axis in ("pos", "query")), 1)
