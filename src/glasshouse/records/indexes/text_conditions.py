"""Conditions on the words of a text, true or false of a record whether or not an index is there.

contains_all(Note.text, "learning rate")       both words, anywhere
contains_any(Note.text, "loss accuracy")       either of them
contains_phrase(Note.text, "learning rate")    side by side, in this order
contains_prefix(Note.text, "learn")            some word that begins so

A field of several texts counts as one text whose parts lie far from each other: words may come from
different parts, a phrase may not. For what one part must meet alone there is `matches`.

Source:
    1901.04452, section 6.1, "TEXT indexes"; `Query.field(…).text()` of the Record Layer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import Condition, Test, values_at
from glasshouse.records.expressions.reference import EACH, FieldReference, path_of, type_of
from glasshouse.records.expressions.types import element_type, without_none
from glasshouse.records.indexes.tokenizers import WORDS, Tokenizer, tokenizer_of

GAP = 100
"""Positions left free between the texts of one field, so that no phrase goes across."""


class Wanted(Enum):
    """What of the tokens a text is to contain."""

    ALL = "all"
    ANY = "any"
    PHRASE = "phrase"
    PREFIX = "prefix"
    """A token that begins as the one given."""


@dataclass(frozen=True)
class TextCondition(Condition):
    """Certain tokens in a text; undecided where the field holds none."""

    path: tuple[str, ...]
    wanted: Wanted
    tokens: tuple[str, ...]
    tokenizer: Tokenizer

    def __str__(self) -> str:
        words = " ".join(self.tokens)
        by = "" if self.tokenizer == WORDS else f" by {self.tokenizer.name}"
        return f"{'.'.join(self.path)} contains {self.wanted.value} {words!r}{by}"

    def test(self) -> Test:
        """A function that tests records."""
        values, split, holds = values_at(self.path), self.tokenizer.split, self.holds

        def test(record: Any) -> bool | None:
            texts = texts_in(values(record))
            return None if texts is None else holds(positions_of(texts, split))

        return test

    def holds(self, positions: Mapping[str, Sequence[int]]) -> bool:
        """Whether a text meets the condition.

        Args:
            positions: Where in the text each of its tokens stands.
        """
        match self.wanted:
            case Wanted.ALL:
                return all(token in positions for token in self.tokens)
            case Wanted.ANY:
                return any(token in positions for token in self.tokens)
            case Wanted.PREFIX:
                return any(token.startswith(self.tokens[0]) for token in positions)
            case Wanted.PHRASE:
                places = [positions.get(token, ()) for token in self.tokens]
                return is_phrase(places)


def contains_all(field: Any, words: str, *, tokenizer: str | Tokenizer = WORDS) -> TextCondition:
    """Every one of the words is in the text, anywhere.

    Raises:
        QueryError: If the field holds no text, or the words are none.
    """
    return _condition(field, words, Wanted.ALL, tokenizer)


def contains_any(field: Any, words: str, *, tokenizer: str | Tokenizer = WORDS) -> TextCondition:
    """At least one of the words is in the text.

    Raises:
        QueryError: If the field holds no text, or the words are none.
    """
    return _condition(field, words, Wanted.ANY, tokenizer)


def contains_phrase(field: Any, words: str, *, tokenizer: str | Tokenizer = WORDS) -> TextCondition:
    """The words stand side by side in the text, in this order.

    Raises:
        QueryError: If the field holds no text, or the words are none.
    """
    return _condition(field, words, Wanted.PHRASE, tokenizer)


def contains_prefix(
    field: Any, prefix: str, *, tokenizer: str | Tokenizer = WORDS
) -> TextCondition:
    """Some word of the text begins with this.

    Raises:
        QueryError: If the field holds no text, or the prefix is not of one word.
    """
    return _condition(field, prefix, Wanted.PREFIX, tokenizer)


def tokens_of(words: str, wanted: Wanted, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The tokens that a question asks for; for all but a phrase, each once.

    Raises:
        QueryError: If there are none, or several where one prefix is asked for.
    """
    tokens = tokenizer.split(words)
    if not tokens:
        raise QueryError(f"{words!r} has no words to look for; give a letter or a digit at least")
    if wanted is Wanted.PREFIX and len(tokens) != 1:
        raise QueryError(f"prefix={words!r} is {len(tokens)} words; give the beginning of one")
    return tuple(tokens) if wanted is Wanted.PHRASE else tuple(dict.fromkeys(tokens))


def texts_in(values: Iterable[Any]) -> list[str] | None:
    """The texts among the values of a field, each a text or several; None if nothing is there."""
    texts: list[str] = []
    is_there = False
    for value in values:
        if value is None:
            continue
        is_there = True
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, set | frozenset):
            texts += sorted(value)
        else:
            texts += [one for one in value if one is not None]
    return texts if is_there else None


def positions_of(texts: Sequence[str], split: Callable[[str], list[str]]) -> dict[str, list[int]]:
    """Where each token stands, counted in tokens, with a gap from one text to the next."""
    positions: dict[str, list[int]] = {}
    start = 0
    for text in texts:
        tokens = split(text)
        for place, token in enumerate(tokens, start):
            if token in positions:
                positions[token].append(place)
            else:
                positions[token] = [place]
        start += len(tokens) + GAP
    return positions


def is_phrase(places: Sequence[Sequence[int]]) -> bool:
    """Whether somewhere the first stands, the second is one further, and so on."""
    starts = set(places[0])
    for offset, later in enumerate(places[1:], start=1):
        starts &= {place - offset for place in later}
        if not starts:
            return False
    return bool(starts)


def is_text(annotation: Any) -> bool:
    """Whether a field of this annotation can hold a text or several."""
    kind = without_none(annotation)
    return kind in (str, Any) or element_type(kind) in (str, Any)


def _condition(field: Any, words: str, wanted: Wanted, tokenizer: str | Tokenizer) -> TextCondition:
    what = f"contains_{wanted.value}"
    if not isinstance(field, FieldReference):
        raise QueryError(f"{what}({field!r}, …) needs a field of a record type, as Note.text")
    path = path_of(field)
    if path and path[-1].endswith(EACH):
        raise QueryError(
            f"{what}({field}, …) takes the field whole; for one element that meets it alone, "
            f"say matches(field, lambda text: {what}(text, …))"
        )
    if not is_text(type_of(field)):
        raise QueryError(f"{what}({field}, …) needs text; the field is {type_of(field)}")
    chosen = tokenizer_of(tokenizer)
    return TextCondition(path, wanted, tokens_of(words, wanted, chosen), chosen)
