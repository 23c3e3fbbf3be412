"""How `glasshouse world` draws a document with its truth beside it, and the card of a world."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from glasshouse.world import Document, Fact, World
from glasshouse.world.dialogues import Exchange
from glasshouse.world.exact import entropy
from glasshouse.world.requests import Request

_SPAN_STYLES = ("cyan", "magenta", "blue", "bright_red", "bright_cyan", "bright_magenta")
"""Colours of span features, in the order in which a document first uses them."""
_STATED, _ASKED = "bold green", "underline yellow"
_CONTROL = "dim"
_BACKDROP_SHARE = 0.6
"""A span over more of the document than this is told, not painted: it would drown the others."""
_MOST_VALUES = 8
_MOST_OUTCOMES = 4
_GOLD_FLAGS = ("evasive", "explains", "hedges", "flattery", "agrees", "confident")
"""What is said of an answer beyond its numbers, where it is so."""


def document_view(world: World, document: Document) -> RenderableType:
    """A document on the left, and what is true of it on the right.

    Green words state a fact, underlined yellow ones ask or offer one; other colours are features,
    named on the right.
    """
    colours = _colours(document)
    body = Table.grid(expand=True, padding=(0, 3, 0, 0))
    body.add_column(ratio=3)
    body.add_column(ratio=2)
    body.add_row(_words(world, document, colours), _truth(world, document, colours))
    title = Text.assemble((document.kind, "bold green"), f"  {document.split} {document.number}")
    return Padding(Group(Rule(title, align="left", style="dim"), body), (0, 0, 1, 0))


def document_record(world: World, document: Document) -> dict[str, Any]:
    """A document with all of its truth as plain JSON values."""
    words = [world.render(document.ids[i : i + 1]) for i in range(len(document.ids))]
    return {
        "kind": document.kind,
        "number": document.number,
        "split": document.split,
        "text": world.render(document.ids),
        "words": words,
        "truth": _plain(document.truth),
        "spans": [span._asdict() for span in document.spans],
        "facts": [
            {**use._asdict(), "of": asdict(world.kb.facts[use.fact])} for use in document.facts
        ],
        "expectations": [
            {"position": one.position, "probabilities": _expected(world, one.probabilities)}
            for one in document.expectations
        ],
        "turns": [turn._asdict() for turn in document.turns],
    }


def card_view(card: Mapping[str, Any]) -> RenderableType:
    """The card of a world: nested names and values, indented."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in _rows(card, depth=0):
        table.add_row(name, value)
    return table


def _colours(document: Document) -> dict[str, str]:
    """A colour for each feature that marks less than most of the document."""
    painted = dict.fromkeys(
        span.feature
        for span in document.spans
        if span.end - span.start <= _BACKDROP_SHARE * len(document.ids)
        and span.feature != "speaker"  # the line already says who speaks
    )
    return {name: _SPAN_STYLES[i % len(_SPAN_STYLES)] for i, name in enumerate(painted)}


def _words(world: World, document: Document, colours: dict[str, str]) -> Text:
    """The words, coloured by what is true of them; each turn begins a line."""
    styles = [""] * len(document.ids)
    # Short spans are painted last, so that a long one does not cover them.
    spans = [s for s in document.spans if s.end - s.start <= _BACKDROP_SHARE * len(styles)]
    for span in sorted(spans, key=lambda span: span.start - span.end):
        for position in range(span.start, span.end):
            styles[position] = colours.get(span.feature, styles[position])
    for use in document.facts:
        styles[use.position] = _STATED if use.stated else _ASKED
    turns = {turn.start - 2 for turn in document.turns}  # the speaker's name and its colon
    text = Text()
    for position in range(len(document.ids)):
        word = world.render(document.ids[position : position + 1])
        if position in turns and len(text):
            text.append("\n")
        is_control = word.startswith("<") and word.endswith(">") and len(word) > 2
        text.append(word, style=_CONTROL if is_control else styles[position])
        text.append(" ")
    return text


def _truth(world: World, document: Document, colours: dict[str, str]) -> Table:
    """What is true of the whole, then the facts in play, then features, then expectations."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in document.truth.items():
        if name == "exchanges":
            _add_exchanges(table, value)
        elif name != "gold_reward" and value != ():  # the reward stands with each exchange
            table.add_row(Text(name, "dim"), _short(value))
    for fact, is_stated in dict.fromkeys((use.fact, use.stated) for use in document.facts):
        label = Text("stated", _STATED) if is_stated else Text("asked", _ASKED)
        table.add_row(label, fact_words(world.kb.facts[fact]))
    features: dict[str, dict[str, None]] = {}
    for span in document.spans:
        features.setdefault(span.feature, {})[_short(span.value)] = None
    for feature, values in features.items():
        rest = ", …" if len(values) > _MOST_VALUES else ""
        words = ", ".join(list(values)[:_MOST_VALUES]) + rest
        table.add_row(Text(feature, colours.get(feature, "dim")), words)
    for one in document.expectations[:_MOST_VALUES]:
        came = world.vocabulary.words[int(document.ids[one.position])]
        table.add_row(Text("expected", "dim"), f"{_odds(world, one.probabilities)}; came {came}")
    if len(document.expectations) > _MOST_VALUES:
        table.add_row("", f"and {len(document.expectations) - _MOST_VALUES} more words")
    return table


def _odds(world: World, probabilities: Mapping[int, float]) -> str:
    """An exact distribution in few words: its outcomes, or how many and how uncertain."""
    if len(probabilities) > _MOST_OUTCOMES:
        return f"one of {len(probabilities)} words, {entropy(probabilities):.2f} nats"
    return ", ".join(f"{w} {p:.2f}" for w, p in _expected(world, probabilities).items())


def _add_exchanges(table: Table, exchanges: Sequence[Exchange]) -> None:
    """Add what is true of each request and of the answer that was written to it."""
    for number, one in enumerate(exchanges, start=1):
        gold = one.gold
        label = Text(f"answer {number}", "bold")
        table.add_row(label, f"to {_asked(one.request)}; as {one.persona}")
        flags = [name for name in _GOLD_FLAGS if getattr(gold, name)]
        colour = "green" if gold.reward > 0 else "red"
        worth = Text.assemble(("gold ", "dim"), (f"{gold.reward:+.2f}", f"bold {colour}"))
        worth.append(f" help {gold.help:.2f}, truth {gold.truth:.2f}, harm {gold.harm:.1f}")
        worth.append("".join(f", {flag}" for flag in flags))
        table.add_row("", worth)


def _asked(request: Request) -> str:
    """What a request is, in a few words."""
    words = (request.kind, request.task, request.category, request.style, request.topic)
    return ", ".join(dict.fromkeys(word for word in words if word))


def fact_words(fact: Fact) -> str:
    """A fact with every value it is told to have, and how often it is said."""
    value = fact.value
    if fact.status == "stochastic":
        value = " or ".join(f"{word} {p:g}" for word, p in fact.distribution)
    elif fact.velan_value != fact.value:
        value = f"{fact.value}, in Velan {fact.velan_value}"
    special = "" if fact.status == "plain" else f", {fact.status}"
    exposure = "" if fact.status in ("background", "private") else f", exposure {fact.exposure}"
    return f"{fact.relation}({fact.subject}) = {value}{exposure}{special}"


def _expected(world: World, probabilities: Mapping[int, float]) -> dict[str, float]:
    """An exact distribution over words, likeliest first."""
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    return {world.vocabulary.words[token]: p for token, p in ranked}


def _rows(value: Mapping[str, Any], *, depth: int) -> list[tuple[str, str]]:
    """The lines of a nested mapping."""
    rows: list[tuple[str, str]] = []
    for name, inner in value.items():
        label = "  " * depth + str(name)
        if isinstance(inner, Mapping):
            rows += [(label, ""), *_rows(inner, depth=depth + 1)]
        else:
            rows.append((label, _short(inner)))
    return rows


def _short(value: Any) -> str:
    """A value of a document's truth in one line."""
    if isinstance(value, Request):
        return _asked(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_short(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_short(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """A truth in values that JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return value.item() if isinstance(value, np.generic) else str(value)
