"""Which values carry what makes two prompts differ: put those of one into a run on the other.

Everywhere here a clean prompt's values go into a run on a corrupted prompt, and what is measured is
what they restore. To spoil a clean run instead, give the prompts the other way round.

Source:
    Vig et al. 2020 (2004.12265); Meng et al. 2022 (2202.05262); Wang et al. 2022 (2211.00593) for
    paths; Heimersheim & Nanda 2024 (2404.15255) for what either direction shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.dataflow.address import matching_names, parse_address
from glasshouse.errors import InputError
from glasshouse.interpret.metrics import Metric
from glasshouse.interpret.subject import (
    Head,
    Subject,
    Texts,
    check_heads,
    graph_of,
    num_heads,
    num_layers,
    token_ids,
)
from glasshouse.interpret.sweeping import measure, measure_each, numbers

Axis = str | int
"""An axis of a value, by name; or by number, where a captured model gave it none."""


@dataclass(frozen=True, slots=True, eq=False)
class Patched:
    """A metric under each of many patches, averaged over prompts."""

    addresses: tuple[str, ...]
    """What each patch replaced, in the order of `values` when flattened."""
    values: Float[Tensor, "..."]
    """The metric under each patch."""
    clean: float
    """The metric of the clean prompts."""
    corrupted: float
    """The metric of the corrupted prompts as they are."""

    @property
    def change(self) -> Float[Tensor, "..."]:
        """What each patch adds to the corrupted prompts' metric."""
        return self.values - self.corrupted

    @property
    def recovered(self) -> Float[Tensor, "..."]:
        """The change, as a share of the difference between clean and corrupted prompts.

        Raises:
            InputError: If there is no difference.
        """
        if self.clean == self.corrupted:
            raise InputError(
                f"the metric is {self.clean} on clean and corrupted prompts alike, so there is "
                "nothing to recover; choose prompts or a metric that tell them apart"
            )
        return self.change / (self.clean - self.corrupted)

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The patches that change most, with their change."""
        change = self.change.flatten()
        order = change.abs().argsort(descending=True)[:count].tolist()
        return [(self.addresses[i], float(change[i])) for i in order]


def activation_patching(
    subject: Subject,
    clean: Texts,
    corrupted: Texts,
    metric: Metric,
    *,
    site: str = "blocks.*.resid_pre",
    over: Axis | Sequence[Axis] = ("pos",),
    batch_size: int = 256,
) -> Patched:
    """Run corrupted prompts with one part of a value taken from the clean ones, for every part.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: What is run.
        metric: What is measured.
        site: A pattern of names: `blocks.*.resid_pre`, `blocks.*.attn.out`, `blocks.*.mlp.out`,
            `blocks.*.attn.z`, `blocks.*.attn.pattern`.
        over: Axes that are patched place by place, such as `"head"`, `("head", "pos")`; of a
            pattern, `("head", "query")`. Empty: the whole value at once.
        batch_size: Rows (patches times prompts) of one run.

    Returns:
        Values of shape `value *over`, one row for each name that the pattern found.

    Raises:
        InputError: If the prompts do not pair, or a value has no such axis.
    """
    graph = graph_of(subject)
    clean_ids, ids = paired_ids(subject, clean, corrupted)
    names = matching_names(site, graph.names)
    given = graph.run(clean_ids, fetch=[*names, metric.reads])
    shape, feeds = (), []
    for name in names:
        shape, parts = parts_of(graph, name, given[name], over)
        feeds += [{address: part} for address, part in parts.items()]
    values = measure_each(graph, ids, feeds, metric, batch_size=batch_size).mean(dim=1)
    return Patched(
        addresses=tuple(address for feed in feeds for address in feed),
        values=values.view(len(names), *shape),
        clean=numbers(metric, given[metric.reads], (len(ids),)).mean().item(),
        corrupted=measure(graph, ids, metric).mean().item(),
    )


def path_patching(
    subject: Subject,
    clean: Texts,
    corrupted: Texts,
    metric: Metric,
    *,
    senders: Sequence[Head | str] | None = None,
    receivers: str | Sequence[str] = (),
    through_mlps: bool = False,
    batch_size: int = 256,
) -> Patched:
    """Let a clean sender reach its receivers by the residual stream alone, all else corrupted.

    The corrupted prompts run with one sender's value from the clean ones, while every head's z and
    every MLP's output behind it stays what it was. What the receivers then hold is put into a
    second run, which goes on from there as it will.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: What is run.
        metric: What is measured.
        senders: Heads as (layer, head), or addresses such as `blocks.2.mlp.out`, `embed`,
            `blocks.1.attn.z[head=3, pos=-1]`. None: every head.
        receivers: Addresses such as `blocks.5.attn.q[head=3]`. None given: the metric itself, so
            that only the direct path to the logits counts.
        through_mlps: Let MLPs pass on what changes, as Wang et al. do, instead of freezing them.
        batch_size: Rows (senders times prompts) of one run.

    Returns:
        Values of shape `sender`; of shape `layer head` if every head was asked for.

    Raises:
        InputError: If the prompts do not pair, or a sender does not write to the residual stream.

    Source:
        Wang et al. 2022, "Interpretability in the wild" (2211.00593), appendix B; Goldowsky-Dill
        et al. 2023 (2304.05969).
    """
    graph = graph_of(subject)
    clean_ids, ids = paired_ids(subject, clean, corrupted)
    addresses = _sender_addresses(graph, senders)
    sent = graph.run(clean_ids, fetch=list(dict.fromkeys(addresses)))
    kept = ["blocks.*.attn.z"] if through_mlps else ["blocks.*.attn.z", "blocks.*.mlp.out"]
    kept = [kind for kind in kept if kind != "blocks.*.mlp.out" or _has_mlps(graph)]
    frozen = dict(graph.run(ids, fetch=kept))
    feeds = [{address: sent[address], **_behind(graph, address, frozen)} for address in addresses]
    receivers = [receivers] if isinstance(receivers, str) else list(receivers)
    if receivers:
        feeds = _received(graph, ids, feeds, receivers, batch_size=batch_size)
    values = measure_each(graph, ids, feeds, metric, batch_size=batch_size).mean(dim=1)
    if senders is None:
        values = values.view(num_layers(graph), num_heads(graph))
    return Patched(
        addresses=tuple(addresses),
        values=values,
        clean=measure(graph, clean_ids, metric).mean().item(),
        corrupted=measure(graph, ids, metric).mean().item(),
    )


def paired_ids(
    subject: Subject, clean: Texts, corrupted: Texts
) -> tuple[Int[Tensor, "batch pos"], Int[Tensor, "batch pos"]]:
    """Token ids of prompts that are compared place by place.

    Raises:
        InputError: If they differ in number or length.
    """
    first, second = token_ids(subject, clean), token_ids(subject, corrupted)
    if first.shape != second.shape:
        raise InputError(
            f"clean prompts of shape {tuple(first.shape)} and corrupted ones of "
            f"{tuple(second.shape)}; patching compares place by place: make them equally many and "
            "equally long"
        )
    return first, second


def axis_numbers(graph: Graph, name: str, over: Axis | Sequence[Axis]) -> list[int]:
    """Which axes of a value are meant.

    Raises:
        InputError: If it has no such axis.
    """
    value = graph.value(name)
    numbers = []
    for axis in (over,) if isinstance(over, str | int) else over:
        if isinstance(axis, str) and axis not in value.axes:
            known = ", ".join(value.axes) or "none that have names; count them from 0"
            raise InputError(f"{name} has no axis {axis!r}; its axes are {known}")
        number = value.axes.index(axis) if isinstance(axis, str) else axis
        if not 0 < number < len(value.shape):
            raise InputError(
                f"axis {axis!r} of {name} must lie in [1, {len(value.shape) - 1}]: axis 0 is the "
                "prompts, which do not mix"
            )
        numbers.append(number)
    return numbers


def parts_of(
    graph: Graph, name: str, value: Float[Tensor, "..."], over: Axis | Sequence[Axis]
) -> tuple[tuple[int, ...], dict[str, Float[Tensor, "..."]]]:
    """Cut a value along axes.

    Returns:
        Lengths of the axes, and the part at each place of them by its address.
    """
    axes, numbers = graph.value(name).axes, axis_numbers(graph, name, over)
    shape = tuple(value.shape[number] for number in numbers)
    parts = {}
    for places in product(*map(range, shape)):
        at = dict(zip(numbers, places, strict=True))
        part = value
        for number in sorted(at, reverse=True):
            part = part.select(number, at[number])
        if axes:
            inside = ", ".join(f"{axes[number]}={place}" for number, place in at.items())
        else:
            inside = ", ".join(str(at.get(number, ":")) for number in range(max(at, default=0) + 1))
        parts[f"{name}[{inside}]" if at else name] = part
    return shape, parts


def _sender_addresses(graph: Graph, senders: Sequence[Head | str] | None) -> list[str]:
    if senders is None:
        layers, heads = range(num_layers(graph)), range(num_heads(graph))
        senders = [(layer, head) for layer in layers for head in heads]
    check_heads(graph, [sender for sender in senders if not isinstance(sender, str)])
    found = []
    for sender in senders:
        address = sender if isinstance(sender, str) else head_address(sender)
        name = parse_address(address).pattern
        if name not in graph.names or not _writes(name):
            raise InputError(
                f"{address} cannot send: a sender is embed, blocks.L.attn.z (or a head of it), "
                "blocks.L.attn.out or blocks.L.mlp.out"
            )
        found.append(address)
    return found


def head_address(head: Head) -> str:
    """`blocks.3.attn.z[head=5]`."""
    return f"blocks.{head[0]}.attn.z[head={head[1]}]"


def _writes(name: str) -> bool:
    return name == "embed" or name.endswith((".attn.z", ".attn.out", ".mlp.out"))


def _has_mlps(graph: Graph) -> bool:
    return any(name.endswith(".mlp.out") for name in graph.names)


def _behind(graph: Graph, address: str, frozen: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of the values that are frozen, those computed after a sender."""
    order = {name: i for i, name in enumerate(graph.names)}
    sender = order[parse_address(address).pattern]
    return {name: value for name, value in frozen.items() if order[name] > sender}


def _received(
    graph: Graph,
    ids: Int[Tensor, "batch pos"],
    feeds: Sequence[dict[str, Tensor]],
    receivers: Sequence[str],
    *,
    batch_size: int,
) -> list[dict[str, Tensor]]:
    """What each set of feeds leaves at the receivers, as feeds for a second run."""
    at_once = max(1, batch_size // len(ids))
    found = graph.sweep(ids, feeds, fetch=list(receivers), batch_size=at_once)
    return [{key: value[i] for key, value in found.items()} for i in range(len(feeds))]
