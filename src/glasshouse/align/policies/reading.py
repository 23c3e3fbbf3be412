"""How likely a network finds replies: computed in the same parts by policy and reference, so that
the two agree to the last bit until the policy is changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from glasshouse.align.judges.model import pad_right
from glasshouse.align.policies.prefix import can_share, tree_features, tree_of, weights_of
from glasshouse.align.policies.replies import Reply
from glasshouse.models import Transformer
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.training.steps import autocast

TOKENS_AT_ONCE = 16_384
"""Tokens that a network reads at a time. Parts that stay in a processor's cache were no faster."""
TOKENS_IN_A_GRAPH = 32_768
"""Tokens whose intermediate values are in memory at once, for the backward pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyRows:
    """Replies with their prompts; tokens of replies stand flush left, a row a reply."""

    prompts: list[list[int]]
    """Of each reply."""
    replies: list[list[int]]
    """Token ids of each."""
    tokens: Int[Tensor, "reply token"]
    """The same, padded on the right."""
    is_reply: Bool[Tensor, "reply token"]
    """Where there is a token; the one that ends a reply counts."""

    def parts(self, most: int) -> list[list[int]]:
        """Places of rows that are read together, neighbours with neighbours: so many tokens."""
        parts: list[list[int]] = [[]]
        tokens = 0
        for place, (prompt, reply) in enumerate(zip(self.prompts, self.replies, strict=True)):
            is_known = bool(parts[-1]) and self.prompts[parts[-1][-1]] is prompt
            cost = len(reply) + (0 if is_known else len(prompt))
            if parts[-1] and tokens + cost > most:
                parts.append([])
                tokens = 0
            parts[-1].append(place)
            tokens += cost
        return parts

    def of(self, places: Sequence[int]) -> "ReplyRows":
        """Some rows, in as few columns as they need."""
        if len(places) == len(self.replies) and list(places) == list(range(len(places))):
            return self
        replies = [self.replies[place] for place in places]
        rows = torch.tensor(places, device=self.tokens.device)
        width = max(map(len, replies))
        return ReplyRows(
            prompts=[self.prompts[place] for place in places],
            replies=replies,
            tokens=self.tokens[rows, :width],
            is_reply=self.is_reply[rows, :width],
        )


def rows_of(replies: Sequence[Reply], device: torch.device) -> ReplyRows:
    """Put replies into tensors."""
    tokens, lengths = pad_right([reply.ids for reply in replies])
    is_reply = torch.arange(tokens.shape[1]) < lengths[:, None]
    known: dict[tuple[int, ...], list[int]] = {}  # equal prompts become one list
    return ReplyRows(
        prompts=[known.setdefault(tuple(reply.prompt), reply.prompt) for reply in replies],
        replies=[reply.ids for reply in replies],
        tokens=tokens.to(device),
        is_reply=is_reply.to(device),
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
    features, logits = _features_and_logits(network, rows, precision)
    if temperature != 1:
        logits = logits / temperature
    logprobs, entropy = token_logprobs(logits, rows.tokens[rows.is_reply])
    values = None
    if head is not None:
        assert features is not None
        values = _spread(head(features.float())[:, 0], rows)
    return Reading(_spread(logprobs, rows), _spread(entropy, rows), values)


def read_values(
    network: nn.Module, rows: ReplyRows, *, precision: Literal["fp32", "bf16"], head: nn.Linear
) -> Float[Tensor, "reply token"]:
    """What a network of its own expects before each token."""
    return _spread(head(_features(network, rows, precision).float())[:, 0], rows)


def in_parts(
    rows: ReplyRows, read_part: Callable[[ReplyRows], Reading], *, most: int = TOKENS_AT_ONCE
) -> Reading:
    """Read all rows a part of so many tokens at a time."""
    places = rows.parts(most)
    if len(places) == 1:
        return read_part(rows)
    readings = [read_part(rows.of(part)) for part in places]
    values = [reading.values for reading in readings if reading.values is not None]
    return Reading(
        logprobs=_stacked(rows, [reading.logprobs for reading in readings]),
        entropy=_stacked(rows, [reading.entropy for reading in readings]),
        values=_stacked(rows, values) if values else None,
    )


def _stacked(
    rows: ReplyRows, parts: Sequence[Float[Tensor, "_ _"]]
) -> Float[Tensor, "reply token"]:
    """Parts one below the other; they are neighbours, in order."""
    width = rows.is_reply.shape[1]
    return torch.cat(
        [F.pad(part, (0, width - part.shape[1])) for part in parts if part is not None]
    )


def _features_and_logits(
    network: nn.Module, rows: ReplyRows, precision: Literal["fp32", "bf16"]
) -> tuple[Float[Tensor, "drawn d_model"] | None, Float[Tensor, "drawn vocab"]]:
    """Where each token of each reply is foretold: features, where there are any, and logits.

    The last product is in the precision of the weights even where others are in bf16: logits about
    10 have an error of 0.03 there, and differences of log-probabilities are smaller than that.
    """
    if isinstance(network, AsIs):
        ids, where = _padded(rows)
        with autocast(ids.device, precision):
            return None, network(ids)[where].float()
    features = _features(network, rows, precision)
    assert isinstance(network, Transformer)
    if precision == "bf16" and can_share(network):
        logits = _Unembedded.apply(features, network.unembed.weight)
        assert isinstance(logits, Tensor)
        return features, logits
    return features, network.unembed(features.to(network.embed.weight.dtype)).float()


class _Unembedded(torch.autograd.Function):
    """Logits in float32, whose gradients are products in bf16 as all others are."""

    @staticmethod
    def forward(
        ctx: Any, features: Float[Tensor, "drawn d_model"], weight: Float[Tensor, "vocab d_model"]
    ) -> Float[Tensor, "drawn vocab"]:
        ctx.save_for_backward(features, weight)
        return F.linear(features, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        gradient = gradients[0].bfloat16()
        by_features = gradient @ weight.bfloat16()
        by_weight = gradient.T @ features.bfloat16()
        return by_features.to(features.dtype), by_weight.to(weight.dtype)


def _features(
    network: nn.Module, rows: ReplyRows, precision: Literal["fp32", "bf16"]
) -> Float[Tensor, "drawn d_model"]:
    assert isinstance(network, Transformer)
    if can_share(network):
        tree = tree_of(rows.prompts, rows.replies, rows.tokens.device)
        return tree_features(network, tree, weights_of(network, precision))[tree.sources]
    ids, where = _padded(rows)
    with autocast(ids.device, precision):
        return network.features(ids)[where]


def _padded(
    rows: ReplyRows,
) -> tuple[Int[Tensor, "reply seq"], tuple[Int[Tensor, " drawn"], Int[Tensor, " drawn"]]]:
    """Prompts and replies padded on the right, and where each token of a reply is foretold."""
    both = zip(rows.prompts, rows.replies, strict=True)
    ids, _ = pad_right([prompt + reply[:-1] for prompt, reply in both])
    row, column = rows.is_reply.nonzero(as_tuple=True)
    begins = torch.tensor([len(prompt) - 1 for prompt in rows.prompts], device=row.device)
    return ids.to(row.device), (row, begins[row] + column)


class _TokenLogprobs(torch.autograd.Function):
    """Log-probability of one token a row, and the row's entropy: one exponential for all.

    The gradient is a softmax less one where the token is; the softmax that gave the entropy is kept
    and made into it in place.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Float[Tensor, "drawn vocab"], tokens: Int[Tensor, " drawn"]
    ) -> tuple[Float[Tensor, " drawn"], Float[Tensor, " drawn"]]:
        weights = logits.softmax(dim=1)
        # The likeliest token's weight is 1 / vocab at least, so its logarithm is exact enough.
        top = logits.amax(dim=1, keepdim=True)
        normaliser = top - weights.amax(dim=1, keepdim=True).log()
        logprobs = logits.gather(1, tokens[:, None]) - normaliser
        expected = torch.linalg.vecdot(weights, logits)
        ctx.save_for_backward(weights, tokens)
        entropy = normaliser[:, 0] - expected
        ctx.mark_non_differentiable(entropy)
        return logprobs[:, 0], entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        weights, tokens = ctx.saved_tensors
        gradient = gradients[0][:, None]
        by_logit = weights.mul_(-gradient)  # in place, so a graph is gone through once
        by_logit.scatter_add_(1, tokens[:, None], gradient)
        return by_logit, None


def token_logprobs(
    logits: Float[Tensor, "drawn vocab"], tokens: Int[Tensor, " drawn"]
) -> tuple[Float[Tensor, " drawn"], Float[Tensor, " drawn"]]:
    """Log-probability of each token under its row of logits, and the row's entropy; in nats.

    Gradients reach the log-probability alone.
    """
    logprobs, entropy = _TokenLogprobs.apply(logits, tokens)  # pyright: ignore[reportGeneralTypeIssues]
    return logprobs, entropy


def _spread(values: Float[Tensor, " drawn"], rows: ReplyRows) -> Float[Tensor, "reply token"]:
    """Put values of tokens back where their tokens are."""
    return values.new_zeros(rows.is_reply.shape).masked_scatter(rows.is_reply, values)
