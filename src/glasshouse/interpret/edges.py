"""Edges between the parts of a model: how much of an effect goes from one part to another.

Embeddings, heads and MLPs write to the residual stream; the queries, keys and values of later
heads, later MLPs and the logits read from it. An edge is one writer read by one reader. Patching an
edge gives one reader the clean value of one writer, and nobody else.

`edge_patching` does that, edge by edge; `edge_attribution` (EAP) estimates all of them from one
forward pass on each prompt and one backward pass; `integrated_edge_attribution` (EAP-IG) takes the
gradient along the way from the corrupted embeddings to the clean ones, where it may saturate.

Source:
    Syed et al. 2023 (2310.10348); Hanna et al. 2024 (2403.17806); Conmy et al. 2023 (2304.14997).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph, Values, grad
from glasshouse.errors import InputError
from glasshouse.interpret.metrics import Metric
from glasshouse.interpret.patching import head_address, paired_ids
from glasshouse.interpret.subject import Subject, Texts, graph_of, network_of
from glasshouse.interpret.sweeping import measure, measure_each
from glasshouse.interpret.weights import blocks_of
from glasshouse.models import Transformer
from glasshouse.models.transformer import Attention


class Writer(NamedTuple):
    """A part that adds to the residual stream."""

    address: str
    """`embed`, `blocks.3.attn.z[head=5]` or `blocks.3.mlp.out`."""
    stage: int
    """Readers of a later stage read it."""


class Reader(NamedTuple):
    """A part that reads the residual stream."""

    address: str
    """`blocks.3.attn.q[head=5]` (k and v have the shared heads), `blocks.3.mlp_norm`, `logits`."""
    stage: int
    """It reads what was written in earlier stages."""
    stream: str
    """The value that it reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """What each edge adds to a metric, averaged over prompts."""

    writers: tuple[str, ...]
    readers: tuple[str, ...]
    changes: Float[Tensor, "writer reader"]
    """What patching the edge adds to the corrupted prompts' metric; NaN where there is no edge."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The edges, in the order of `change`."""
        exists = (~self.changes.isnan()).nonzero().tolist()
        return tuple(f"{self.writers[w]} -> {self.readers[r]}" for w, r in exists)

    @property
    def change(self) -> Float[Tensor, " edge"]:
        """What each edge that exists adds."""
        return self.changes[~self.changes.isnan()]

    def top(self, count: int = 10) -> list[tuple[str, float]]:
        """The edges that change most, with their change."""
        change, addresses = self.change, self.addresses
        order = change.abs().argsort(descending=True)[:count].tolist()
        return [(addresses[i], float(change[i])) for i in order]


def edge_attribution(subject: Subject, clean: Texts, corrupted: Texts, metric: Metric) -> Edges:
    """Estimate every edge (EAP): what the writer would change, times the gradient at the reader.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: Where gradients are taken.
        metric: What is measured.

    Source:
        Syed et al. 2023 (2310.10348), section 2.
    """
    return _estimated(subject, clean, corrupted, metric, shares=(0.0,))


def integrated_edge_attribution(
    subject: Subject, clean: Texts, corrupted: Texts, metric: Metric, *, steps: int = 5
) -> Edges:
    """Estimate every edge with the gradient averaged on the way between the prompts (EAP-IG).

    The embeddings go from the corrupted to the clean ones in a straight line. What the embeddings'
    edges add up to is then the whole difference between the prompts, up to the number of steps.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: Where the way begins.
        metric: What is measured.
        steps: Places on the way where gradients are taken.

    Raises:
        InputError: If there are no steps.

    Source:
        Hanna et al. 2024 (2403.17806), eq. 3. Differs: gradients are taken in the middle of each of
        the steps' stretches rather than at their ends, which converges faster.
    """
    if steps < 1:
        raise InputError(f"steps={steps} must be at least 1; 5 is a common choice")
    shares = tuple((step + 0.5) / steps for step in range(steps))
    return _estimated(subject, clean, corrupted, metric, shares=shares)


def edge_patching(
    subject: Subject,
    clean: Texts,
    corrupted: Texts,
    metric: Metric,
    *,
    readers: Sequence[str] | None = None,
    batch_size: int = 256,
) -> Edges:
    """Patch every edge for real: the reader reads the corrupted stream plus the writer's change.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: What is run.
        metric: What is measured.
        readers: Addresses of those whose edges are wanted; None: all. Their number times that of
            the parts before each is what it costs.
        batch_size: Rows (writers times prompts) of one run.

    Raises:
        InputError: If there is no such reader.
    """
    graph, network = graph_of(subject), network_of(subject, why="edge patching")
    clean_ids, ids = paired_ids(subject, clean, corrupted)
    everybody = {reader.address: reader for reader in all_readers(network)}
    for address in readers or ():
        if address not in everybody:
            raise InputError(f"nothing reads at {address!r}; readers are {', '.join(everybody)}")
    chosen = [everybody[address] for address in readers or everybody]
    writers, writes = _writes(graph, network, clean_ids, ids)
    before = measure(graph, ids, metric)
    changes = writes.new_full((len(writers), len(chosen)), float("nan"))
    for _, alike in groupby(enumerate(chosen), key=lambda item: _read_value(item[1])):
        columns, same = zip(*alike, strict=True)
        rows = [row for row, writer in enumerate(writers) if writer.stage < same[0].stage]
        feeds = _edge_feeds(graph, ids, same, writes[rows], batch_size=batch_size)
        after = measure_each(graph, ids, feeds, metric, batch_size=batch_size)
        found = (after - before).mean(dim=1).view(len(columns), len(rows))
        changes[torch.tensor(rows)[:, None], torch.tensor(columns)] = found.T
    return Edges(tuple(w.address for w in writers), tuple(r.address for r in chosen), changes)


def _edge_feeds(
    graph: Graph,
    ids: Int[Tensor, "batch pos"],
    readers: Sequence[Reader],
    writes: Float[Tensor, "writer batch pos d_model"],
    *,
    batch_size: int,
) -> list[dict[str, Tensor]]:
    """For each of the readers of one value, and each writer, what the reader makes of it."""
    stream, name = readers[0].stream, _read_value(readers[0])
    plain = graph.run(ids, fetch=stream)[stream]
    feeds = [{stream: plain + write} for write in writes]
    if name == stream:
        return feeds
    at_once = max(1, batch_size // len(ids))
    read = graph.sweep(ids, feeds, fetch=name, batch_size=at_once)[name]
    if "[" not in readers[0].address:
        return [{name: value} for value in read]
    heads = [int(reader.address.partition("=")[2].rstrip("]")) for reader in readers]
    return [
        {reader.address: value[:, :, head]}
        for reader, head in zip(readers, heads, strict=True)
        for value in read
    ]


def all_writers(network: Transformer) -> list[Writer]:
    """Everything that adds to the residual stream and differs between prompts."""
    found = [Writer("embed", -1)]
    for layer, block in enumerate(blocks_of(network)):
        heads = range(block.attn.num_heads)
        found += [Writer(head_address((layer, head)), 2 * layer) for head in heads]
        if block.mlp is not None:
            found.append(Writer(f"blocks.{layer}.mlp.out", 2 * layer + 1))
    return found


def all_readers(network: Transformer) -> list[Reader]:
    """Everything that reads the residual stream.

    Raises:
        InputError: If the model has no layers.
    """
    if not len(network.blocks):
        raise InputError("a model without layers (num_layers=0) has no edges")
    found = []
    for layer, block in enumerate(blocks_of(network)):
        stream = f"blocks.{layer}.resid_pre"
        counts = {"q": block.attn.num_heads}
        counts |= {"k": block.attn.num_kv_heads, "v": block.attn.num_kv_heads}
        for kind, count in counts.items():
            name = f"blocks.{layer}.attn.{kind}"
            found += [Reader(f"{name}[head={head}]", 2 * layer, stream) for head in range(count)]
        if block.mlp is not None:
            middle = stream if block.parallel else f"blocks.{layer}.resid_mid"
            stage = 2 * layer + (not block.parallel)
            found.append(Reader(f"blocks.{layer}.mlp_norm", stage, middle))
    end = len(network.blocks)
    return [*found, Reader("logits", 2 * end, f"blocks.{end - 1}.resid_post")]


def _estimated(
    subject: Subject,
    clean: Texts,
    corrupted: Texts,
    metric: Metric,
    *,
    shares: Sequence[float],
) -> Edges:
    """Every edge to first order, gradients taken at shares of the way between the prompts."""
    graph, network = graph_of(subject), network_of(subject, why="edge attribution")
    clean_ids, ids = paired_ids(subject, clean, corrupted)
    readers = all_readers(network)
    writers, writes = _writes(graph, network, clean_ids, ids)
    ends = [graph.run(rows, fetch="embed")["embed"] for rows in (ids, clean_ids)]
    slopes = sum(
        _gradients(graph, network, ids, torch.lerp(ends[0], ends[1], share), metric)
        for share in shares
    ) / len(shares)
    changes = torch.einsum("wbpd,rbpd->wr", writes, slopes) / len(ids)
    for row, writer in enumerate(writers):
        for column, reader in enumerate(readers):
            if writer.stage >= reader.stage:
                changes[row, column] = float("nan")
    return Edges(tuple(w.address for w in writers), tuple(r.address for r in readers), changes)


@torch.no_grad()
def _writes(
    graph: Graph,
    network: Transformer,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
) -> tuple[list[Writer], Float[Tensor, "writer batch pos d_model"]]:
    """Everybody who writes, and what it would write more of if it alone were clean."""
    names = ["embed", "blocks.*.attn.z"]
    names += ["blocks.*.mlp.out"] if network.config.mlp is not None else []
    given, run = (graph.run(ids, fetch=names) for ids in (clean, corrupted))
    found = []
    writers = all_writers(network)
    for writer in writers:
        name, _, part = writer.address.partition("[head=")
        if not part:
            found.append(given[name] - run[name])
            continue
        attention = blocks_of(network)[int(name.split(".")[1])].attn
        z, head = run[name].clone(), int(part.rstrip("]"))
        before = _written(attention, z)
        z[:, :, head] = given[name][:, :, head]
        found.append(_written(attention, z) - before)
    return writers, torch.stack(found)


def _written(attention: Attention, z: Float[Tensor, "batch pos head d_head"]) -> Tensor:
    """What attention adds to the residual stream."""
    out = attention.out(z.flatten(2))
    return out if attention.post_norm is None else attention.post_norm(out)


def _gradients(
    graph: Graph,
    network: Transformer,
    ids: Int[Tensor, "batch pos"],
    embed: Float[Tensor, "batch pos d_model"],
    metric: Metric,
) -> Float[Tensor, "reader batch pos d_model"]:
    """Gradient of the metric with respect to what each reader reads, one prompt for itself."""
    readers = all_readers(network)
    values = list(dict.fromkeys(_read_value(reader) for reader in readers))
    streams = list(dict.fromkeys(reader.stream for reader in readers))
    slope = grad(lambda value: metric.of(value).sum(), values, reads=metric.reads)
    run = graph.run(ids, fetch=[*streams, slope], feed={"embed": embed})
    found = [run.grad[values[-1]][None]]
    for layer in reversed(range(len(network.blocks))):
        found[:0] = _of_layer(network, layer, run)
    return torch.cat(found)


def _read_value(reader: Reader) -> str:
    return reader.stream if reader.address == "logits" else reader.address.partition("[")[0]


def _of_layer(
    network: Transformer, layer: int, run: Values
) -> list[Float[Tensor, "reader batch pos d_model"]]:
    """Gradients at the readers of one layer, pulled back through the norms before them."""
    block = blocks_of(network)[layer]
    stream = run[f"blocks.{layer}.resid_pre"]
    found = []
    for kind in "qkv":
        slope = run.grad[f"blocks.{layer}.attn.{kind}"]  # batch pos head d_head
        weight = getattr(block.attn, kind).weight.unflatten(0, slope.shape[2:])
        by_head = torch.einsum("bphe,hed->hbpd", slope, weight.detach())
        found.append(_pulled_back(block.attn_norm, stream, by_head))
    if block.mlp_norm is not None:
        middle = stream if block.parallel else run[f"blocks.{layer}.resid_mid"]
        slope = run.grad[f"blocks.{layer}.mlp_norm"][None]
        found.append(_pulled_back(block.mlp_norm, middle, slope))
    return found


def _pulled_back(
    norm: Callable[[Tensor], Tensor],
    x: Float[Tensor, "batch pos d_model"],
    slopes: Float[Tensor, "reader batch pos d_model"],
) -> Float[Tensor, "reader batch pos d_model"]:
    """Gradients with respect to what a norm reads, from those with respect to what it gives."""
    with torch.enable_grad():
        rows = x.detach().expand(slopes.shape).clone().requires_grad_()
        return torch.autograd.grad(norm(rows), rows, slopes)[0]
