"""Continue prompts: one prefill, then one token for every row at a time out of a cache."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.cache import KeyValueCache, empty_cache, row_shares, rows_of_cache
from glasshouse.models.config import TransformerConfig
from glasshouse.models.decode import Step, decoding_step
from glasshouse.models.huggingface.as_is import AsIs, AsIsConfig, AsIsReading
from glasshouse.models.sampling import (
    SamplingConfig,
    choose_tokens,
    row_rules,
    row_uniforms,
    rows_of_rules,
)
from glasshouse.models.steered import SteeredReading
from glasshouse.models.steering import Steering
from glasshouse.models.transformer import Transformer

Finish = Literal["stop", "length", "context"]
"""A stop token or string came; max_new_tokens were reached; the model's context was full."""

Decode = Callable[[Sequence[int]], str]
"""Text of token ids; needed for stop strings only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuation:
    """What was added to one prompt."""

    ids: list[int]
    """New tokens, the stop token included: a trainer must see that the text was ended."""
    logprobs: list[float]
    """Log-probability of each, in nats, under the model without temperature or filters."""
    finish: Finish
    """Why it ended."""


TOKENS_READ_AT_ONCE = 512
"""On a CPU, tokens took `mini` 11 to 20 % less time in parts of 512 than all 2,048 at once."""


@torch.no_grad()
def continue_prompts(
    network: Transformer | AsIs,
    prompts: Sequence[Sequence[int]],
    configs: Sequence[SamplingConfig],
    *,
    seeds: Sequence[int],
    decode: Decode | None = None,
    step: Step | None = None,
    feed: Steering | None = None,
    numbers: Sequence[int] | None = None,
) -> list[Continuation]:
    """Continue one batch of prompts, each by its own rules and its own chance.

    Whenever half of the rows have ended, the others go on without them.

    Args:
        network: The model.
        prompts: Token ids, from 1 to the whole context for each prompt.
        configs: One for each prompt.
        seeds: One for each prompt: what a row draws depends on nothing else in the batch.
        decode: Text of token ids, if some config has stop strings.
        step: How a token is fed to our Transformer; None: the fastest that suits it.
        feed: What is fed inside our Transformer, by address (see `glasshouse.models.steering`).
        numbers: Number of each prompt, by which `on_rows` knows it; None: 0, 1, ...

    Raises:
        InputError: If a prompt is empty, holds an unknown id or is longer than the context, or if
            what is fed finds no value or does not fit there.
    """
    check_prompts(prompts, network.config)
    if feed and isinstance(network, AsIs):
        raise InputError(
            f"{network.config.architecture} is run by transformers' own code, which takes no feeds "
            "while texts grow; feed its graph token by token, or put hooks on its modules"
        )
    if decode is None and any(config.stop_strings for config in configs):
        raise InputError("stop_strings need a tokenizer, and this call has token ids only")
    device = next(network.parameters()).device
    ids, starts = pad_left(prompts, device)
    room = [network.config.context + 1 - len(prompt) for prompt in prompts]
    budgets = [min(c.max_new_tokens, r) for c, r in zip(configs, room, strict=True)]
    most = max(budgets)
    if isinstance(network, AsIs):
        reading = AsIsReading(network, ids, starts)
    elif feed:
        reading = SteeredReading(
            network,
            ids,
            starts,
            num_new=most,
            feed=feed,
            numbers=range(len(prompts)) if numbers is None else numbers,
            rows_at_once=max(1, TOKENS_READ_AT_ONCE // ids.shape[1]),
        )
    else:
        reading = CachedReading(network, ids, starts, num_new=most, step=step)
    rules = row_rules(configs, device)
    uniforms = row_uniforms(seeds, most).to(device)
    ends = _Ends(configs, budgets, decode, device)
    logits = reading.begin()
    tokens = torch.empty(len(prompts), most, dtype=torch.long, device=device)
    logprobs = torch.empty(len(prompts), most, device=device)
    rows = torch.arange(len(prompts), device=device)  # those that still grow
    for index in range(most):
        token, logprob = choose_tokens(logits.float(), uniforms[:, index : index + 1], rules)
        tokens[rows, index : index + 1], logprobs[rows, index : index + 1] = token, logprob
        growing = ends.growing(tokens[:, : index + 1])
        if growing is not None and growing.shape[0] <= len(rows) // 2:
            kept = torch.isin(rows, growing).nonzero()[:, 0]
            rows, token, uniforms = rows[kept], token[kept], uniforms[kept]
            rules = rows_of_rules(rules, kept)
            reading.keep(kept)
        if len(rows) == 0 or index + 1 == most:
            break
        logits = reading.step(token)
    grown = zip(tokens.tolist(), logprobs.tolist(), ends.reached(), strict=True)
    return [
        Continuation(ids=row[:length], logprobs=row_logprobs[:length], finish=finish)
        for row, row_logprobs, (length, finish) in grown
    ]


class CachedReading:
    """Rows that our Transformer has read into a cache, and reads on one token at a time."""

    def __init__(
        self,
        network: Transformer,
        ids: Int[Tensor, "batch seq"],
        starts: Int[Tensor, " batch"] | None,
        *,
        num_new: int,
        step: Step | None = None,
    ) -> None:
        self.network, self.ids = network, ids
        self.cache = empty_cache(
            network.config,
            batch=ids.shape[0],
            num_slots=ids.shape[1] + num_new - 1,
            starts=starts,
            device=ids.device,
            dtype=network.embed.weight.dtype,
        )
        self._step = step or decoding_step(network)

    def begin(self) -> Float[Tensor, "batch vocab"]:
        """Read the prompts; return the logits of what follows them."""
        return read_prompts(self.network, self.ids, self.cache)

    def step(self, token: Int[Tensor, "batch 1"]) -> Float[Tensor, "batch vocab"]:
        """Read one token more a row; return the logits of the next."""
        return self._step(token, self.cache)

    def keep(self, rows: Int[Tensor, " row"]) -> None:
        """Go on with some rows only."""
        self.cache = rows_of_cache(self.cache, rows)


def read_prompts(
    network: Transformer, ids: Int[Tensor, "batch seq"], cache: KeyValueCache
) -> Float[Tensor, "batch vocab"]:
    """Fill a cache with prompts, some rows at a time; return the logits of what follows them.

    What a layer makes of a few hundred tokens stays in a processor's cache, and the memory that
    prompts need does not grow with their number.
    """
    num_rows = max(1, TOKENS_READ_AT_ONCE // ids.shape[1])
    parts = [
        network.features(rows, cache=share)[:, -1]
        for rows, share in zip(ids.split(num_rows), row_shares(cache, num_rows), strict=True)
    ]
    cache.take_slots(ids.shape[1])
    return network.unembed(torch.cat(parts))


def check_prompts(prompts: Sequence[Sequence[int]], config: TransformerConfig | AsIsConfig) -> None:
    """Refuse prompts that the model cannot read, in one sentence.

    Raises:
        InputError: If a prompt is empty, holds an unknown id or is longer than the context.
    """
    for row, prompt in enumerate(prompts):
        if not prompt:
            raise InputError(f"prompts[{row}] is empty; give at least one token to begin with")
        if len(prompt) > config.context:
            raise InputError(
                f"prompts[{row}] has {len(prompt)} tokens, but the model's context is "
                f"{config.context}; shorten the prompt"
            )
        if not 0 <= min(prompt) <= max(prompt) < config.vocab_size:
            raise InputError(
                f"prompts[{row}] holds a token id outside the model's {config.vocab_size} ids; "
                "was it encoded with another tokenizer?"
            )


def pad_left(
    prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, " batch"] | None]:
    """Align prompts at their ends; also where each begins, or None if all are equally long."""
    longest = max(len(prompt) for prompt in prompts)
    starts = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * start + list(p) for start, p in zip(starts, prompts, strict=True)]
    ids = torch.tensor(rows, device=device)
    return ids, torch.tensor(starts, device=device) if any(starts) else None


class _Ends:
    """Watches where each row ends: at a stop token, a stop string or its last allowed token."""

    def __init__(
        self,
        configs: Sequence[SamplingConfig],
        budgets: Sequence[int],
        decode: Decode | None,
        device: torch.device,
    ) -> None:
        self.configs, self.budgets, self.decode = configs, budgets, decode
        self.lengths = torch.tensor(budgets, device=device)
        self.stopped = torch.zeros(len(configs), dtype=torch.bool, device=device)
        self.with_strings = [row for row, config in enumerate(configs) if config.stop_strings]
        widest = max(len(config.stop_ids) for config in configs)
        rows = [[*config.stop_ids] + [-1] * (widest - len(config.stop_ids)) for config in configs]
        self.stop_ids = torch.tensor(rows, device=device) if widest else None
        self.never_ends_early = not widest and not self.with_strings and len(set(budgets)) == 1

    def growing(self, tokens: Int[Tensor, "batch token"]) -> Int[Tensor, " row"] | None:
        """Take note of each row's newest token; return the rows that go on, None for all.

        Rows that have ended are passed over, whatever their newest token is.
        """
        if self.never_ends_early:
            return None
        count = tokens.shape[1]
        stops = torch.zeros_like(self.stopped)
        if self.stop_ids is not None:
            stops = (tokens[:, -1:] == self.stop_ids).any(dim=1)
        for row in self.with_strings:
            if count <= self.lengths[row]:
                stops[row] |= self._completes_a_string(row, tokens[row].tolist())
        stops &= count <= self.lengths
        self.lengths = self.lengths.where(~stops, count)
        self.stopped |= stops
        return (self.lengths > count).nonzero()[:, 0]

    def reached(self) -> list[tuple[int, Finish]]:
        """Length of each row and why it ended."""
        rows = zip(
            self.lengths.tolist(), self.stopped.tolist(), self.budgets, self.configs, strict=True
        )
        return [
            (length, "stop" if stopped else "length" if budget == c.max_new_tokens else "context")
            for length, stopped, budget, c in rows
        ]

    def _completes_a_string(self, row: int, ids: list[int]) -> bool:
        assert self.decode is not None
        text = self.decode(ids)
        return any(string in text for string in self.configs[row].stop_strings)
