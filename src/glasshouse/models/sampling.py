"""How the next token is chosen: temperature, top-k, top-p, and chance of each row's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from glasshouse.errors import InputError

LARGEST_UNIFORM = 1 - 2**-50
"""Times a sum of float64 probabilities this stays below the sum, so a token is always found."""


EVERY_TOKEN = torch.iinfo(torch.long).max


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """How one row of a batch is continued."""

    max_new_tokens: int = 64
    """Most tokens to add; the model's context may end a text earlier."""
    temperature: float = 1.0
    """Divides the logits; 0 takes the likeliest token."""
    top_k: int | None = None
    """Only this many likeliest tokens may be drawn; None: all."""
    top_p: float = 1.0
    """Of these, only the likeliest ones that together reach this probability; 1: all."""
    stop_ids: tuple[int, ...] = ()
    """Token ids that end the text."""
    stop_strings: tuple[str, ...] = ()
    """Strings that end the text."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens={self.max_new_tokens} must be at least 1")
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"temperature={self.temperature} must be 0 (greedy) or positive")
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top_k={self.top_k} must be at least 1; None keeps every token")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p} must lie in (0, 1]; 1 keeps every token")
        if "" in self.stop_strings:
            raise InputError("stop_strings holds an empty string, which would end every text")


class RowRules(NamedTuple):
    """The sampling settings of all rows as tensors; None where no row needs one."""

    is_greedy: Bool[Tensor, "batch 1"] | None
    temperature: Float[Tensor, "batch 1"] | None
    top_k: Int[Tensor, "batch 1"] | None
    top_p: Float[Tensor, "batch 1"] | None
    all_greedy: bool

    @property
    def is_plain(self) -> bool:
        """Whether every row draws from the model's own probabilities."""
        return all(rule is None for rule in self[:4])


def row_rules(configs: Sequence[SamplingConfig], device: torch.device) -> RowRules:
    """Collect the settings of each row."""
    greedy = [config.temperature == 0 for config in configs]
    # A greedy row needs no filter, and a filter that keeps everything is none.
    top_k = [None if config.temperature == 0 else config.top_k for config in configs]
    top_p = [1.0 if config.temperature == 0 else config.top_p for config in configs]
    temperature = [config.temperature or 1.0 for config in configs]

    def column(values: Sequence[float | bool], is_needed: bool) -> Tensor | None:
        return torch.tensor(values, device=device)[:, None] if is_needed else None

    return RowRules(
        is_greedy=column(greedy, any(greedy)),
        temperature=column(temperature, any(t != 1 for t in temperature)),
        top_k=column([k or EVERY_TOKEN for k in top_k], any(top_k)),
        top_p=column(top_p, any(p < 1 for p in top_p)),
        all_greedy=all(greedy),
    )


def rows_of_rules(rules: RowRules, rows: Int[Tensor, " row"]) -> RowRules:
    """The settings of some rows only."""
    columns = (None if column is None else column[rows] for column in rules[:4])
    return RowRules(*columns, all_greedy=rules.all_greedy)


def row_seeds(seed: int | Sequence[int], num_rows: int) -> list[int]:
    """One seed for each row: those given, or `num_rows` independent ones derived from one."""
    if isinstance(seed, int):
        if seed < 0:
            raise InputError(f"seed={seed} must not be negative")
        sequences = [np.random.SeedSequence([seed, row]) for row in range(num_rows)]
        return [int(sequence.generate_state(1)[0]) for sequence in sequences]
    if len(seed) != num_rows:
        raise InputError(f"{len(seed)} seeds for {num_rows} prompts; give one each or a single one")
    return list(seed)


def row_uniforms(seeds: Sequence[int], num_tokens: int) -> Float64[Tensor, "batch token"]:
    """One number in [0, 1) for each token of each row, whatever the other rows are."""
    rows = [
        torch.rand(num_tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in seeds
    ]
    return torch.stack(rows).clamp_(max=LARGEST_UNIFORM)


def choose_tokens(
    logits: Float[Tensor, "batch vocab"],
    uniforms: Float64[Tensor, "batch 1"],
    rules: RowRules,
) -> tuple[Int[Tensor, "batch 1"], Float[Tensor, "batch 1"]]:
    """Choose one token for each row.

    Returns:
        The tokens, and their log-probabilities in nats under the untempered, unfiltered model.
    """
    if rules.is_plain:
        probabilities = logits.softmax(dim=-1)
        tokens = draw(probabilities, uniforms)
        return tokens, probabilities.gather(1, tokens).log()
    logprobs = logits.log_softmax(dim=-1)
    tokens = logprobs.argmax(dim=-1, keepdim=True)
    if not rules.all_greedy:
        drawn = draw_filtered(logprobs, uniforms, rules)
        tokens = drawn if rules.is_greedy is None else tokens.where(rules.is_greedy, drawn)
    return tokens, logprobs.gather(1, tokens)


def draw(
    weights: Float[Tensor, "batch token"], uniforms: Float64[Tensor, "batch 1"]
) -> Int[Tensor, "batch 1"]:
    """Draw in proportion to weights: the first token where their running sum passes the uniform.

    One random number a row is enough; Gumbel noise needs one a token, which takes longer than
    a small model's step.
    """
    running = weights.cumsum(dim=-1, dtype=torch.float64)
    return torch.searchsorted(running, uniforms * running[:, -1:], right=True)


def draw_filtered(
    logprobs: Float[Tensor, "batch vocab"],
    uniforms: Float64[Tensor, "batch 1"],
    rules: RowRules,
) -> Int[Tensor, "batch 1"]:
    """Draw under temperature, then top-k, then top-p of what top-k has left."""
    if rules.temperature is not None:
        logprobs = logprobs / rules.temperature
    if rules.top_k is None and rules.top_p is None:
        return draw(logprobs.softmax(dim=-1), uniforms)
    logprobs, order = logprobs.sort(dim=-1, descending=True, stable=True)
    if rules.top_k is not None:
        rank = torch.arange(logprobs.shape[1], device=logprobs.device)
        logprobs = logprobs.masked_fill(rank >= rules.top_k, -torch.inf)
    weights = logprobs.softmax(dim=-1)
    if rules.top_p is not None:
        before = weights.cumsum(dim=-1) - weights  # probability of all that is likelier
        weights = weights.masked_fill(before >= rules.top_p, 0)
    return order.gather(1, draw(weights, uniforms))
