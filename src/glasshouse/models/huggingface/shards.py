"""Tensors on disk: one safetensors file, or several that an index names."""

import json
import logging
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from glasshouse.errors import RunError

log = logging.getLogger(__name__)
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def read_tensors(directory: Path, *, allow_pickle: bool = False) -> dict[str, Tensor]:
    """Read every tensor of a checkpoint.

    Args:
        directory: The checkpoint.
        allow_pickle: Whether pytorch_model.bin may be read where there are no safetensors; even
            then with torch's `weights_only`, which builds tensors and nothing else.

    Raises:
        RunError: If a file is missing, truncated or pickled.
    """
    if (directory / WEIGHTS).is_file():
        return read_file(directory / WEIGHTS)
    if (directory / INDEX).is_file():
        return read_shards(directory, indexed_files(directory / INDEX), read_file)
    if allow_pickle:
        return read_pickles(directory)
    refuse_pickles(directory)
    raise RunError(f"{directory} is half a model: it has config.json but no {WEIGHTS}")


def read_shards(directory: Path, files: list[str], read) -> dict[str, Tensor]:
    """Read the files of an index.

    Raises:
        RunError: If one is missing.
    """
    missing = [name for name in files if not (directory / name).is_file()]
    if missing:
        raise RunError(
            f"{directory} lacks {missing[0]}, one of the {len(files)} files of its weights; "
            "download or copy it again"
        )
    return {key: tensor for name in files for key, tensor in read(directory / name).items()}


def read_file(path: Path) -> dict[str, Tensor]:
    """Read one safetensors file.

    Raises:
        RunError: If it is truncated or damaged.
    """
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is truncated or damaged: {error}") from error


def indexed_files(path: Path) -> list[str]:
    """Names of the files that an index lists.

    Raises:
        RunError: If the index is damaged, or names something outside of its folder.
    """
    try:
        files = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise RunError(f"{path} is truncated or damaged: {error!r}") from error
    if not files or not all(isinstance(name, str) and Path(name).name == name for name in files):
        raise RunError(f"{path} does not list files of its own folder")
    return files


def read_pickles(directory: Path) -> dict[str, Tensor]:
    """Read pytorch_model.bin, or the files of its index, building nothing but tensors.

    Raises:
        RunError: If there are none, or they are damaged or hold more than tensors.
    """
    index = directory / "pytorch_model.bin.index.json"
    files = indexed_files(index) if index.is_file() else ["pytorch_model.bin"]
    log.warning("%s: reading pickled weights, as was asked for", directory)
    return read_shards(directory, files, read_pickle)


def read_pickle(path: Path) -> dict[str, Tensor]:
    """Read one pickled file with torch's `weights_only`.

    Raises:
        RunError: If it is damaged or holds more than tensors.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on damaged or hostile files
        reason = str(error).strip().splitlines()[0]
        raise RunError(f"{path} is damaged or holds more than tensors: {reason}") from error
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise RunError(f"{path} holds more than named tensors")
    return found


def refuse_pickles(directory: Path) -> None:
    """Say that pickled weights are not read, if that is all there is.

    Raises:
        RunError: If the folder holds pickled weights.
    """
    pickles = sorted(file.name for pattern in PICKLES for file in directory.glob(pattern))
    if pickles:
        raise RunError(
            f"{directory} holds pickled weights ({pickles[0]}), which can run any code when read; "
            "convert them to safetensors where you trust them, or say allow_pickle=True to have "
            "torch read tensors from them and nothing else"
        )
