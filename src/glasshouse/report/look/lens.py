"""The logit lens of any language model, kept small: each cell's likeliest tokens, no more."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph, Value
from glasshouse.interpret.lens import read_out

_NUMBERED = re.compile(r"(?P<stem>(?:\w+\.)*?)(?P<layer>\d+)(?P<tail>(?:\.0)?)")


@dataclass(frozen=True, slots=True)
class Lens:
    """What each layer of a model would say next, after each token of a window."""

    names: tuple[str, ...]
    """Values whose residual stream was read, the first layer's input first."""
    ids: Int[Tensor, "row *batch pos candidate"]
    """The likeliest tokens, the likeliest first."""
    probabilities: Float[Tensor, "row *batch pos candidate"]
    """Their probabilities."""

    def of(self, row: int, first: int) -> "Lens":
        """One prompt of a batch, from a place of the window on."""
        return Lens(self.names, self.ids[:, row, first:], self.probabilities[:, row, first:])


def residual_streams(graph: Graph) -> tuple[str, ...]:
    """Names of the residual stream before the first block and after every block; () if unknown.

    Of a module captured as it is, the outputs of its longest row of numbered modules count, if the
    logits depend on the last of them alone.
    """
    canonical = [name for name in graph.names if re.fullmatch(r"blocks\.\d+\.resid_post", name)]
    if canonical:
        return ("blocks.0.resid_pre", *sorted(canonical, key=_number))
    rows: dict[str, list[str]] = defaultdict(list)
    for name in graph.names:
        found = _NUMBERED.fullmatch(name)
        is_outer = found and not re.search(r"\d", found["stem"])  # not the experts of one layer
        if found and is_outer and len(graph.value(name).shape) == 3:
            rows[f"{found['stem']}*{found['tail']}"].append(name)
    for row in sorted(rows.values(), key=len, reverse=True):
        streams = tuple(sorted(row, key=_number))
        alike = len({graph.value(name).shape[-1] for name in streams}) == 1
        if alike and _decides(graph, streams[-1]):
            return streams
    return ()


def _decides(graph: Graph, name: str) -> bool:
    """Whether the logits depend on nothing but a value (and weights)."""
    logits = logits_name(graph)
    return logits is not None and not graph.plan(logits, [name]).layout.inputs


@torch.no_grad()
def read_lens(
    graph: Graph,
    streams: Mapping[str, Float[Tensor, "batch pos d_model"]],
    *,
    logits: str,
    candidates: int,
) -> tuple[Int[Tensor, "row batch pos candidate"], Float[Tensor, "row batch pos candidate"]]:
    """Likeliest next tokens by each residual stream, and their probabilities.

    Only one layer's logits are in memory at a time.

    Args:
        graph: The model.
        streams: Residual streams by name, the last layer's last.
        logits: The name of the model's logits.
        candidates: How many tokens to keep.
    """
    last = list(streams)[-1]
    ids, probabilities = [], []
    for stream in streams.values():
        said = read_out(graph, stream[None], last=last, logits=logits)[0].float().softmax(dim=-1)
        top = said.topk(min(candidates, said.shape[-1]), dim=-1)
        ids.append(top.indices)
        probabilities.append(top.values)
    return torch.stack(ids), torch.stack(probabilities)


def logits_name(graph: Graph) -> str | None:
    """The value that holds the logits; None if none looks like it."""
    return next((name for name in ("logits", "output") if name in graph.names), None)


def attention_names(values: Sequence[Value]) -> tuple[str, ...]:
    """Names of all attention patterns, in the order of computation."""
    axes = ("batch", "head", "query", "key")
    return tuple(v.name for v in values if v.name.endswith("pattern") and v.axes == axes)


def _number(name: str) -> int:
    found = re.findall(r"\d+", name)
    return int(found[-1 if not name.endswith(".0") or len(found) == 1 else -2])
