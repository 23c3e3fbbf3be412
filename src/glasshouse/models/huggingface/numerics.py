"""The numerics contract: which code computes a model, how precisely, how far from transformers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from glasshouse.errors import RunError
from glasshouse.models.config import TransformerConfig
from glasshouse.models.huggingface.as_is import (
    AsIs,
    AsIsConfig,
    config_of,
    import_transformers,
    quietly,
)
from glasshouse.models.transformer import Transformer

PROBE_TOKENS = 64
"""Length of the probe texts; longer than most windows of small models, and quickly read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogitDifference:
    """How far a network's logits lie from those of transformers' eager model."""

    largest: float
    """Largest absolute difference of a logit."""
    spread: float
    """Standard deviation of transformers' logits, for comparison."""
    num_tokens: int
    """Tokens of the probe, those of a padded row included."""
    version: str
    """Of transformers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Numerics:
    """Which code computes a model, in which precision, and how far it is from transformers."""

    implementation: Literal["glasshouse", "transformers"]
    """Our Transformer, or transformers' own code, captured as it is."""
    architecture: str
    """What it computes: a family's model_type, or a class of transformers."""
    dtype: str
    """Precision of the weights, such as float32."""
    difference: LogitDifference | None = None
    """From transformers' eager model on a probe batch; None: not measured."""

    def __str__(self) -> str:
        if self.implementation == "transformers":
            return (
                f"transformers' own {self.architecture} computes this model in {self.dtype}; its "
                f"values are named by their modules' paths{self._measured('; its')}"
            )
        if self.architecture == "glasshouse":
            return f"glasshouse's Transformer computes this model, its own, in {self.dtype}"
        unmeasured = "; verify=True measures how far from transformers" * (not self.difference)
        return (
            f"glasshouse's Transformer computes this {self.architecture} model in {self.dtype}"
            f"{self._measured('; its')}{unmeasured}"
        )

    def _measured(self, opening: str) -> str:
        if self.difference is None:
            return ""
        found = self.difference
        return (
            f"{opening} logits differ from those of transformers {found.version} (eager) by at "
            f"most {found.largest:.1e} on {found.num_tokens} probe tokens, where logits have a "
            f"standard deviation of {found.spread:.1e}"
        )


@torch.no_grad()
def compare_with_transformers(
    network: Transformer | AsIs,
    directory: Path,
    *,
    ids: Int[Tensor, "batch seq"] | None = None,
    allow_pickle: bool = False,
) -> LogitDifference:
    """Measure how far a network's logits lie from those of transformers' eager attention.

    Args:
        network: Our Transformer or an `AsIs`, loaded from the directory.
        directory: A checkpoint that transformers can load.
        ids: The probe; None: two texts of random tokens, the second padded on the left.
        allow_pickle: Whether transformers may read old pickled weights.

    Raises:
        InputError: If transformers is not installed.
        RunError: If it cannot load the directory.
    """
    transformers = import_transformers("comparing with transformers")
    weight = next(network.parameters())
    try:
        with quietly(transformers):
            reference = transformers.AutoModelForCausalLM.from_pretrained(
                directory,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=None if allow_pickle else True,
                attn_implementation="eager",
                dtype=weight.dtype,
            )
    except Exception as error:  # transformers raises many kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise RunError(f"transformers cannot load {directory}: {reason}") from error
    reference = AsIs(reference.to(weight.device).eval(), config_of(reference))
    starts = None
    if ids is None:
        ids = probe_tokens(network.config).to(weight.device)
        starts = torch.tensor([0, ids.shape[1] // 3], device=weight.device)
    ours, theirs = network(ids, starts=starts).float(), reference(ids, starts=starts).float()
    real = torch.ones_like(ids, dtype=torch.bool)
    if starts is not None:
        real = torch.arange(ids.shape[1], device=ids.device) >= starts[:, None]
    return LogitDifference(
        largest=(ours - theirs)[real].abs().max().item(),
        spread=theirs[real].std().item(),
        num_tokens=ids.numel(),
        version=transformers.__version__,
    )


def probe_tokens(config: TransformerConfig | AsIsConfig) -> Int[Tensor, "batch seq"]:
    """Two texts of random tokens, always the same."""
    seq = min(PROBE_TOKENS, config.context)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(config.vocab_size, (2, seq), generator=generator)
