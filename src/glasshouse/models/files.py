"""A model on disk: a folder in Hugging Face layout, read without ever running what it holds."""

import json
from pathlib import Path

import msgspec
import safetensors.torch
from safetensors import SafetensorError

import glasshouse
from glasshouse.errors import InputError, RunError
from glasshouse.models.config import TransformerConfig
from glasshouse.models.tokenizer import Tokenizer
from glasshouse.models.transformer import Transformer

MODEL_FORMAT = 1
"""Of config.json; rises when an older version could no longer read what is written."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def write_model(directory: Path, network: Transformer, tokenizer: Tokenizer) -> None:
    """Write config.json, model.safetensors and the tokenizer into a folder that exists.

    The weights are written as they are; a tied unembedding is left out, as it is the embedding.
    """
    config = {
        "model_type": "glasshouse",
        "architectures": ["Transformer"],
        "format": MODEL_FORMAT,
        "glasshouse_version": glasshouse.__version__,
        "transformer": msgspec.to_builtins(network.config),
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    if network.config.tied:
        del weights["unembed.weight"]
    # The metadata tells Hugging Face's tools which framework the tensors are laid out for.
    safetensors.torch.save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(directory)


def read_model(directory: Path) -> tuple[Transformer, Tokenizer]:
    """Read what `write_model` wrote.

    Raises:
        RunError: If a file is missing, truncated, of another version or architecture, or if the
            weights are pickled.
    """
    config = read_config(directory)
    path = directory / "model.safetensors"
    if not path.is_file():
        refuse_pickles(directory)
        raise RunError(f"{directory} is half a model: it has config.json but no model.safetensors")
    try:
        weights = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is truncated or damaged: {error}") from error
    if config.tied and "embed.weight" in weights:
        weights["unembed.weight"] = weights["embed.weight"]
    network = Transformer(config)
    check_weights(path, weights, network.state_dict())
    network.to(dtype=weights["embed.weight"].dtype).load_state_dict(weights)
    try:
        tokenizer = Tokenizer.load(directory)
    except InputError as error:
        raise RunError(str(error)) from error
    return network, tokenizer


def read_config(directory: Path) -> TransformerConfig:
    """Read and check config.json.

    Raises:
        RunError: If it is missing, damaged, or of another version or architecture.
    """
    path = directory / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        refuse_pickles(directory)
        raise RunError(f"{directory} is no model directory: it has no config.json") from None
    except ValueError as error:
        raise RunError(f"{path} is truncated or damaged: {error}") from error
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind != "glasshouse":
        raise RunError(
            f"{path} describes a model of type {kind!r}; this version reads models that "
            "glasshouse saved"
        )
    if found.get("format") != MODEL_FORMAT:
        raise RunError(
            f"{path} has model format {found.get('format')}, written by glasshouse "
            f"{found.get('glasshouse_version')}; this is {glasshouse.__version__}, which reads "
            f"format {MODEL_FORMAT}"
        )
    try:
        return msgspec.convert(found["transformer"], TransformerConfig)
    except (KeyError, msgspec.ValidationError) as error:
        raise RunError(f"{path} does not describe a Transformer: {error}") from error


def check_weights(path: Path, found: dict, wanted: dict) -> None:
    """Compare names and shapes of weights.

    Raises:
        RunError: If they differ; the message names the first that does.
    """
    for name in sorted(found.keys() ^ wanted.keys()):
        state = "lacks" if name in wanted else "has an unknown"
        raise RunError(f"{path} does not fit its config.json: it {state} weight {name!r}")
    for name, weight in wanted.items():
        if found[name].shape != weight.shape:
            raise RunError(
                f"{path} does not fit its config.json: {name!r} has shape "
                f"{tuple(found[name].shape)}, not {tuple(weight.shape)}"
            )


def refuse_pickles(directory: Path) -> None:
    """Say that pickled weights are not read, if that is all there is.

    Raises:
        RunError: If the folder holds pickled weights.
    """
    pickles = sorted(file.name for pattern in PICKLES for file in directory.glob(pattern))
    if pickles:
        raise RunError(
            f"{directory} holds pickled weights ({pickles[0]}), which can run any code when read; "
            "convert them to safetensors where you trust them"
        )
