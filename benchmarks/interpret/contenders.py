"""One GPT-2 with random weights, in the hands of everybody who takes part.

Each holds its own copy of the same weights, because TransformerLens and nnsight change the module
they wrap. Peers that are not installed (benchmarks/peers.txt) are left out, and said to be.
"""

import argparse
import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from glasshouse.models import Transformer
from glasshouse.models.files import read_network

warnings.filterwarnings("ignore", module="nnsight")

VOCAB, WIDTH, HEADS, CONTEXT = 5000, 256, 8, 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Contenders:
    """The same weights behind every interface."""

    raw: GPT2LMHeadModel
    """transformers, with torch's fused attention and without a cache of keys: the yardstick."""
    hooked: GPT2LMHeadModel
    """The same, for bare hooks."""
    eager: GPT2LMHeadModel
    """transformers forming scores and patterns, for jobs that ask for them."""
    ours: Transformer
    """Our Transformer."""
    captured: GPT2LMHeadModel
    """transformers again, to be captured as it is."""
    lens: Any
    """TransformerLens' bridge, or None."""
    sight: Any
    """nnsight's wrapper, or None."""
    sight_eager: Any
    """nnsight's wrapper around the eager model, or None."""


def contenders(num_layers: int, device: str = "cpu") -> Contenders:
    """Make one model and hand a copy to everybody."""
    raw = random_gpt2(num_layers).to(device)
    eager = copy.deepcopy(raw)
    eager.set_attn_implementation("eager")
    return Contenders(
        raw=raw,
        hooked=copy.deepcopy(raw),
        eager=eager,
        ours=our_transformer(raw),
        captured=copy.deepcopy(raw),
        lens=transformer_lens(raw),
        sight=nnsight(raw),
        sight_eager=nnsight(eager),
    )


def random_gpt2(num_layers: int) -> GPT2LMHeadModel:
    """A GPT-2 with the weights that transformers draws."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=CONTEXT, n_embd=WIDTH, n_layer=num_layers, n_head=HEADS,
        bos_token_id=0, eos_token_id=None, pad_token_id=0, use_cache=False,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)  # transformers initialises from the global generator only
        return GPT2LMHeadModel(config).eval().requires_grad_(False)


def our_transformer(reference: GPT2LMHeadModel) -> Transformer:
    """The same weights in our Transformer, by way of a checkpoint on disk."""
    with TemporaryDirectory() as folder:
        reference.save_pretrained(folder)
        network, _ = read_network(Path(folder), implementation="glasshouse")
    assert isinstance(network, Transformer)
    return network.to(reference.device).eval().requires_grad_(False)


def transformer_lens(reference: GPT2LMHeadModel) -> Any:
    """TransformerLens around a copy of the model, as `boot_transformers` would make it."""
    try:
        from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
    except ImportError:
        return absent("transformer-lens")
    model = copy.deepcopy(reference)
    return build_bridge_from_module(
        model, "GPT2LMHeadModel", hf_config=copy.deepcopy(model.config)
    ).eval()


def nnsight(reference: GPT2LMHeadModel) -> Any:
    """nnsight around a copy of the model."""
    try:
        from nnsight import NNsight
    except ImportError:
        return absent("nnsight")
    return NNsight(copy.deepcopy(reference))


def nnsight_batching(reference: GPT2LMHeadModel) -> Any:
    """nnsight's class for transformers models, the one that puts several invokes into one batch.

    It insists on a tokenizer, though it is given ids only.
    """
    try:
        from nnsight.modeling.transformers import TransformersModel
    except ImportError:
        return absent("nnsight")
    words = {f"w{index}": index for index in range(VOCAB)}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="w0")), pad_token="w0"
    )
    tokenizer.padding_side = "left"
    model = copy.deepcopy(reference)
    return TransformersModel(model, task="text-generation", tokenizer=tokenizer)


def absent(package: str) -> None:
    """Say that somebody takes no part."""
    print(f"{package} is not installed (benchmarks/peers.txt) and takes no part", file=sys.stderr)


def token_ids(batch: int, length: int, options: argparse.Namespace, *, seed: int = 0) -> Tensor:
    """Random token ids, Int[batch pos]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB, (batch, length), generator=generator).to(options.device)


@contextmanager
def hook(module: nn.Module, function: Callable[..., Any]) -> Iterator[None]:
    """A forward hook for the time of a `with` block."""
    handle = module.register_forward_hook(function)
    try:
        yield
    finally:
        handle.remove()
