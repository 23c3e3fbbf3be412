"""What a teacher said of texts, on disk: of every distribution its likeliest tokens.

Texts are written in parts, each whole or absent, so that a run that was killed goes on where it
was. A store knows what it was made of and refuses to go on with anything else.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from torch import Tensor

from glasshouse.align.distilling.prompts import Prefix
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically
from glasshouse.models import LanguageModel

FORMAT = 1
_ABOUT = "teacher.json"


class Taught(NamedTuple):
    """Texts as a student reads them, and what the teacher said of their tokens."""

    ids: Int[Tensor, "row seq"]
    """Token ids, padded on the right."""
    is_taught: Bool[Tensor, "row seq"]
    """Places whose next token the teacher was asked about."""
    top: Int[Tensor, "token kept"]
    """Its likeliest tokens there, row by row."""
    logprobs: Float[Tensor, "token kept"]
    """Their log-probabilities, in nats."""

    def to(self, device: torch.device) -> "Taught":
        """The same on a device."""
        return Taught(*(each.to(device) for each in self))


@dataclass(frozen=True)
class TeacherStore:
    """A folder that `store_teacher` has filled."""

    folder: Path
    """Where it is."""
    texts: int
    """How many texts it holds."""
    part: int
    """Texts a file."""
    opening: int
    """Tokens at the beginning of each text that the teacher has before its prompt."""

    def __len__(self) -> int:
        return self.texts

    @cached_property
    def _parts(self) -> list[dict[str, Tensor]]:
        """Every part; a store of a small model is some tens of megabytes."""
        return [_read(path) for path in sorted(self.folder.glob("part-*.safetensors"))]

    def batch(self, places: Sequence[int]) -> Taught:
        """Some texts by their numbers."""
        texts, tops, logprobs = [], [], []
        for place in places:
            held = self._parts[place // self.part]
            own = place % self.part
            first, last = held["text_ends"][own : own + 2].tolist()
            texts.append(held["ids"][first:last].long())
            begin, end = held["taught_ends"][own : own + 2].tolist()
            tops.append(held["top"][begin:end].long())
            logprobs.append(held["logprobs"][begin:end].float())
        ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
        lengths = torch.tensor([len(text) for text in texts])
        at = torch.arange(ids.shape[1])
        # The last token's successor is outside of the text, and the opening's begins it.
        is_taught = (at >= self.opening) & (at < lengths[:, None] - 1)
        return Taught(ids, is_taught, torch.cat(tops), torch.cat(logprobs))


def store_teacher(
    teacher: LanguageModel,
    prefix: Prefix,
    texts: Sequence[Sequence[int]],
    folder: Path,
    *,
    kept: int = 50,
    part: int = 256,
    batch: int = 64,
) -> Generator[int, None, TeacherStore]:
    """Let a teacher read each text behind a prompt, once, and keep what it expects.

    A generator of how many texts are done; its value, at the end, is the store. Parts that are
    there already are not computed again.

    Args:
        teacher: The model with the prompt.
        prefix: The prompt.
        texts: As the student will read them, with the layout's opening; together with the prompt
            each must fit the context.
        folder: Where the store is, or will be.
        kept: Likeliest tokens of each distribution; fewer if the vocabulary is smaller.
        part: Texts a file.
        batch: Texts read at once.

    Raises:
        InputError: If there is no text, one is too short or too long, or the folder holds what
            another teacher, prompt or list of texts has made.
        RunError: If the folder cannot be read.
    """
    _check(teacher, prefix, texts, kept=kept)
    kept = min(kept, teacher.network.config.vocab_size)
    about = {
        "format": FORMAT,
        "texts": len(texts),
        "part": part,
        "opening": prefix.opening,
        "kept": kept,
        "made_of": _fingerprint(teacher, prefix, texts),
    }
    _agree(folder, about)
    for number, start in enumerate(range(0, len(texts), part)):
        path = folder / f"part-{number:05d}.safetensors"
        own = texts[start : start + part]
        if not path.exists():
            held = _ask(teacher, prefix, own, kept=kept, batch=batch)
            write_atomically(path, safetensors.torch.save(held))
        yield start + len(own)
    return open_store(folder)


def open_store(folder: Path) -> TeacherStore:
    """Open a store that is whole.

    Raises:
        RunError: If it is missing, unfinished, damaged or of another format.
    """
    about = _about(folder)
    needed = -(-about["texts"] // about["part"])
    there = len(list(folder.glob("part-*.safetensors")))
    if there != needed:
        raise RunError(f"{folder} holds {there} of {needed} parts; run `store_teacher` to its end")
    return TeacherStore(folder, about["texts"], about["part"], about["opening"])


def _check(
    teacher: LanguageModel, prefix: Prefix, texts: Sequence[Sequence[int]], *, kept: int
) -> None:
    if not texts or kept < 1:
        raise InputError(f"{len(texts)} texts and kept={kept}; give one text and one token or more")
    context = teacher.network.config.context
    for place, text in enumerate(texts):
        if len(text) < prefix.opening + 2:
            raise InputError(
                f"text {place + 1} has {len(text)} tokens; nothing is left to foretell"
            )
        whole = len(prefix) + len(text) - prefix.opening
        if whole > context:
            raise InputError(
                f"text {place + 1} and the prompt have {whole} tokens together, and the context "
                f"holds {context}; cut the text or shorten the prompt"
            )


@torch.no_grad()
def _ask(
    teacher: LanguageModel,
    prefix: Prefix,
    texts: Sequence[Sequence[int]],
    *,
    kept: int,
    batch: int,
) -> dict[str, Tensor]:
    """The tensors of one part."""
    device = next(teacher.network.parameters()).device
    tops: list[Tensor] = []
    logprobs: list[Tensor] = []
    for start in range(0, len(texts), batch):
        own = texts[start : start + batch]
        rows = [torch.tensor([*prefix.ids, *text[prefix.opening :]]) for text in own]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        at = torch.arange(ids.shape[1], device=device)
        is_asked = (at >= len(prefix)) & (at < lengths[:, None] - 1)
        logits = teacher.network.unembed(teacher.network.features(ids)[is_asked]).float()
        found = logits.log_softmax(dim=-1).topk(kept, dim=-1)
        tops.append(found.indices.int().cpu())
        logprobs.append(found.values.cpu())
    lengths_of = torch.tensor([0, *(len(text) for text in texts)])
    taught_of = torch.tensor([0, *(len(text) - prefix.opening - 1 for text in texts)])
    return {
        "ids": torch.tensor([token for text in texts for token in text], dtype=torch.int32),
        "text_ends": lengths_of.cumsum(0),
        "taught_ends": taught_of.cumsum(0),
        "top": torch.cat(tops),
        "logprobs": torch.cat(logprobs),
    }


def _fingerprint(teacher: LanguageModel, prefix: Prefix, texts: Sequence[Sequence[int]]) -> str:
    """What a store is made of, in one word."""
    digest = hashlib.sha256()
    for name, weight in sorted(teacher.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().contiguous().numpy().tobytes())
    digest.update(json.dumps([list(prefix.ids), [list(map(int, text)) for text in texts]]).encode())
    return digest.hexdigest()


def _agree(folder: Path, about: dict[str, int | str]) -> None:
    """Begin a folder, or find that it was begun for the same."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _ABOUT).exists():
        if any(folder.glob("part-*")):
            raise InputError(f"{folder} holds parts of no known teacher; choose a new folder")
        write_atomically(folder / _ABOUT, json.dumps(about) + "\n")
    elif _about(folder) != about:
        raise InputError(
            f"{folder} was made by another teacher, prompt or list of texts; choose a new folder"
        )


def _about(folder: Path) -> dict[str, int]:
    try:
        about = json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder} holds no store of a teacher: {error}") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise RunError(f"{folder / _ABOUT} is not of format {FORMAT}, which this version reads")
    return about


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
