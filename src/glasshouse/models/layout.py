"""Where tokens stand and what they may look at: computed once for all layers of a kind."""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.cache import Count
from glasshouse.models.config import TransformerConfig
from glasshouse.models.rotary import Turn, rotary_turn

AttentionKernel = Literal["explicit", "fused"]
"""`fused` is torch's scaled_dot_product_attention. `explicit` forms scores and pattern, for who
wants to see them, and can be differentiated twice.

Of explicit's CPU time, a training step of `mini` in float32 took fused 0.91 at context 64, 0.94 at
128, 0.93 at 256 and 0.66 at 512 (benchmarks/models/bench_attention.py: 4,096 tokens, one thread of
a shared AMD EPYC with AVX2, torch 2.13).
"""


class Layout(NamedTuple):
    """What a layer must know about where the tokens stand; computed once for all layers that look
    back equally far."""

    kernel: AttentionKernel
    """How attention is computed."""
    positions: Int[Tensor, "row seq"]
    """Position of each token in its text; one row when all are alike."""
    bias: Float[Tensor, "row 1 query slot"] | None
    """0 where a token may look, -inf where not; None hides nothing but what `is_causal` says."""
    is_causal: bool
    """Fused kernel only: hide the future without a bias."""
    turn: Turn | None
    """Cosines and sines of rotary positions."""
    first: Count = 0
    """Cache slot of the first of these tokens."""


def lay_out(
    ids: Int[Tensor, "batch seq"],
    config: TransformerConfig,
    kernel: AttentionKernel,
    *,
    starts: Int[Tensor, " batch"] | None,
    first: Count,
    is_local: bool = False,
    segments: Int[Tensor, "batch seq"] | None = None,
) -> Layout:
    """Place tokens in the slots from `first` on, in rows that begin at `starts`, or in documents
    that stand side by side in a row."""
    seq = ids.shape[1]
    here = torch.arange(first, first + seq, device=ids.device)
    positions = here[None]
    if segments is not None:
        positions = here - segment_starts(segments)
    elif starts is not None:
        # Padding and rows that have outgrown the context get some position; nobody reads them.
        positions = (here - starts[:, None]).clamp(0, config.context - 1)
    window = window_of(config, first + seq) if is_local else None
    bias, is_causal = None, False
    if segments is not None:
        bias = attention_bias(here, here, None, window, segments)
    elif starts is None and first == 0 and window is None and kernel == "fused":
        is_causal = True
    elif starts is not None or window is not None or first == 0 or seq > 1:
        # A lone next token without a window may look at everything.
        slots = torch.arange(first + seq, device=ids.device)
        bias = attention_bias(here, slots, starts, window)
    turn = None
    if config.positions.kind == "rotary":
        local = config.attention.local
        local_base = local.rotary_base if is_local and local is not None else None
        turn = rotary_turn(
            positions, config.positions, d_rotary=config.d_rotary, local_base=local_base
        )
    return Layout(kernel, positions, bias, is_causal, turn, first)


def kernel_for(kernel: AttentionKernel, ids: Int[Tensor, "batch seq"]) -> AttentionKernel:
    """The kernel that a training step in bf16 takes less time with on a CPU; others keep theirs.

    Of fused's CPU time there, a forward and backward pass of `mini` took explicit 0.62 at 64 and
    0.64 at 128 tokens, 0.89 at 256 and 1.08 at 512 (AMD EPYC with avx512_bf16, one thread, torch
    2.13, the least of six); a forward pass alone is no faster, and packed rows gain more.
    """
    is_slow = ids.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    is_short = ids.shape[1] <= _SHORT_ROW
    return "explicit" if is_slow and is_short and torch.is_grad_enabled() else kernel


_SHORT_ROW = 256
"""Tokens of a row whose pattern may well be kept in memory."""


def segment_starts(segments: Int[Tensor, "batch seq"]) -> Int[Tensor, "batch seq"]:
    """Where the document of each token begins in its row: where the number last changed."""
    here = torch.arange(segments.shape[1], device=segments.device)
    is_new = segments[:, 1:] != segments[:, :-1]
    begun = torch.where(is_new, here[1:], 0).cummax(dim=1).values
    return torch.cat([torch.zeros_like(segments[:, :1], dtype=torch.long), begun], dim=1)


def refuse_longer(seq: Count, first: Count, context: int) -> None:
    """Refuse tokens that have no learned position; a graph keeps the limit of its texts.

    Raises:
        InputError: If the last of `seq` tokens, the first in slot `first`, lies past the context.
    """
    if torch.compiler.is_compiling():
        if isinstance(first, int):
            torch._check(first + seq <= context)
    elif first + seq > context:
        raise InputError(
            f"{first + seq} tokens are more than the {context} that the model has positions for; "
            "shorten the text"
        )


def window_of(config: TransformerConfig, num_slots: Count) -> int | None:
    """How far local layers look back, or None where the texts are too short to notice.

    A capture serves texts of every length, so there the window always counts.
    """
    assert config.attention.local is not None
    window = config.attention.local.window
    return window if torch.compiler.is_compiling() or num_slots > window else None


def attention_bias(
    here: Int[Tensor, " seq"],
    slots: Int[Tensor, " slot"],
    starts: Int[Tensor, " batch"] | None,
    window: int | None,
    segments: Int[Tensor, "batch seq"] | None = None,
) -> Float[Tensor, "row 1 seq slot"]:
    """0 from a row's start, its document's or the window's, up to the token itself, -inf elsewhere.

    Padding looks at itself alone: a row of -inf would become NaN.
    """
    allowed = (slots <= here[:, None])[None]  # row seq slot
    if window is not None:
        allowed = allowed & (slots > here[:, None] - window)
    if segments is not None:
        own = segments.int()  # a compiled mask compares twice as many numbers at a time
        allowed = allowed & (own[:, :, None] == own[:, None, :])
    if starts is not None:
        allowed = (allowed & (slots >= starts[:, None, None])) | (slots == here[:, None])
    return torch.zeros((), device=here.device).where(allowed, -math.inf)[:, None]
