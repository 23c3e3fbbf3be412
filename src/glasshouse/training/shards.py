"""Token shards: documents as memory-mapped integers, with their kinds and their loss masks.

A folder of shards holds `index.json` and, for every shard, flat little-endian arrays:
`00000.tokens` (uint16 or uint32), `00000.offsets` (uint64: where each document begins, and the
end), `00000.kinds` (uint16: each document's place in the index's list of kinds) and, if any
document has a mask, `00000.mask` (uint8: 1 where predicting this token counts). The index has each
file's sha256.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically

FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedDocument:
    """One document as tokens."""

    ids: np.ndarray
    """Token ids, one axis, non-negative integers."""
    kind: str
    """What kind of document it is; held-out losses are reported by kind."""
    mask: np.ndarray | None = None
    """True where predicting the token counts; None: everywhere."""

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or not np.issubdtype(self.ids.dtype, np.integer):
            raise InputError(
                f"document ids have shape {self.ids.shape} and type {self.ids.dtype}; "
                "they must be one axis of integers"
            )
        if self.mask is not None and self.mask.shape != self.ids.shape:
            raise InputError(
                f"a document of {len(self.ids)} tokens has a mask of shape {self.mask.shape}; "
                "give one entry per token"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """Some documents end to end."""

    tokens: np.ndarray
    """uint16 or uint32, every document's tokens."""
    offsets: np.ndarray
    """uint64, where each document begins in `tokens`, then the end."""
    kinds: np.ndarray
    """uint16, each document's place in the list of kinds."""
    mask: np.ndarray | None
    """uint8, 1 where predicting the token counts; None: everywhere."""


@dataclass(frozen=True)
class TokenShards:
    """Documents ready to train on, in memory or mapped from disk."""

    shards: tuple[Shard, ...]
    kinds: tuple[str, ...]

    @classmethod
    def pack(
        cls, documents: Iterable[EncodedDocument], *, shard_tokens: int = 1 << 24
    ) -> "TokenShards":
        """Put documents end to end in memory.

        Raises:
            InputError: If there is no token at all.
        """
        documents = list(documents)
        kinds = tuple(sorted({document.kind for document in documents}))
        if not any(len(document.ids) for document in documents):
            raise InputError("there are no tokens to pack; give at least one non-empty document")
        dtype = _smallest_dtype(max(int(d.ids.max(initial=0)) for d in documents))
        masked = any(document.mask is not None for document in documents)
        groups = _groups(documents, shard_tokens)
        return cls(tuple(_pack(group, kinds, dtype, masked) for group in groups), kinds)

    @classmethod
    def open(cls, directory: Path) -> "TokenShards":
        """Map a folder that `write_shards` made.

        Raises:
            RunError: If the folder is missing, of another format, truncated or changed.
        """
        return _open(directory)

    @cached_property
    def num_tokens(self) -> int:
        """Tokens in all shards."""
        return sum(len(shard.tokens) for shard in self.shards)

    @cached_property
    def num_documents(self) -> int:
        """Documents in all shards."""
        return sum(len(shard.kinds) for shard in self.shards)

    @cached_property
    def is_masked(self) -> bool:
        """Whether some tokens do not count in the loss."""
        return any(shard.mask is not None for shard in self.shards)


def write_shards(
    directory: Path, documents: Iterable[EncodedDocument], *, shard_tokens: int = 1 << 24
) -> TokenShards:
    """Write documents as token shards, whole or not at all, and map them.

    Args:
        directory: The folder to make; it must not exist, or be empty.
        documents: What to write, in this order.
        shard_tokens: A shard is closed when it has this many tokens (2 to 4 bytes each).

    Raises:
        InputError: If there is no token at all.
        OSError: If the disk is full; no folder is left.
    """
    packed = TokenShards.pack(documents, shard_tokens=shard_tokens)
    with folder_atomically(directory) as draft:
        entries = [_write_shard(draft, i, shard) for i, shard in enumerate(packed.shards)]
        index = {"format": FORMAT, "kinds": packed.kinds, "shards": entries}
        (draft / "index.json").write_text(json.dumps(index, indent=1))
    return TokenShards.open(directory)


def _smallest_dtype(largest_id: int) -> np.dtype:
    return np.dtype("<u2") if largest_id < 1 << 16 else np.dtype("<u4")


def _groups(documents: list[EncodedDocument], shard_tokens: int) -> Iterator[list[EncodedDocument]]:
    group: list[EncodedDocument] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.ids)
        if size >= shard_tokens:
            yield group
            group, size = [], 0
    if group:
        yield group


def _pack(
    group: list[EncodedDocument], kinds: tuple[str, ...], dtype: np.dtype, masked: bool
) -> Shard:
    lengths = [len(document.ids) for document in group]
    masks = [np.ones(len(d.ids), bool) if d.mask is None else d.mask for d in group]
    places = {kind: place for place, kind in enumerate(kinds)}
    return Shard(
        tokens=np.concatenate([d.ids for d in group]).astype(dtype),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype("<u8"),
        kinds=np.array([places[d.kind] for d in group], dtype="<u2"),
        mask=np.concatenate(masks).astype("u1") if masked else None,
    )


def _write_shard(directory: Path, number: int, shard: Shard) -> dict[str, Any]:
    files = {}
    for part in ("tokens", "offsets", "kinds", "mask"):
        array = getattr(shard, part)
        if array is None:
            continue
        path = directory / f"{number:05d}.{part}"
        array.tofile(path)
        files[part] = {
            "file": path.name,
            "dtype": array.dtype.str,
            "length": len(array),
            "sha256": _sha256(path),
        }
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(directory: Path) -> TokenShards:
    try:
        index = json.loads((directory / "index.json").read_text())
    except FileNotFoundError:
        raise RunError(f"{directory} holds no token shards: index.json is missing") from None
    except (ValueError, UnicodeDecodeError):
        raise RunError(f"{directory / 'index.json'} is damaged: it is not JSON") from None
    found = index.get("format") if isinstance(index, dict) else None
    if found != FORMAT:
        raise RunError(
            f"{directory / 'index.json'} has format {found}; this version reads format {FORMAT}"
        )
    try:
        shards = tuple(_open_shard(directory, files) for files in index["shards"])
        return TokenShards(shards, tuple(index["kinds"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{directory / 'index.json'} is damaged: {error!r}") from None


def _open_shard(directory: Path, files: dict[str, dict[str, Any]]) -> Shard:
    return Shard(
        tokens=_map(directory, files["tokens"]),
        offsets=_map(directory, files["offsets"]),
        kinds=_map(directory, files["kinds"]),
        mask=_map(directory, files["mask"]) if "mask" in files else None,
    )


def _map(directory: Path, entry: dict[str, Any]) -> np.ndarray:
    path = directory / entry["file"]
    dtype = np.dtype(entry["dtype"])
    if not path.is_file():
        raise RunError(f"the token shard {path} is missing; write the shards again")
    expected = entry["length"] * dtype.itemsize
    if path.stat().st_size != expected:
        raise RunError(
            f"the token shard {path} is truncated: it has {path.stat().st_size} bytes "
            f"instead of {expected}; write the shards again"
        )
    if _sha256(path) != entry["sha256"]:
        raise RunError(f"the token shard {path} has changed since it was written; write it again")
    if expected == 0:
        return np.empty(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r")
