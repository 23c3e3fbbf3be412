"""Norms, embeddings and unembeddings: torch's own where a config asks for nothing odd."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.models.config import TransformerConfig


class RMSNormPlusOne(nn.RMSNorm):
    """RMSNorm whose gains are 1 + weight, so that weights decay towards no change.

    Source:
        Gemma's released code; as there, gains are applied in float32.
    """

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Divide by the root mean square, times 1 + weight."""
        assert self.weight is not None
        gain = 1.0 + self.weight.float()
        return F.rms_norm(x.float(), self.normalized_shape, gain, self.eps).to(x.dtype)


def make_norm(config: TransformerConfig) -> nn.Module:
    """LayerNorm (with a bias if the model has biases) or RMSNorm."""
    if config.norm == "layer":
        return nn.LayerNorm(config.d_model, eps=config.norm_epsilon, bias=config.bias)
    return make_rms_norm(config, config.d_model)


def make_rms_norm(config: TransformerConfig, width: int) -> nn.RMSNorm:
    """RMSNorm of the model's kind; what norms single heads is always one."""
    kind = RMSNormPlusOne if config.norm == "rms_plus_one" else nn.RMSNorm
    return kind(width, eps=config.norm_epsilon)


class ScaledEmbedding(nn.Embedding):
    """An embedding whose rows are multiplied by a constant."""

    def __init__(self, num_rows: int, width: int, *, scale: float) -> None:
        super().__init__(num_rows, width)
        self.scale = scale

    def forward(self, input: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d_model"]:
        """Rows of the table, scaled; the constant has the precision of the weights."""
        return super().forward(input) * rounded(self.scale, self.weight.dtype)


class CappedUnembedding(nn.Linear):
    """An unembedding whose logits lie between -cap and cap."""

    def __init__(self, d_model: int, vocab_size: int, *, cap: float) -> None:
        super().__init__(d_model, vocab_size, bias=False)
        self.cap = cap

    def forward(self, input: Float[Tensor, "... d_model"]) -> Float[Tensor, "... vocab"]:
        """cap · tanh(logit / cap)."""
        return self.cap * torch.tanh(super().forward(input) / self.cap)


def make_embedding(config: TransformerConfig) -> nn.Embedding:
    """The token table, plain unless it is scaled."""
    if config.ends.embed_scale == 1:
        return nn.Embedding(config.vocab_size, config.d_model)
    return ScaledEmbedding(config.vocab_size, config.d_model, scale=config.ends.embed_scale)


def make_unembedding(config: TransformerConfig) -> nn.Linear:
    """The map to logits, plain unless they are capped."""
    if config.ends.logit_cap is None:
        return nn.Linear(config.d_model, config.vocab_size, bias=False)
    return CappedUnembedding(config.d_model, config.vocab_size, cap=config.ends.logit_cap)


def rounded(number: float, dtype: torch.dtype) -> float:
    """The nearest number that a precision can hold: 55.43 is 55.5 in bfloat16."""
    digits = 1 - round(math.log2(torch.finfo(dtype).eps))
    mantissa, exponent = math.frexp(number)
    return math.ldexp(round(math.ldexp(mantissa, digits)), exponent - digits)
