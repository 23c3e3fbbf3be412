"""Text to token ids and back: a word-level tokenizer and a byte-level BPE, in one wrapper."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from glasshouse.errors import InputError
from glasshouse.files import write_atomically

END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<unk>"
BYTES_READ_AT_ONCE = 1 << 20


class Tokenizer:
    """A `tokenizers.Tokenizer` behind the few methods the laboratory needs.

    Args:
        core: The tokenizer that does the work.
        end_token: The token that ends a text, if there is one.
        pad_token: The token that fills a row, if there is one.
    """

    def __init__(
        self,
        core: tokenizers.Tokenizer,
        *,
        end_token: str | None = None,
        pad_token: str | None = None,
    ) -> None:
        self.core = core
        self.end_token, self.pad_token = end_token, pad_token
        self.is_word_level = isinstance(core.model, models.WordLevel)
        for token in (end_token, pad_token):
            if token is not None:
                self.id_of(token)

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return self.core.get_vocab_size()

    @property
    def end_id(self) -> int | None:
        """Id of the token that ends a text."""
        return None if self.end_token is None else self.id_of(self.end_token)

    def id_of(self, token: str) -> int:
        """Id of one token.

        Raises:
            InputError: If the vocabulary does not hold it.
        """
        index = self.core.token_to_id(token)
        if index is None:
            raise InputError(
                f"the token {token!r} is none of the {self.vocab_size} in this vocabulary"
            )
        return index

    def token_of(self, index: int) -> str:
        """The token with an id.

        Raises:
            InputError: If there is none.
        """
        token = self.core.id_to_token(index) if index >= 0 else None
        if token is None:
            raise InputError(f"token id {index} is outside the vocabulary of {self.vocab_size}")
        return token

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises:
            InputError: If the vocabulary is of words, lacks one of the text's and has no `<unk>`,
                or if the text has halves of characters in it.
        """
        return self.encode_batch([text])[0]

    def encode_opening(self, text: str) -> list[int]:
        """Token ids of a text that begins here, so that nothing stands before it.

        A tokenizer that puts tokens such as `<bos>` there, as its model expects, does so.

        Raises:
            InputError: As `encode` does.
        """
        return self._encode([text], is_opening=True)[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of many texts, encoded on all cores.

        Raises:
            InputError: As `encode` does.
        """
        return self._encode(texts, is_opening=False)

    def _encode(self, texts: Sequence[str], *, is_opening: bool) -> list[list[int]]:
        if self.is_word_level and self.core.token_to_id(UNKNOWN) is None:
            self._refuse_unknown_words(texts)
        try:
            encodings = self.core.encode_batch_fast(list(texts), add_special_tokens=is_opening)
        except TypeError:
            _refuse_broken_text(texts)
            raise
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of token ids; `skip_special` leaves out tokens such as `<|endoftext|>`."""
        return self.core.decode(list(ids), skip_special_tokens=skip_special)

    def save(self, directory: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json, as Hugging Face reads them."""
        names = {"eos_token": self.end_token, "pad_token": self.pad_token}
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            **{name: token for name, token in names.items() if token is not None},
        }
        write_atomically(directory / "tokenizer.json", self.core.to_str(pretty=True))
        write_atomically(directory / "tokenizer_config.json", json.dumps(settings, indent=2))

    @classmethod
    def load(cls, directory: Path) -> "Tokenizer":
        """Read what `save` or Hugging Face wrote.

        Raises:
            InputError: If tokenizer.json is missing or damaged.
        """
        path = directory / "tokenizer.json"
        try:
            core = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{directory} holds no tokenizer.json") from None
        except Exception as error:  # the library raises bare Exception on damaged JSON
            raise InputError(f"{path} is no readable tokenizer: {error}") from error
        settings = _read_settings(directory / "tokenizer_config.json")
        return cls(core, end_token=settings.get("eos_token"), pad_token=settings.get("pad_token"))

    def _refuse_unknown_words(self, texts: Sequence[str]) -> None:
        for word in dict.fromkeys(word for text in texts for word in text.split()):
            if not self._knows(word):
                raise InputError(
                    f"the word {word!r} is none of the {self.vocab_size} in this vocabulary, "
                    f"which has no {UNKNOWN}; use its words only"
                )

    def _knows(self, word: str) -> bool:
        """Whether a word is a token, asked of the library without having it copy its vocabulary."""
        try:
            return self.core.token_to_id(word) is not None
        except UnicodeEncodeError:  # a word with halves of characters in it is none
            return False


def word_tokenizer(
    words: Sequence[str], *, end_token: str | None = None, pad_token: str | None = None
) -> Tokenizer:
    """Make a tokenizer with one token a word; a word's id is its place in the list.

    Args:
        words: The vocabulary, without repetitions or white space. If it holds `<unk>`, words
            outside it become that; otherwise they are refused.
        end_token: The word that ends a text, if there is one.
        pad_token: The word that fills a row, if there is one.

    Raises:
        InputError: If a word is empty, contains white space or is listed twice.
    """
    vocabulary: dict[str, int] = {}
    for index, word in enumerate(words):
        if word.split() != [word]:
            raise InputError(f"words[{index}]={word!r} is empty or contains white space")
        if word in vocabulary:
            raise InputError(f"words[{index}]={word!r} repeats words[{vocabulary[word]}]")
        vocabulary[word] = index
    # Without <unk> the wrapper refuses unknown words, so the name given here is never used.
    core = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens([token for token in (end_token, pad_token) if token in vocabulary])
    return Tokenizer(core, end_token=end_token, pad_token=pad_token)


def train_bpe(source: Iterable[str] | Path, *, vocab_size: int) -> Tokenizer:
    """Learn a byte-level BPE: any text can be encoded, and decoding gives it back exactly.

    Args:
        source: Texts, or a UTF-8 text file, or a folder whose `*.txt` files are read in the order
            of their names.
        vocab_size: Tokens wanted: 256 bytes, `<|endoftext|>` (id 0) and merges. A small text
            may not have that many merges.

    Raises:
        InputError: If `vocab_size` is below 257, or a path holds no text.

    Source:
        Sennrich et al. 2016 (1508.07909); on bytes as in GPT-2 (Radford et al. 2019).
    """
    if vocab_size < 257:
        raise InputError(f"vocab_size={vocab_size} must be at least 257: 256 bytes, {END_OF_TEXT}")
    texts = _texts_of(source) if isinstance(source, Path) else source
    core = tokenizers.Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return Tokenizer(core, end_token=END_OF_TEXT)


def _refuse_broken_text(texts: Sequence[str]) -> None:
    """Find the text that the library could not turn into UTF-8."""
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"a text is not UTF-8: it has {text[error.start]!r} at character {error.start}"
            ) from None


def _texts_of(path: Path) -> Iterator[str]:
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"the folder {path} holds no *.txt file")
    for file in files:
        try:
            with file.open(encoding="utf-8") as text:
                while piece := text.readlines(BYTES_READ_AT_ONCE):
                    yield "".join(piece)
        except FileNotFoundError:
            raise InputError(f"there is no text file {file}") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8 (byte {error.start} of a line)") from error


def _read_settings(path: Path) -> dict[str, str]:
    """The names of special tokens in a tokenizer_config.json; none if there is no such file."""
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    found = {}
    for name in ("eos_token", "pad_token"):
        token = settings.get(name)
        if isinstance(token, dict):  # older files keep a token with its flags
            token = token.get("content")
        if isinstance(token, str):
            found[name] = token
    return found
