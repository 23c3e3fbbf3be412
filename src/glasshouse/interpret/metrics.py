"""What an experiment measures: one number for each prompt, from one value of the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.errors import InputError

TokenIds = int | Sequence[int] | Int[Tensor, " batch"]
"""One id for all prompts, or one for each."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number for each prompt, read from one value, and differentiable."""

    reads: str
    """Address of the value, such as `logits[pos=-1]`."""
    of: Callable[[Float[Tensor, "... batch place"]], Float[Tensor, "... batch"]]
    """From the value to the numbers. Sweeps put axes before the batch, which it must leave alone:
    write `value[..., 3]`, not `value[:, 3]`."""


def logit_difference(correct: TokenIds, wrong: TokenIds, *, pos: int = -1) -> Metric:
    """How much likelier the correct token is than the wrong one, in nats of log-odds.

    Args:
        correct: Ids; `model.encode(" Mary")` will do if it is one token.
        wrong: Ids.
        pos: The place whose next token is meant.
    """

    def difference(logits: Float[Tensor, "... batch vocab"]) -> Float[Tensor, "... batch"]:
        return chosen(logits, correct) - chosen(logits, wrong)

    return Metric(f"logits[:, {pos}]", difference)


def logit(token: TokenIds, *, pos: int = -1) -> Metric:
    """The logit of a token."""
    return Metric(f"logits[:, {pos}]", lambda logits: chosen(logits, token))


def log_probability(token: TokenIds, *, pos: int = -1) -> Metric:
    """Log-probability of a token, in nats."""
    return Metric(
        f"logits[:, {pos}]", lambda logits: chosen(logits.float().log_softmax(dim=-1), token)
    )


def mean_loss(
    targets: Int[Tensor, "batch seq"], *, first: int = 0, last: int | None = None
) -> Metric:
    """Mean of -log p over places first to last - 1, in nats.

    Args:
        targets: The token after each place; for the last place of a text, anything.
        first: First place that counts.
        last: First place that does not; None: the last place of a text, which nothing follows.
    """
    places = slice(first, -1 if last is None else last)

    def loss(logits: Float[Tensor, "... batch seq vocab"]) -> Float[Tensor, "... batch"]:
        logp = logits[..., places, :].float().log_softmax(dim=-1)
        index = targets[:, places, None].expand(*logp.shape[:-1], 1)
        return -logp.gather(-1, index)[..., 0].mean(dim=-1)

    return Metric("logits", loss)


def chosen(
    logits: Float[Tensor, "... batch vocab"], tokens: TokenIds
) -> Float[Tensor, "... batch"]:
    """The logit of one token of each prompt.

    Raises:
        InputError: If there is neither one id nor one for each prompt.
    """
    ids = torch.as_tensor(tokens, device=logits.device).flatten()
    batch = logits.shape[-2]
    if len(ids) not in (1, batch):
        raise InputError(
            f"{len(ids)} token ids for {batch} prompt(s); give one id, or one for each (a text of "
            "several tokens is not one id)"
        )
    index = ids.expand(batch)[:, None].expand(*logits.shape[:-1], 1)
    return logits.gather(-1, index)[..., 0]
