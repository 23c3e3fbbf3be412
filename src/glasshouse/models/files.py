"""A model on disk: a folder in Hugging Face layout, read without ever running what it holds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
import safetensors.torch
import torch

import glasshouse
from glasshouse.errors import InputError, RunError
from glasshouse.models.adapter_files import find_base, is_adapter_folder, read_adapters
from glasshouse.models.config import TransformerConfig
from glasshouse.models.huggingface.as_is import AsIs, read_as_is
from glasshouse.models.huggingface.checkpoint import (
    Checkpoint,
    carried_files,
    is_known,
    read_checkpoint,
)
from glasshouse.models.huggingface.convert import with_weights
from glasshouse.models.huggingface.families import FAMILIES
from glasshouse.models.huggingface.settings import Settings, read_settings
from glasshouse.models.huggingface.shards import WEIGHTS, read_file, refuse_pickles
from glasshouse.models.tokenizer import Tokenizer
from glasshouse.models.transformer import Transformer

MODEL_FORMAT = 1
"""Of config.json; rises when an older version could no longer read what is written."""

Implementation = Literal["auto", "glasshouse", "transformers"]
"""Whose code computes a checkpoint: our Transformer, transformers' own, or ours where it can."""


def read_network(
    directory: Path,
    *,
    implementation: Implementation = "auto",
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
) -> tuple[Transformer | AsIs, Checkpoint | None]:
    """Read a network, and what a Hugging Face directory held beside it.

    Args:
        directory: A model directory of glasshouse or of transformers, or a folder of adapters.
        implementation: Whose code is to compute it.
        dtype: Precision to convert to; None: as the weights are stored.
        allow_pickle: Whether tensors may be read from old pickled weights.

    Raises:
        InputError: If transformers is needed and not installed.
        RunError: If a file is missing, truncated, pickled, or of another version or architecture.
    """
    if is_adapter_folder(directory):
        return _read_adapted(
            directory, implementation=implementation, dtype=dtype, allow_pickle=allow_pickle
        )
    settings = read_model_settings(directory)
    if settings.model_type == "glasshouse":
        if implementation == "transformers":
            raise InputError(f"{directory} was saved by glasshouse, which transformers cannot load")
        network, checkpoint = read_own(directory, settings), None
    elif is_known(settings) and implementation != "transformers":
        network, checkpoint = read_checkpoint(directory, settings, allow_pickle=allow_pickle)
    elif implementation == "glasshouse":
        raise RunError(
            f"{settings.path} describes a model of type {settings.model_type!r}; our Transformer "
            f"computes {', '.join(FAMILIES)}; load it with implementation='transformers'"
        )
    else:
        network = read_as_is(directory, settings, dtype=dtype, allow_pickle=allow_pickle)
        checkpoint = Checkpoint(
            family=settings.model_type,
            settings=dict(settings.fields),
            carried=carried_files(directory),
        )
    return network if dtype is None else network.to(dtype=dtype), checkpoint


def _read_adapted(
    directory: Path,
    *,
    implementation: Implementation,
    dtype: torch.dtype | None,
    allow_pickle: bool,
) -> tuple[Transformer | AsIs, Checkpoint | None]:
    """Read a network and the adapters beside it, which fit the modules that they were made for."""
    base = find_base(directory)
    is_ours = read_model_settings(base).model_type == "glasshouse"
    if implementation == "glasshouse" and not is_ours:
        raise InputError(
            f"the adapters in {directory} are for {base} as transformers computes it; merge them "
            "with `glasshouse align merge` to have our Transformer compute the whole"
        )
    network, checkpoint = read_network(
        base,
        implementation=implementation if is_ours else "transformers",
        dtype=dtype,
        allow_pickle=allow_pickle,
    )
    read_adapters(directory, network)
    if checkpoint is not None:
        carried = {**checkpoint.carried, **carried_files(directory)}
        checkpoint = replace(checkpoint, carried=carried)
    return network, checkpoint


def read_tokenizer(directory: Path) -> Tokenizer:
    """Read a model's tokenizer; adapters that come without one have that of their base.

    Raises:
        RunError: If there is none or it is damaged.
    """
    if is_adapter_folder(directory) and not (directory / "tokenizer.json").is_file():
        directory = find_base(directory)
    try:
        return Tokenizer.load(directory)
    except InputError as error:
        advice = "" if (directory / "tokenizer.json").exists() else "; pass tokenizer= to load"
        raise RunError(f"{error}{advice}") from error


def read_model_settings(directory: Path) -> Settings:
    """Read config.json.

    Raises:
        RunError: If it is missing, damaged or names no type of model.
    """
    path = directory / "config.json"
    try:
        settings = read_settings(path)
    except FileNotFoundError:
        refuse_pickles(directory)
        raise RunError(f"{directory} is no model directory: it has no config.json") from None
    if not settings.model_type:
        raise RunError(f"{path} names no model_type, so nobody knows what would read its weights")
    return settings


def write_model(directory: Path, network: Transformer) -> None:
    """Write config.json and model.safetensors into a folder that exists.

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
    safetensors.torch.save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})


def read_own(directory: Path, settings: Settings) -> Transformer:
    """Read what `write_model` wrote.

    Raises:
        RunError: If a file is missing, truncated, of another version or architecture, or if the
            weights are pickled.
    """
    config = read_own_config(settings)
    path = directory / WEIGHTS
    if not path.is_file():
        refuse_pickles(directory)
        raise RunError(f"{directory} is half a model: it has config.json but no {WEIGHTS}")
    weights = read_file(path)
    if config.tied and "embed.weight" in weights:
        weights["unembed.weight"] = weights["embed.weight"]
    network = Transformer(config, device="meta")
    check_weights(path, weights, network.state_dict())
    return with_weights(network, weights)


def read_own_config(settings: Settings) -> TransformerConfig:
    """Check what `write_model` wrote into config.json.

    Raises:
        RunError: If it is of another version or architecture.
    """
    path, found = settings.path, settings.fields
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
