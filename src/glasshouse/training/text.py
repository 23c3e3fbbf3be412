"""Growing a model on somebody's text: a UTF-8 file, or a folder of them, to a run folder."""

import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from glasshouse.errors import InputError, TextError
from glasshouse.models import LanguageModel, Tokenizer, Transformer, gpt, train_bpe
from glasshouse.training.config import CheckpointConfig, TrainConfig
from glasshouse.training.loop import continue_run
from glasshouse.training.metrics import StepResult
from glasshouse.training.run_folder import Run, refuse_taken, start_run
from glasshouse.training.schedule import ScheduleConfig
from glasshouse.training.shards import EncodedDocument

_log = logging.getLogger(__name__)

SPLIT_BY_DOCUMENT_FROM = 10
"""With this many documents, every tenth is held out; with fewer, the last tenth of each."""
KINDS_AT_MOST = 12
"""With more files than this, held-out loss is not reported file by file."""


def text_run() -> TrainConfig:
    """A few minutes on two cores, for the default model."""
    return TrainConfig(
        steps=1200,
        batch_size=16,
        schedule=ScheduleConfig(peak_lr=3e-3, warmup_steps=80),
        checkpoints=CheckpointConfig(every=100),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig:
    """A model grown on text: about a million parameters unless told otherwise."""

    vocab_size: int | None = None
    """Tokens of the byte-level BPE that is trained on the text; None: from the text's size."""
    context: int = 128
    """Tokens the model reads at once."""
    num_layers: int = 4
    """Transformer blocks."""
    d_model: int = 128
    """Width of the residual stream."""
    num_heads: int = 4
    """Attention heads of a block."""
    train: TrainConfig = field(default_factory=text_run)
    """The training run; its seed also draws the initial weights."""

    def __post_init__(self) -> None:
        if self.context < 1:
            raise InputError(f"context={self.context} must be at least 1")
        if self.vocab_size is not None and not 257 <= self.vocab_size <= 1 << 16:
            raise InputError(
                f"vocab_size={self.vocab_size} must lie in [257, 65536]: 256 bytes, an end of "
                "text, and merges"
            )


@dataclass(frozen=True, slots=True)
class TextDocument:
    """One file's text."""

    kind: str
    """The file's name without its ending, or "text" if there is one file, or many."""
    text: str


def train_on_text(path: Path, out: Path, config: TextConfig) -> Iterator[StepResult]:
    """Grow a model on a text: `start_text_run`, then `continue_run`."""
    return continue_run(start_text_run(path, out, config))


def start_text_run(path: Path, out: Path, config: TextConfig) -> Run:
    """Read a text, learn its tokens, write its shards and the untrained model.

    Args:
        path: A UTF-8 file, or a folder of them.
        out: The run folder to make.
        config: Model and training.

    Raises:
        TextError: If the text is missing, empty, not UTF-8, or too short.
        InputError: If `out` is taken.
        RunError: If the disk is full; no folder is left.
    """
    refuse_taken(out)
    train, held_out = split_documents(read_documents(path))
    texts = [document.text for document in train]
    vocab_size = config.vocab_size or default_vocab_size(sum(len(text) for text in texts))
    tokenizer = train_bpe(iter(texts), vocab_size=vocab_size)
    encoded = list(encode_documents(train, tokenizer))
    _refuse_short(path, encoded, config.context)
    return start_run(
        out,
        model=_untrained(config, tokenizer),
        train=encoded,
        held_out=encode_documents(held_out, tokenizer),
        config=config.train,
        context=config.context,
        kind="text",
        recipe={"text": str(path), "documents": len(train) + len(held_out), **_shape(config)},
    )


def read_documents(path: Path) -> list[TextDocument]:
    """Read a UTF-8 text file, or every one in a folder and its subfolders, in order of name.

    Hidden files are left out, and so are a folder's README and LICENSE if there are other files.

    Raises:
        TextError: If there is no such path, no text in it, or a file is not UTF-8.
    """
    if not path.exists():
        raise TextError(f"there is no text file or folder {path}")
    files = _files_of(path) if path.is_dir() else [path]
    texts = {file: text for file in files if (text := _read(file)).strip()}
    if not texts:
        what = "no file with text in it" if path.is_dir() else "no text in it: it is empty"
        raise TextError(f"{path} has {what}; give a UTF-8 text file or a folder of them")
    if len(texts) == 1 or len(texts) > KINDS_AT_MOST:
        return [TextDocument("text", text) for text in texts.values()]
    return [
        TextDocument(file.relative_to(path).with_suffix("").as_posix(), text)
        for file, text in texts.items()
    ]


def split_documents(
    documents: list[TextDocument],
) -> tuple[list[TextDocument], list[TextDocument]]:
    """Part training text from held-out text: every tenth document, or each one's last tenth."""
    if len(documents) >= SPLIT_BY_DOCUMENT_FROM:
        held_out = documents[SPLIT_BY_DOCUMENT_FROM - 1 :: SPLIT_BY_DOCUMENT_FROM]
        return [d for i, d in enumerate(documents, start=1) if i % SPLIT_BY_DOCUMENT_FROM], held_out
    cuts = [_last_tenth(document.text) for document in documents]
    return (
        [TextDocument(d.kind, d.text[:cut]) for d, cut in zip(documents, cuts, strict=True)],
        [TextDocument(d.kind, d.text[cut:]) for d, cut in zip(documents, cuts, strict=True)],
    )


def encode_documents(
    documents: list[TextDocument], tokenizer: Tokenizer
) -> Iterator[EncodedDocument]:
    """Tokens of each document, closed by the token that ends a text."""
    end = [] if tokenizer.end_id is None else [tokenizer.end_id]
    for document in documents:
        # Piece by piece, because the tokenizer works on many pieces at once and on one core on one.
        pieces = tokenizer.encode_batch(list(_pieces(document.text)))
        ids = np.concatenate([np.array(piece, dtype=np.int64) for piece in [*pieces, end]])
        yield EncodedDocument(ids=ids, kind=document.kind)


def default_vocab_size(num_characters: int) -> int:
    """A vocabulary that grows with the root of the text, from 320 to 2048, in steps of 64.

    Heaps' law has the number of different words grow about so; a 1 MB text gets 1280 tokens.
    """
    wanted = 64 * math.ceil(1.2 * math.sqrt(num_characters) / 64)
    return min(2048, max(320, wanted))


def _files_of(folder: Path) -> list[Path]:
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(folder).parts)
    ]
    texts = [file for file in files if not file.name.upper().startswith(("README", "LICENSE"))]
    if texts and len(texts) < len(files):
        _log.info("%s: README and LICENSE files are not trained on", folder)
    return texts or files


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{file} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x} "
            f"({error.reason}); convert it, for instance with iconv"
        ) from None
    except OSError as error:
        raise TextError(f"{file} cannot be read: {error.strerror}") from None


def _last_tenth(text: str) -> int:
    """Where the last tenth begins: after a line's end if one is near, or a space."""
    cut = len(text) - len(text) // 10
    for boundary in ("\n", " "):
        found = text.rfind(boundary, cut - len(text) // 100, cut)
        if found >= 0:
            return found + 1
    return cut


def _pieces(text: str, *, lines: int = 200) -> Iterator[str]:
    parts = text.splitlines(keepends=True)
    for first in range(0, len(parts), lines):
        yield "".join(parts[first : first + lines])


def _refuse_short(path: Path, documents: list[EncodedDocument], context: int) -> None:
    tokens = sum(len(document.ids) for document in documents)
    if tokens <= context:
        raise TextError(
            f"{path} is too short: its training part has {tokens} tokens, one context of "
            f"{context} needs {context + 1}; give more text or a shorter context"
        )


def _untrained(config: TextConfig, tokenizer: Tokenizer) -> LanguageModel:
    shape = gpt(
        tokenizer.vocab_size,
        context=config.context,
        num_layers=config.num_layers,
        d_model=config.d_model,
        num_heads=config.num_heads,
    )
    generator = torch.Generator().manual_seed(config.train.seed)
    return LanguageModel(Transformer(shape, generator=generator), tokenizer, origin="new")


def _shape(config: TextConfig) -> dict[str, int | None]:
    return {name: value for name, value in asdict(config).items() if name != "train"}
