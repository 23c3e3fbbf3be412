"""Rows that grow token by token out of prompts that they share.

A prompt's keys and values are kept once, and all of its replies' queries meet them in one product;
each reply's own keys and values are few. What is read is laid out prompt by prompt, as many rows
each as the prompt with most has.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.align.policies.prefix import (
    Numbers,
    Weights,
    attend,
    embedded,
    in_line,
    in_rows,
    mapped,
    moved,
    places_of,
    split_heads,
    turn_at,
    weights_of,
)
from glasshouse.models import Transformer
from glasshouse.models.decode import normed
from glasshouse.models.transformer import Block

_PROMPT_TOKENS_AT_ONCE = 4096


@runtime_checkable
class Growing(Protocol):
    """Rows that a network has read, and reads on one token at a time."""

    def begin(self) -> Float[Tensor, "row vocab"]:
        """Read the prompts; return the logits of what follows them."""
        ...

    def step(self, token: Int[Tensor, "row 1"]) -> Float[Tensor, "row vocab"]:
        """Read one token more a row; return the logits of the next."""
        ...

    def keep(self, rows: Int[Tensor, " row"]) -> None:
        """Go on with some rows only."""
        ...


class SharedPrompts:
    """Rows whose prompts are read once each, however many rows follow them.

    Args:
        network: One that `can_share`.
        prompts: Of each row; the same one several times running is read once.
        num_new: Most tokens that a row will grow by.
        numbers: Of products; keys and values of replies are float32, as products with single
            queries are no faster in bf16.
    """

    def __init__(
        self,
        network: Transformer,
        prompts: Sequence[Sequence[int]],
        *,
        num_new: int,
        numbers: Numbers,
    ) -> None:
        self.network = network
        self.device = network.embed.weight.device
        self.weights: Weights = weights_of(network, numbers)
        self.heads: list[list[int]] = []
        group_of: list[int] = []
        for prompt in prompts:
            if not self.heads or self.heads[-1] != list(prompt):
                self.heads.append(list(prompt))
            group_of.append(len(self.heads) - 1)
        self.grown = 0
        self.groups = torch.arange(len(self.heads), device=self.device)
        self._place(torch.tensor(group_of, device=self.device))
        config = network.config
        longest = max(map(len, self.heads))
        kept = (config.num_layers, 2, len(self.heads), config.num_kv_heads)
        self.lengths = torch.tensor([len(head) for head in self.heads], device=self.device)
        is_token = torch.arange(longest, device=self.device) < self.lengths[:, None]
        self.is_token = None if bool(is_token.all()) else is_token
        self.prompt_pairs = torch.zeros(*kept, longest, config.d_head, device=self.device)
        self.own_pairs = torch.zeros(*kept, self.each, num_new, config.d_head, device=self.device)

    def _place(self, group_of: Int[Tensor, " row"]) -> None:
        """Give every row a slot: its group's next."""
        self.group_of = group_of
        counts = torch.bincount(group_of, minlength=len(self.groups))
        self.each = int(counts.max())
        begins = counts.cumsum(0) - counts
        within = torch.arange(len(group_of), device=self.device) - begins[group_of]
        slots = group_of * self.each + within
        self.is_full = len(slots) == len(self.groups) * self.each
        self.slots = slots

    def begin(self) -> Float[Tensor, "row vocab"]:
        """Read the prompts; return the logits of what follows them."""
        ends: list[Tensor] = []
        first = 0
        while first < len(self.heads):
            last, tokens = first, 0
            while last < len(self.heads) and (
                last == first or tokens + len(self.heads[last]) <= _PROMPT_TOKENS_AT_ONCE
            ):
                tokens += len(self.heads[last])
                last += 1
            ends.append(self._read_prompts(first, last))
            first = last
        return self._logits(torch.cat(ends))[self.group_of]

    def _read_prompts(self, first: int, last: int) -> Float[Tensor, "prompt d_model"]:
        """Keep keys and values of some prompts; return the features of their last tokens."""
        heads = self.heads[first:last]
        ends = torch.tensor([len(head) for head in heads], device=self.device).cumsum(0)
        ids = torch.tensor([token for head in heads for token in head], device=self.device)
        numbered, begin = [], 0
        for head in heads:
            numbered.append(list(range(begin, begin + len(head))))
            begin += len(head)
        positions = torch.tensor(
            [p for head in heads for p in range(len(head))], device=self.device
        )
        places = places_of(numbered, 0, self.device)
        x = embedded(self.network, ids, positions)
        turn = turn_at(self.network, positions)
        for number, (block, layer) in enumerate(
            zip(self.network.blocks, self.weights.layers, strict=True)
        ):
            assert isinstance(block, Block)
            read = normed(layer.attn_norm, x).to(self.weights.dtype)
            qkv = split_heads(mapped(read, layer.qkv, layer.qkv_bias), block.attn, turn)
            rows = in_rows(qkv, places)
            width = rows.shape[2]
            self.prompt_pairs[number, :, first:last, :, :width] = rows[:, :, :, -2:].permute(
                3, 0, 1, 2, 4
            )
            z = in_line(attend(rows), places)
            x = moved(x, z, layer, is_parallel=self.network.config.parallel)
        return normed(self.network.final_norm, x[ends - 1])

    def _logits(self, features: Float[Tensor, "row d_model"]) -> Float[Tensor, "row vocab"]:
        return self.network.unembed(features)

    def step(self, token: Int[Tensor, "row 1"]) -> Float[Tensor, "row vocab"]:
        """Read one token more a row; return the logits of the next."""
        ids = token[:, 0]
        if not self.is_full:
            ids = torch.zeros(len(self.groups) * self.each, dtype=torch.long, device=self.device)
            ids[self.slots] = token[:, 0]
        positions = (self.lengths + self.grown).repeat_interleave(self.each)
        # Rows that have outgrown the context have ended; nobody reads what they are given here.
        positions = positions.clamp(max=self.network.config.context - 1)
        x = embedded(self.network, ids, positions)
        turn = turn_at(self.network, positions)
        for number, (block, layer) in enumerate(
            zip(self.network.blocks, self.weights.layers, strict=True)
        ):
            assert isinstance(block, Block)
            read = normed(layer.attn_norm, x).to(self.weights.dtype)
            qkv = split_heads(mapped(read, layer.qkv, layer.qkv_bias).float(), block.attn, turn)
            z = self._attend(number, qkv).to(self.weights.dtype)
            x = moved(x, z, layer, is_parallel=self.network.config.parallel)
        self.grown += 1
        logits = self._logits(normed(self.network.final_norm, x))
        return logits if self.is_full else logits[self.slots]

    def _attend(
        self, number: int, heads: Float[Tensor, "slot kv_head packed d_head"]
    ) -> Float[Tensor, "slot d_heads"]:
        """Mix values of the prompt and of the row's own tokens, this one the last of them."""
        groups, each, now = len(self.groups), self.each, self.grown
        prompts, own = self.prompt_pairs[number], self.own_pairs[number]
        by_group = heads.unflatten(0, (groups, each)).transpose(1, 2)  # group kv_head each packed d
        own[:, :, :, :, now] = by_group[:, :, :, -2:].permute(3, 0, 1, 2, 4)
        kv_heads, slots, d_head = prompts.shape[2:]
        q = by_group[:, :, :, :-2].reshape(groups * kv_heads, -1, d_head)
        to_prompt = q @ prompts[0].flatten(0, 1).transpose(1, 2)
        if self.is_token is not None:
            hidden = ~self.is_token[:, None, None]
            to_prompt = to_prompt.unflatten(0, (groups, kv_heads)).masked_fill(hidden, -torch.inf)
            to_prompt = to_prompt.flatten(0, 1)
        keys, values = own[:, :, :, :, : now + 1].flatten(1, 3)
        q = q.reshape(len(keys), -1, d_head)
        to_own = q @ keys.transpose(1, 2)
        scores = torch.cat([to_prompt.reshape(len(keys), -1, slots), to_own], dim=2)
        pattern = scores.softmax(dim=2)
        on_prompt = pattern[:, :, :slots].reshape(groups * kv_heads, -1, slots)
        z = (on_prompt @ prompts[1].flatten(0, 1)).reshape(len(keys), -1, d_head)
        z = z + pattern[:, :, slots:] @ values  # torch's baddbmm takes several times as long
        return z.reshape(groups, kv_heads, each, -1).transpose(1, 2).reshape(groups * each, -1)

    def keep(self, rows: Int[Tensor, " row"]) -> None:
        """Go on with some rows only, as closely packed as prompts allow."""
        old_slots, old_groups = self.slots[rows], self.group_of[rows]
        left, group_of = old_groups.unique_consecutive(return_inverse=True)
        old_each = self.each
        self.groups = self.groups[left]
        self._place(group_of)
        source = torch.zeros(len(self.groups) * self.each, dtype=torch.long, device=self.device)
        source[self.slots] = old_slots
        self.lengths = self.lengths[left]
        self.is_token = None if self.is_token is None else self.is_token[left]
        self.prompt_pairs = self.prompt_pairs[:, :, left]
        group, within = source // old_each, source % old_each
        taken = self.own_pairs[:, :, group, :, within]  # slot first, as indices stand apart
        taken = taken.unflatten(0, (len(self.groups), self.each))
        self.own_pairs = taken.permute(2, 3, 0, 4, 1, 5, 6).contiguous()
