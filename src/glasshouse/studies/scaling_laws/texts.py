"""Text that lies on every machine: the sources of Python's standard library, and its help topics.

What it says differs between versions of Python, so a report tells the version and a hash, and
losses are never compared across them.
"""

import hashlib
import platform
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasshouse.errors import InputError
from glasshouse.training import EncodedDocument, write_shards
from glasshouse.world.streams import stream

NAME = "scaling-laws"
"""First name of every stream and folder of this study."""

VOCABULARY = 97
"""Printable ASCII, the end of a line, and one id for all else."""
_NEWLINE, _OTHER = 95, 96


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Where the shards are, and what is in them."""

    folder: Path
    """Holds the shards `train`, `held-out` and `prose`."""
    digest: str
    """Of all characters and of how they were parted."""
    origin: str
    """Where the text comes from, in words."""
    sizes: tuple[int, int, int]
    """Characters to train on, held out, and of prose."""

    @property
    def train(self) -> Path:
        """Shards to train on."""
        return self.folder / "train"

    @property
    def held_out(self) -> Path:
        """Shards to measure on."""
        return self.folder / "held-out"

    @property
    def prose(self) -> Path:
        """Shards of prose."""
        return self.folder / "prose"


def encode(text: str) -> np.ndarray:
    """Character ids of a text, one axis of int64."""
    points = np.frombuffer(text.encode("utf-32-le", errors="replace"), dtype="<u4")
    ids = np.full(len(points), _OTHER, dtype=np.int64)
    printable = (points >= 32) & (points < 127)
    ids[printable] = points[printable] - 32
    ids[points == 10] = _NEWLINE
    return ids


def make_corpus(
    folder: Path, *, code: Path | None, prose: Path | None, held_out: int, seed: int
) -> Corpus:
    """Write the shards of a study, or find them where they were written.

    Args:
        folder: Of the study; each corpus has a folder of its own in it.
        code: Folder of .py files; None: the modules of the standard library.
        prose: Folder of .txt files; None: the help topics.
        held_out: Characters set aside of the code, by whole files.
        seed: Deals the files.

    Raises:
        InputError: If a folder holds no such files, or too little text.
    """
    files = _read(code or Path(sysconfig.get_paths()["stdlib"]), ".py")
    order = stream(seed, NAME, "files").permutation(len(files))
    aside, train, count = [], [], 0
    for place in order:
        (aside if count < held_out else train).append(files[place])
        count += len(files[place])
    told = _help_topics() if prose is None else _read(prose, ".txt")
    parts = {"train": train, "held-out": aside, "prose": told}
    if not train:
        raise InputError(
            f"held_out_characters={held_out:,} leaves nothing of {count:,} characters to train on"
        )
    found = {
        name: np.concatenate([encode(text) for text in texts]) for name, texts in parts.items()
    }
    digest = hashlib.sha256()
    for name, ids in found.items():
        digest.update(f"{name} {len(ids)} ".encode() + ids.astype("u1").tobytes())
    key = digest.hexdigest()[:16]
    corpus = Corpus(
        folder=folder / f"text-{key}",
        digest=key,
        origin=f"the standard library of Python {platform.python_version()}"
        if code is None
        else f"the .py files of {code.name}",
        sizes=(len(found["train"]), len(found["held-out"]), len(found["prose"])),
    )
    for name, ids in found.items():
        if not (corpus.folder / name / "index.json").is_file():
            write_shards(corpus.folder / name, [EncodedDocument(ids=ids, kind=name)])
    return corpus


def _read(folder: Path, ending: str) -> list[str]:
    """Texts of a folder's own files, in order of their names."""
    paths = sorted(folder.glob(f"*{ending}"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    if not any(texts):
        raise InputError(f"{folder} holds no {ending} file with text; name a folder that does")
    return texts


def _help_topics() -> list[str]:
    from pydoc_data.topics import topics

    return [topics[name] for name in sorted(topics)]
