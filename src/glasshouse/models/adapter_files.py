"""A folder of adapters, as peft has it, beside the model directory that they belong to.

    adapter_config.json         peft's: which modules have adapters, and where their base is
    adapter_model.safetensors   peft's: the adapters
    base.json                   ours: what the base's weights were, so that no other is taken for it

The first two are all that peft needs, and all that is needed of a folder that peft wrote.
"""

import copy
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.torch

from glasshouse.errors import InputError, RunError
from glasshouse.models.adapters import (
    adapter_settings,
    has_adapters,
    import_peft,
    inject,
    inner_network,
    peft_quietly,
)
from glasshouse.models.find import find_model
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.models.huggingface.shards import INDEX, WEIGHTS, read_file
from glasshouse.models.transformer import Transformer

FORMAT = 1
ABOUT, ADAPTERS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"
_PREFIX = "base_model.model."
"""What peft puts before the path of every module."""


def is_adapter_folder(directory: Path) -> bool:
    """Whether a folder holds adapters, and not the model that they stand beside."""
    return (directory / ABOUT).is_file() and not any(
        (directory / name).is_file() for name in (WEIGHTS, INDEX)
    )


def write_adapters(directory: Path, network: Transformer | AsIs) -> None:
    """Write what peft reads into a folder that exists.

    Raises:
        InputError: If the network has no adapters.
    """
    if not has_adapters(network):
        raise InputError("the model has no adapters; give it some with with_adapters")
    inner, settings = inner_network(network), copy.copy(adapter_settings(network))
    settings.inference_mode = True  # as peft saves: whoever loads them says whether they learn
    with peft_quietly():
        found = import_peft().get_peft_model_state_dict(inner, save_embedding_layers=False)
        settings.save_pretrained(str(directory))
    tensors = {_PREFIX + name: value.detach().contiguous() for name, value in found.items()}
    safetensors.torch.save_file(tensors, directory / ADAPTERS, metadata={"format": "pt"})


def write_base(directory: Path, network: Transformer | AsIs) -> None:
    """Write down which weights the adapters belong to.

    Raises:
        InputError: If their base is no model directory on this disk.
    """
    base = str(adapter_settings(network).base_model_name_or_path)
    if not Path(base).is_dir() or not weight_files(Path(base)):
        raise InputError(
            f"adapters are kept beside a model directory, and theirs came from {base!r}; save that "
            "model, load it and give it adapters, or merge them"
        )
    about = {"format": FORMAT, "weights": digest_of_files(Path(base))}
    (directory / BASE).write_text(json.dumps(about) + "\n", encoding="utf-8")


def find_base(directory: Path) -> Path:
    """The model directory that a folder's adapters belong to.

    Raises:
        RunError: If what the folder says of it is damaged.
        InputError: If it is not there, holds adapters itself, or has other weights than it had.
    """
    path = directory / ABOUT
    base = _read_json(path).get("base_model_name_or_path")
    way_out = f"name its place as base_model_name_or_path in {path}"
    if not isinstance(base, str) or not base:
        raise RunError(f"{path} does not say which model its adapters belong to; {way_out}")
    try:
        found = find_model(base)
    except InputError as error:
        raise InputError(
            f"the adapters in {directory} belong to {base}, which is not to be had ({error}); "
            f"{way_out}"
        ) from None
    if is_adapter_folder(found):
        raise InputError(f"the adapters in {directory} belong to {found}, which holds adapters too")
    if not (directory / BASE).is_file():
        return found  # peft wrote it, and keeps no account of the weights
    about = _read_json(directory / BASE)
    if about.get("format") != FORMAT:
        raise RunError(f"{directory / BASE} is not of format {FORMAT}, which this version reads")
    if about.get("weights") != digest_of_files(found):
        raise InputError(
            f"the adapters in {directory} were trained beside other weights than {found} has now; "
            "bring those back, or train anew"
        )
    return found


def read_adapters(directory: Path, network: Transformer | AsIs) -> None:
    """Give a network the adapters of a folder, in place; they can be trained on.

    Raises:
        InputError: If peft is not installed, or the network has adapters.
        RunError: If the folder's adapters are missing, damaged, of another kind, or another
            network's.
    """
    peft = import_peft()
    if has_adapters(network):
        raise InputError("the model has adapters already; load it without them")
    path = directory / ADAPTERS
    about = _read_json(directory / ABOUT)
    if str(about.get("peft_type")) != "LORA" or about.get("modules_to_save"):
        raise RunError(
            f"{directory} holds more than low-rank adapters (peft_type {about.get('peft_type')!r}, "
            f"modules_to_save {about.get('modules_to_save')!r}); merge it with peft, and load that"
        )
    if not path.is_file():
        raise RunError(f"{directory} is half a folder of adapters: it has no {ADAPTERS}")
    tensors = {name.removeprefix(_PREFIX): value for name, value in read_file(path).items()}
    try:
        with peft_quietly():
            settings = peft.LoraConfig.from_pretrained(str(directory))
        settings.inference_mode = False
        inject(network, settings)
        with peft_quietly():
            told = peft.set_peft_model_state_dict(inner_network(network), tensors)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise RunError(f"{directory} holds no adapters for this model: {reason}") from None
    odd = sorted(told.unexpected_keys) + sorted(n for n in told.missing_keys if "lora_" in n)
    if odd:
        raise RunError(f"{directory} holds no adapters for this model: {odd[0]!r} does not fit")


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a model directory's weights."""
    return sorted(directory.glob("*.safetensors")) or sorted(directory.glob("*.bin"))


def digest_of_files(directory: Path) -> str:
    """The same for the same weights, byte for byte."""
    paths = weight_files(directory)
    return _digest(tuple((str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in paths))


@lru_cache(maxsize=8)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    """Of files that have not changed since they were last asked for, as their size and time say."""
    digest = hashlib.sha256()
    for path, _, _ in files:
        digest.update(Path(path).name.encode())
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged: it holds no object")
    return found
