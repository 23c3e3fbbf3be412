"""Replies as tensors, and how likely a network finds them: computed in the same parts by policy and
reference, so that the two agree to the last bit until the policy is changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from glasshouse.align.policies.replies import Reply
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.training.steps import autocast

TOKENS_AT_ONCE = 8192
"""Tokens, padding with them, that a network reads at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyRows:
    """Replies with their prompts, padded on the right; tokens of replies stand flush left."""

    ids: Int[Tensor, "reply seq"]
    """Prompt and reply."""
    places: Int[Tensor, "reply token"]
    """Place in `ids` from which each token of the reply is foretold; 0 where there is none."""
    tokens: Int[Tensor, "reply token"]
    """The replies' tokens."""
    is_reply: Bool[Tensor, "reply token"]
    """Where there is a token; its end is one."""
    lengths: list[int]
    """Tokens of prompt and reply together."""

    def parts(self, tokens: int = TOKENS_AT_ONCE) -> Iterator[list[int]]:
        """Places of rows that are read together: of like length, `tokens` at most."""
        part: list[int] = []
        for place in sorted(range(len(self.lengths)), key=lambda row: self.lengths[row]):
            if part and (len(part) + 1) * self.lengths[place] > tokens:
                yield part
                part = []
            part.append(place)
        yield part

    def of(self, places: Sequence[int]) -> "ReplyRows":
        """Some rows, in as few columns as they need."""
        rows = torch.tensor(places, device=self.ids.device)
        lengths = [self.lengths[place] for place in places]
        is_reply = self.is_reply[rows]
        width = int(is_reply.sum(dim=1).max())
        return ReplyRows(
            ids=self.ids[rows, : max(lengths)],
            places=self.places[rows, :width],
            tokens=self.tokens[rows, :width],
            is_reply=is_reply[:, :width],
            lengths=lengths,
        )


def rows_of(replies: Sequence[Reply], device: torch.device) -> ReplyRows:
    """Put replies into tensors."""
    lengths = [len(reply.prompt) + len(reply.ids) for reply in replies]
    widest = max(len(reply.ids) for reply in replies)
    ids = [
        reply.whole + [0] * (max(lengths) - n) for reply, n in zip(replies, lengths, strict=True)
    ]
    tokens = [reply.ids + [0] * (widest - len(reply.ids)) for reply in replies]
    sizes = torch.tensor([len(reply.ids) for reply in replies])
    begins = torch.tensor([len(reply.prompt) - 1 for reply in replies])
    numbers = torch.arange(widest)
    is_reply = numbers < sizes[:, None]
    return ReplyRows(
        ids=torch.tensor(ids, device=device),
        places=torch.where(is_reply, begins[:, None] + numbers, 0).to(device),
        tokens=torch.tensor(tokens, device=device),
        is_reply=is_reply.to(device),
        lengths=lengths,
    )


class Reading(NamedTuple):
    """What a network makes of replies; 0 where there is no token."""

    logprobs: Float[Tensor, "reply token"]
    """Of each token, in nats, at the temperature of sampling."""
    entropy: Float[Tensor, "reply token"]
    """Of what could have stood in its place, in nats."""
    values: Float[Tensor, "reply token"] | None
    """What was expected before it was drawn, if a head was given."""


def read(
    network: nn.Module,
    rows: ReplyRows,
    *,
    temperature: float,
    precision: Literal["fp32", "bf16"],
    head: nn.Linear | None = None,
) -> Reading:
    """Read rows at once; logits are computed where a reply has a token, and nowhere else."""
    where = rows.is_reply.nonzero(as_tuple=True)
    places = rows.places[where]
    inputs = rows.ids[:, :-1]  # nobody asks what follows the last token
    with autocast(inputs.device, precision):
        if isinstance(network, AsIs):
            features, logits = None, network(inputs)[where[0], places]
        else:
            features = features_of(network, inputs)[where[0], places]
            logits = network.get_submodule("unembed")(features)
    logits = logits.float() / temperature if temperature != 1 else logits.float()
    normaliser = logits.logsumexp(dim=1)
    logprobs = logits.gather(1, rows.tokens[where][:, None])[:, 0] - normaliser
    with torch.no_grad():
        weights = (logits - normaliser[:, None]).exp_()
        entropy = normaliser - torch.einsum("nv,nv->n", weights, logits)
    values = None
    if head is not None:
        assert features is not None
        values = _spread(head(features.float())[:, 0], rows)
    return Reading(_spread(logprobs, rows), _spread(entropy, rows), values)


@torch.no_grad()
def read_all(
    network: nn.Module,
    rows: ReplyRows,
    *,
    temperature: float,
    precision: Literal["fp32", "bf16"],
    head: nn.Linear | None = None,
) -> Reading:
    """Read all rows without gradients, a part at a time."""
    shape = rows.is_reply.shape
    empty = [torch.zeros(shape, device=rows.ids.device) for _ in range(3)]
    for places in rows.parts():
        part = rows.of(places)
        found = read(network, part, temperature=temperature, precision=precision, head=head)
        width = part.is_reply.shape[1]
        for whole, own in zip(empty, found, strict=True):
            if own is not None:
                whole[places, :width] = own
    return Reading(empty[0], empty[1], empty[2] if head is not None else None)


def features_of(network: nn.Module, ids: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d"]:
    """Features of our Transformer."""
    features = getattr(network, "features")  # noqa: B009  # pyright cannot see it on a Module
    return features(ids)


def _spread(values: Float[Tensor, " found"], rows: ReplyRows) -> Float[Tensor, "reply token"]:
    """Put values of tokens back where their tokens are."""
    whole = values.new_zeros(rows.is_reply.shape)
    return whole.masked_scatter(rows.is_reply, values)
