"""Lenses: what the model would predict if it stopped at a layer.

The logit lens reads the residual stream as the last layer's is read. The tuned lens first moves it
by an affine map of each layer's own, trained so that what is read comes near what the whole model
predicts.

Source:
    nostalgebraist 2020, "Interpreting GPT: the logit lens"; Belrose et al. 2023, "Eliciting latent
    predictions from transformers with the tuned lens" (2303.08112).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically
from glasshouse.interpret.subject import Subject, Texts, graph_of, num_layers, token_ids
from glasshouse.training.population import Parameters, PopulationConfig, train_population


def logit_lens(
    subject: Subject, texts: Texts, *, site: str = "blocks.*.resid_post", pos: int | None = None
) -> Float[Tensor, "layer batch pos vocab"]:
    """Logits read from the residual stream of every layer, through the final norm.

    Args:
        subject: Who is looked into.
        texts: What it reads.
        site: Which residual streams; `blocks.*.resid_pre` begins with the embeddings.
        pos: One place, to save memory; None: all. The place keeps its axis, of length 1.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    return read_out(graph, residual_streams(graph, ids, site=site, pos=pos))


def tuned_lens(
    subject: Subject, texts: Texts, lens: "TunedLens", *, pos: int | None = None
) -> Float[Tensor, "layer batch pos vocab"]:
    """Logits read from the residual stream behind every layer, each moved by its translator.

    Raises:
        InputError: If the lens was made for a model of another shape.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    streams = residual_streams(graph, ids, pos=pos)
    if lens.weight.shape[:2] != (streams.shape[0], streams.shape[-1]):
        raise InputError(
            f"the lens is for {lens.weight.shape[0]} layers of width {lens.weight.shape[1]}, the "
            f"model has {streams.shape[0]} of {streams.shape[-1]}"
        )
    return read_out(graph, lens.translated(streams))


def residual_streams(
    graph: Graph,
    ids: Int[Tensor, "batch seq"],
    *,
    site: str = "blocks.*.resid_post",
    pos: int | None = None,
) -> Float[Tensor, "layer batch pos d_model"]:
    """The residual stream at every layer.

    Raises:
        InputError: If the model has no layers, or none under these names.
    """
    if not num_layers(graph):
        raise InputError("the model has no layers to look behind (num_layers=0)")
    streams = torch.stack(list(graph.run(ids, fetch=site).values()))
    return streams if pos is None else streams[:, :, [pos]]


def read_out(
    graph: Graph,
    streams: Float[Tensor, "layer batch pos d_model"],
    *,
    last: str | None = None,
    logits: str = "logits",
    differentiable: bool = False,
) -> Float[Tensor, "layer batch pos vocab"]:
    """Logits of residual streams, as the last layer's is read: each is fed in its place.

    Args:
        graph: The model.
        streams: What is read.
        last: The last layer's residual stream; None: under its shared name.
        logits: What is fetched.
        differentiable: Keep what torch's backward needs.
    """
    last = last or f"blocks.{num_layers(graph) - 1}.resid_post"
    run = graph.run(feed={last: streams.flatten(0, 1)}, fetch=logits, differentiable=differentiable)
    return run[logits].unflatten(0, streams.shape[:2])


@dataclass(frozen=True, slots=True, eq=False)
class TunedLens:
    """An affine translator for each layer: x becomes x + W x + b."""

    weight: Float[Tensor, "layer d_model d_model"]
    """W; zero to begin with, which is the logit lens."""
    bias: Float[Tensor, "layer d_model"]
    """b."""

    def translated(
        self, streams: Float[Tensor, "layer batch pos d_model"]
    ) -> Float[Tensor, "layer batch pos d_model"]:
        """Residual streams as the last layer would have them."""
        moved = torch.einsum("lbpd,led->lbpe", streams, self.weight)
        return streams + moved + self.bias[:, None, None]

    def save(self, path: str | Path) -> None:
        """Write the lens as one safetensors file, whole or not at all."""
        tensors = {"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}
        write_atomically(Path(path), safetensors.torch.save(tensors, {"format": "tuned-lens-1"}))

    @classmethod
    def load(cls, path: str | Path) -> "TunedLens":
        """Read a lens.

        Raises:
            RunError: If the file is missing, truncated, or holds something else.
        """
        try:
            tensors = safetensors.torch.load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{path} cannot be read as a tuned lens: {error}") from error
        if set(tensors) != {"weight", "bias"} or tensors["weight"].ndim != 3:
            raise RunError(f"{path} holds {', '.join(tensors)}, not the weight and bias of a lens")
        return cls(tensors["weight"], tensors["bias"])


@dataclass(frozen=True, kw_only=True, slots=True)
class TunedLensConfig:
    """How translators are trained."""

    steps: int = 250
    """Optimizer steps."""
    batch_size: int = 16
    """Texts of a step."""
    peak_lr: float = 3e-3
    """Learning rate of AdamW, falling along a cosine to 0."""
    seed: int = 0
    """Decides which texts a step reads."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        if self.peak_lr <= 0:
            raise InputError(f"peak_lr={self.peak_lr} must be positive; 3e-3 is a common start")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LensStep:
    """One optimizer step of all translators."""

    step: int
    """Steps taken, from 1."""
    divergence: Float[Tensor, " layer"]
    """KL from the model's prediction to each layer's, in nats a token, before the update."""
    lens: TunedLens
    """The lens after it; a copy."""


def train_tuned_lens(
    subject: Subject, texts: Texts, config: TunedLensConfig | None = None
) -> Iterator[LensStep]:
    """Train a lens on texts, one record a step; stopping early is `break`.

    Layers are a population: each minimises its own divergence, all in one batch. The model's
    weights stay as they are.

    Args:
        subject: Who is looked into.
        texts: Like those that the lens will be used on; the more the better.
        config: Optimizer and data.

    Source:
        Belrose et al. 2023 (2303.08112), section 3. Differs: AdamW on one batch a step; the layer
        before the last norm gets a translator too, which stays 0.
    """
    config = config or TunedLensConfig()
    graph, ids = graph_of(subject), token_ids(subject, texts)
    width = int(residual_streams(graph, ids[:1]).shape[-1])
    layers, device = num_layers(graph), ids.device
    parameters = {
        "weight": torch.zeros(layers, width, width, device=device),
        "bias": torch.zeros(layers, width, device=device),
    }
    chance = torch.Generator().manual_seed(config.seed)

    def batch_at(step: int) -> Tensor:
        rows = torch.randint(len(ids), (config.batch_size,), generator=chance)
        return residual_streams(graph, ids[rows.to(device)])

    def loss(parameters: Parameters, streams: Tensor) -> Tensor:
        lens = TunedLens(parameters["weight"], parameters["bias"])
        logits = read_out(graph, lens.translated(streams), differentiable=True)
        return divergence(read_out(graph, streams[-1:])[0], logits)

    schedule = PopulationConfig(steps=config.steps, peak_lr=config.peak_lr)
    for step in train_population(parameters, loss, batch_at, schedule):
        kept = {name: value.detach().clone() for name, value in step.parameters.items()}
        yield LensStep(step=step.step, divergence=step.loss, lens=TunedLens(**kept))


def divergence(
    final: Float[Tensor, "batch pos vocab"], logits: Float[Tensor, "layer batch pos vocab"]
) -> Float[Tensor, " layer"]:
    """KL from the model's prediction to each layer's, in nats, averaged over places."""
    wanted, found = final.log_softmax(dim=-1), logits.log_softmax(dim=-1)
    return (wanted.exp() * (wanted - found)).sum(dim=-1).mean(dim=(1, 2))
