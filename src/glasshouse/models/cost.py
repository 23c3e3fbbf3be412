"""What a model costs: parameters, and floating-point operations for each token."""

from typing import Literal

from torch import nn

from glasshouse.models.config import TransformerConfig
from glasshouse.models.transformer import Transformer


def count_params(
    model: Transformer, kind: Literal["non_embedding", "all"] = "non_embedding"
) -> int:
    """Count parameters, shared ones once.

    Args:
        model: The model.
        kind: `non_embedding` leaves out the token and position tables and the unembedding, which
            is the N of scaling laws; `all` leaves nothing out.

    Source:
        Kaplan et al. 2020 (2001.08361), section 2.1. Differs: biases and gains are counted too.
    """
    tables = (model.embed, model.pos_embed, model.unembed) if kind == "non_embedding" else ()
    outside = {id(table.weight) for table in tables if isinstance(table, nn.Module)}
    return sum(p.numel() for p in model.parameters() if id(p) not in outside)


def flops_per_token(
    config: TransformerConfig,
    kind: Literal["kaplan_6N", "exact_with_attention_and_unembed"] = "kaplan_6N",
    *,
    seq: int | None = None,
) -> int:
    """Floating-point operations of training on one token: forward, and backward at twice that.

    Args:
        config: The model's shape.
        kind: `kaplan_6N` is 6 per matrix weight of the blocks; the exact kind adds the scores and
            the mixing of values, and the unembedding, which dominate in small models.
        seq: Length of the texts, for the exact kind; None: the whole context. Every token is
            charged for all `seq` scores, as dense code computes them.

    Source:
        Kaplan et al. 2020 (2001.08361), table 1. Differs: their attention term, 2·L·T·d_attn,
        leaves out the mixing of values; ours is 4·L·T·d_attn.
    """
    forward = 2 * config.num_layers * block_weights(config)
    if kind == "exact_with_attention_and_unembed":
        d_attn = config.attention.num_heads * config.d_head
        forward += 4 * config.num_layers * (seq or config.context) * d_attn
        forward += 2 * config.d_model * config.vocab_size
    return 3 * forward


def block_weights(config: TransformerConfig) -> int:
    """Entries of one block's weight matrices; biases and gains cost next to nothing."""
    heads, width = config.attention.num_heads + config.num_kv_heads, config.d_head
    attention = 2 * heads * width * config.d_model  # q and out; k and v
    if config.mlp is None:
        return attention
    return attention + (3 if config.mlp.is_gated else 2) * config.d_model * config.mlp.d_mlp
