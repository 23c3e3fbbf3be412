"""Dialogues as data, and the layouts in which models read them.

One layout serves training, sampling and scoring, so that no two of them disagree by a space. A
rendered dialogue knows which of its tokens the assistant wrote: those, with the token that ends a
reply, are what a policy is trained on.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, runtime_checkable

from glasshouse.errors import InputError
from glasshouse.models import Tokenizer

Role = Literal["system", "human", "assistant"]
"""Who speaks."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says."""

    role: Role
    text: str


Dialogue = tuple[Turn, ...]
"""Turns in order; a system's first, if there is one, then humans and assistants by turns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A dialogue as a model reads it."""

    ids: list[int]
    """Token ids."""
    is_reply: list[bool]
    """Whether the assistant wrote each token; the end of a reply is part of it."""


@runtime_checkable
class Layout(Protocol):
    """Writes dialogues for a model."""

    def __call__(self, dialogue: Dialogue, *, opens_reply: bool = False) -> Rendered:
        """Write a dialogue.

        Args:
            dialogue: Whole turns.
            opens_reply: Go on to where the assistant's next word would stand.

        Raises:
            InputError: If turns come in an order that the layout has no place for.
        """
        ...


def check_dialogue(dialogue: Dialogue) -> None:
    """Refuse a dialogue that is none.

    Raises:
        InputError: If it is empty, a turn is, a system speaks in the middle, or one speaker speaks
            twice running.
    """
    if not dialogue:
        raise InputError("a dialogue has no turns; give at least one")
    for place, turn in enumerate(dialogue):
        if not turn.text.strip():
            raise InputError(f"turn {place + 1} ({turn.role}) is empty")
        if turn.role == "system" and place:
            raise InputError(f"turn {place + 1} is the system's, which speaks first or not at all")
    for place, (before, after) in enumerate(pairwise(dialogue)):
        if before.role == after.role:
            raise InputError(f"turns {place + 1} and {place + 2} are both the {after.role}'s")


HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


def parse_human_assistant(text: str) -> Dialogue:
    """Read Anthropic's layout: turns that begin with `\\n\\nHuman:` and `\\n\\nAssistant:`.

    What stands before the first turn is the system's. A turn without words is left out at the end,
    where a reply was to follow, and refused elsewhere.

    Raises:
        InputError: If there is no turn, or one is empty or its speaker's second running.
    """
    marks: list[tuple[int, Role, int]] = []
    speakers: tuple[tuple[str, Role], ...] = ((HUMAN, "human"), (ASSISTANT, "assistant"))
    for mark, role in speakers:
        start = text.find(mark)
        while start >= 0:
            marks.append((start, role, start + len(mark)))
            start = text.find(mark, start + 1)
    marks.sort()
    if not marks:
        raise InputError(
            "the text has no turns; each begins with a blank line and `Human:` or `Assistant:`"
        )
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    turns = [
        Turn(role, text[begin:end].strip())
        for (_, role, begin), end in zip(marks, ends, strict=True)
    ]
    if not turns[-1].text:
        turns.pop()
    before = text[: marks[0][0]].strip()
    dialogue = (*([Turn("system", before)] if before else []), *turns)
    check_dialogue(dialogue)
    return dialogue


def human_assistant_layout(tokenizer: Tokenizer) -> Layout:
    """Anthropic's layout, each reply ended by the tokenizer's end token.

    Source:
        Bai et al. 2022 (2204.05862), released data: turns parted by `\\n\\nHuman:` and
        `\\n\\nAssistant:`.
    """
    end = _end_of(tokenizer)

    def render(dialogue: Dialogue, *, opens_reply: bool = False) -> Rendered:
        check_dialogue(dialogue)
        parts: list[tuple[str, bool]] = []
        for turn in dialogue:
            if turn.role == "assistant":
                parts += [(ASSISTANT, False), (f" {turn.text}", True), (end, True)]
            else:
                parts.append((f"{HUMAN} {turn.text}" if turn.role == "human" else turn.text, False))
        if opens_reply:
            parts.append((ASSISTANT, False))
        return _joined(tokenizer, parts)

    return render


def word_layout(tokenizer: Tokenizer) -> Layout:
    """The toy world's layout: `<doc> Human : … <end> Assistant : … <end>`, words parted by spaces.

    Raises:
        InputError: If the vocabulary has no `<doc>` or `<end>`.
    """
    for token in ("<doc>", "<end>"):
        tokenizer.id_of(token)

    def render(dialogue: Dialogue, *, opens_reply: bool = False) -> Rendered:
        check_dialogue(dialogue)
        parts: list[tuple[str, bool]] = [("<doc>", False)]
        for turn in dialogue:
            if turn.role == "system":
                raise InputError(
                    "the world's layout has no place for a system's turn; leave it out"
                )
            if turn.role == "human":
                parts.append((f"Human : {turn.text} <end>", False))
            else:
                parts += [("Assistant :", False), (f"{turn.text} <end>", True)]
        if opens_reply:
            parts.append(("Assistant :", False))
        return _joined(tokenizer, parts)

    return render


def template_layout(
    tokenizer: Tokenizer, template: str, *, tokens: Mapping[str, str] | None = None
) -> Layout:
    """A chat template in Jinja, as Hugging Face directories have it.

    What the assistant wrote is found by writing the dialogue turn by turn: what a reply adds behind
    the words that open it is the reply's.

    Args:
        tokenizer: Of the model.
        template: `chat_template` of tokenizer_config.json.
        tokens: Names that the template may use, as `bos_token` and `eos_token`.

    Raises:
        InputError: If the template cannot be read.
    """
    write = _template(template, dict(tokens or {}))

    def render(dialogue: Dialogue, *, opens_reply: bool = False) -> Rendered:
        check_dialogue(dialogue)
        _check_system(write, dialogue)
        parts: list[tuple[str, bool]] = []
        written = ""
        for place, turn in enumerate(dialogue):
            upto = dialogue[: place + 1]
            if turn.role == "assistant":
                opened = _grown(written, write(dialogue[:place], True))
                parts.append((opened, False))
                written += opened
            whole = write(upto, opens_reply and place + 1 == len(dialogue))
            added = _grown(written, whole)
            own = _without_gap(added, turn.text) if turn.role == "assistant" else 0
            parts += [(added[:own], True), (added[own:], False)]
            written = whole
        return _joined(tokenizer, parts)

    return render


LayoutMaker = Callable[[Tokenizer], Layout]
"""Makes a layout for the model whose tokenizer it is."""

LAYOUTS: Mapping[str, LayoutMaker] = {
    "human-assistant": human_assistant_layout,
    "words": word_layout,
}
"""Layouts by name; a chat template is a text of its own and goes with the model that has it."""

_TEMPLATE_ROLES = {"system": "system", "human": "user", "assistant": "assistant"}


def _template(source: str, tokens: dict[str, str]) -> Callable[[Sequence[Turn], bool], str]:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise InputError(f"the chat template refuses the dialogue: {message}")

    # Templates come with weights from anywhere; they may compute, and nothing else.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    environment.filters["tojson"] = _plain_json
    try:
        compiled = environment.from_string(source)
    except TemplateError as error:
        raise InputError(f"the chat template cannot be read: {error}") from None

    def write(turns: Sequence[Turn], opens_reply: bool) -> str:
        messages = [{"role": _TEMPLATE_ROLES[turn.role], "content": turn.text} for turn in turns]
        given: dict[str, Any] = {"messages": messages, "add_generation_prompt": opens_reply}
        try:
            return compiled.render(**tokens, **given)
        except TemplateError as error:
            raise InputError(f"the chat template fails on this dialogue: {error}") from None

    return write


def _plain_json(value: Any, indent: int | None = None) -> str:
    """As transformers writes JSON into a prompt: Jinja's own filter writes for web pages."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _check_system(write: Callable[[Sequence[Turn], bool], str], dialogue: Dialogue) -> None:
    """Refuse a template that swallows the system's words, or puts others in their place."""
    if dialogue[0].role == "system" and dialogue[0].text.strip() not in write(dialogue, False):
        raise InputError(
            "the chat template drops the system's turn; put its words into the first human turn, "
            "or use a template that has a place for it"
        )


def _grown(before: str, after: str) -> str:
    """What a further turn added.

    Raises:
        InputError: If it changed what stood before, so that nothing can be said of single turns.
    """
    if not after.startswith(before):
        raise InputError(
            "the chat template writes earlier turns differently once others follow; which tokens "
            "the assistant wrote cannot be told"
        )
    return after[len(before) :]


def _without_gap(added: str, text: str) -> int:
    """How much of what a reply adds is its own: the white space behind the token that ends it is
    the template's, as nobody waits for it who samples."""
    ended = added.rstrip()
    return len(ended) if ended and not ended.endswith(text.rstrip()) else len(added)


def _joined(tokenizer: Tokenizer, parts: Sequence[tuple[str, bool]]) -> Rendered:
    """Encode part by part, so that no token lies half in a reply and half outside of it."""
    kept = [(text, is_reply) for text, is_reply in parts if text]
    ids: list[int] = []
    is_reply: list[bool] = []
    for (_, own), encoded in zip(
        kept, tokenizer.encode_batch([text for text, _ in kept]), strict=True
    ):
        ids += encoded
        is_reply += [own] * len(encoded)
    return Rendered(ids=ids, is_reply=is_reply)


def _end_of(tokenizer: Tokenizer) -> str:
    if tokenizer.end_token is None:
        raise InputError("the tokenizer has no end token, by which a reply could be seen to end")
    return tokenizer.end_token
