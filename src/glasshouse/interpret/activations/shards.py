"""Activations in memory-mapped files, so that a model runs once and many things learn.

A folder holds `index.json` and, for every value, one flat file of all rows, beside `ids`,
`documents` and `positions`. It appears whole or not at all.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from torch import Tensor

from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically
from glasshouse.interpret.activations.harvesting import Activations

FORMAT = 1

Precision = Literal["float32", "float16"]
"""How rows are kept; float16 halves the disk and loses nothing that a dictionary would find."""

_TOKENS = ("ids", "documents", "positions")


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationShards:
    """Rows on disk, mapped."""

    directory: Path
    """Where they lie."""
    about: Mapping[str, str]
    """What the writer noted of them: the model, the texts."""
    activations: Activations
    """All rows; values stay on disk until they are read."""

    @classmethod
    def open(cls, directory: str | Path) -> "ActivationShards":
        """Map a folder that `write_activations` made.

        Raises:
            RunError: If it is missing, of another format, or truncated.
        """
        folder = Path(directory)
        try:
            index = json.loads((folder / "index.json").read_text())
        except FileNotFoundError:
            raise RunError(f"{folder} holds no activations: index.json is missing") from None
        except ValueError:
            raise RunError(f"{folder / 'index.json'} is damaged: it is not JSON") from None
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise RunError(f"{folder / 'index.json'} is not of format {FORMAT}; harvest again")
        rows = index["rows"]
        columns = {name: _mapped(folder / name, "int64", (rows,)) for name in _TOKENS}
        values = {
            name: _mapped(folder / entry["file"], entry["dtype"], (rows, entry["width"]))
            for name, entry in index["values"].items()
        }
        held = Activations(
            values=values,
            ids=columns["ids"],
            document=columns["documents"],
            position=columns["positions"],
        )
        return cls(directory=folder, about=index["about"], activations=held)


def write_activations(
    directory: str | Path,
    parts: Iterator[Activations],
    *,
    about: Mapping[str, str] | None = None,
    precision: Precision = "float32",
) -> ActivationShards:
    """Write what is harvested, whole or not at all, and map it.

    Args:
        directory: The folder to make; it must not exist, or be empty.
        parts: From `harvest`.
        about: What to note of them, such as the model and the texts.
        precision: How rows are kept.

    Raises:
        InputError: If there is no row.
        OSError: If the disk is full; no folder is left.
    """
    folder = Path(directory)
    with folder_atomically(folder) as draft, ExitStack() as open_files:
        files: dict[str, BinaryIO] = {
            name: open_files.enter_context((draft / name).open("wb")) for name in _TOKENS
        }
        values: dict[str, dict[str, object]] = {}
        rows = 0
        for part in parts:
            for name, value in part.values.items():
                if name not in values:
                    file = f"value-{len(values):02d}"
                    files[name] = open_files.enter_context((draft / file).open("wb"))
                    values[name] = {"file": file, "dtype": precision, "width": value.shape[1]}
                files[name].write(_bytes(value, precision))
            for name, column in zip(_TOKENS, (part.ids, part.document, part.position), strict=True):
                files[name].write(_bytes(column, "int64"))
            rows += len(part)
        if not rows:
            raise InputError("there are no activations to write: no text gave a token")
        index = {"format": FORMAT, "rows": rows, "values": values, "about": dict(about or {})}
        (draft / "index.json").write_text(json.dumps(index, indent=1))
    return ActivationShards.open(folder)


def _bytes(tensor: Tensor, dtype: str) -> bytes:
    return tensor.detach().cpu().numpy().astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> Tensor:
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    found = path.stat().st_size if path.is_file() else 0
    if found != expected:
        raise RunError(
            f"the activations in {path} are truncated: {found} bytes instead of {expected}; "
            "harvest again"
        )
    size = int(np.prod(shape))
    kind: torch.dtype = getattr(torch, dtype)
    return torch.from_file(str(path), shared=False, size=size, dtype=kind).view(shape)
