"""What models read: code to be measured on, and what comes before it.

Windows of code are dealt once for a seed, and less code is always the beginning of more, so that
runs that differ in their data or their past share the rest.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from glasshouse.corpora import character_ids, library_text
from glasshouse.errors import InputError
from glasshouse.studies.transfer_scaling.config import Arm, TransferConfig
from glasshouse.world.streams import stream

NAME = "transfer-scaling"
"""First name of every stream and folder of this study."""
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TORCH_VERSION = torch.__version__

WindowIds = Int64[Tensor, "_ character"]
"""Character ids, a context and one more a row."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Texts:
    """Windows of every kind."""

    code: WindowIds
    """To learn from, in the order in which they are added."""
    stopping: WindowIds
    """Held out: where a run's loss on these is lowest, it is measured."""
    measured: WindowIds
    """Held out: what its loss is measured on."""
    before: dict[Arm, WindowIds]
    """What each pretrained arm reads, in the order in which it is read."""
    origin: str
    """Where all this comes from, with versions."""
    digest: str
    """Of the text, sixteen hexadecimal digits."""
    sizes: dict[str, int]
    """Characters of prose, of code, of the other language's code."""


def make_texts(config: TransferConfig, *, seed: int) -> Texts:
    """Read and part the texts.

    Raises:
        InputError: If there is too little of one, or no headers lie where they should.
    """
    found = library_text(config.code)
    headers, whence = other_code(config.other)
    order = stream(seed, NAME, "files").permutation(len(found.code))
    aside, train, count = [], [], 0
    for place in order:
        (aside if count < config.held_out_characters else train).append(found.code[place])
        count += len(found.code[place])
    width = config.context + 1
    code = _dealt(_windows(train, width), stream(seed, NAME, "code"))
    held_out = _dealt(_windows(aside, width), stream(seed, NAME, "held out"))
    _refuse_little("code to learn from", code, -(-config.long.characters // config.context))
    _refuse_little("held-out code", held_out, 2 * config.windows)
    need = config.pretrain_steps * config.batch
    prose = _dealt(_windows(found.prose, width), stream(seed, NAME, "prose"))
    other = _dealt(_windows(headers, width), stream(seed, NAME, "other"))
    _refuse_little("prose", prose, 1)
    _refuse_little("code of another language", other, 1)
    read = _repeated(prose, need)
    mixed = read.copy()
    mixed[1::2] = _repeated(other, need)[: len(mixed[1::2])]
    dealt = stream(seed, NAME, "dealt").permuted(read, axis=1)
    before: dict[Arm, np.ndarray] = {"prose": read, "near": mixed, "dealt": dealt}
    return Texts(
        code=torch.from_numpy(code),
        stopping=torch.from_numpy(held_out[: config.windows]),
        measured=torch.from_numpy(held_out[config.windows : 2 * config.windows]),
        before={arm: torch.from_numpy(ids) for arm, ids in before.items()},
        origin=f"{found.origin}; {whence}",
        digest=found.digest,
        sizes={
            "prose": sum(map(len, found.prose)),
            "code": sum(map(len, found.code)),
            "other": sum(map(len, headers)),
        },
    )


def other_code(folder: Path | None) -> tuple[tuple[str, ...], str]:
    """Code of another language without its comments, in order of the files' names, and its origin.

    Args:
        folder: Of C or C++ headers; None: c10, the ground floor of PyTorch's own.

    Raises:
        InputError: If there are no headers in it.
    """
    home = folder or Path(torch.__file__).parent / "include" / "c10"
    paths = sorted(home.rglob("*.h"))
    texts = [without_comments(path.read_text(encoding="utf-8", errors="replace")) for path in paths]
    if not any(texts):
        raise InputError(
            f"{home} holds no C or C++ headers; name a folder of them with --set other=FOLDER"
        )
    whence = f"headers of PyTorch {_TORCH_VERSION}" if folder is None else f"{home.name}"
    return tuple(text for text in texts if text), f"C++ from {whence}"


def without_comments(source: str) -> str:
    """C or C++ without comments and blank lines."""
    lines = _COMMENTS.sub("", source).splitlines()
    return "".join(line.rstrip() + "\n" for line in lines if line.strip())


def _windows(texts: list[str] | tuple[str, ...], width: int) -> Int64[np.ndarray, "window char"]:
    """Whole windows that share no character, file after file."""
    ids = character_ids("\n".join(texts))
    return ids[: len(ids) // width * width].reshape(-1, width)


def _dealt(
    windows: Int64[np.ndarray, "window char"], rng: np.random.Generator
) -> Int64[np.ndarray, "window char"]:
    return windows[rng.permutation(len(windows))]


def _repeated(
    windows: Int64[np.ndarray, "window char"], count: int
) -> Int64[np.ndarray, "many char"]:
    """The first so many; they come again where there are fewer."""
    return windows[np.arange(count) % len(windows)]


def _refuse_little(what: str, windows: np.ndarray, least: int) -> None:
    if len(windows) < least:
        raise InputError(
            f"there are {len(windows)} windows of {what} and {least} are needed; ask for less or "
            "name a folder with more text"
        )
