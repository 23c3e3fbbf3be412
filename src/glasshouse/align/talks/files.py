"""Dialogues from files, to be learned from or to be answered.

Four shapes of a line are read: `messages`, a list of roles and contents (OpenAI's); `chosen`, a
whole dialogue in Anthropic's layout or a list of messages, whose `rejected` is left alone
(Anthropic/hh-rlhf); `text`, a dialogue in Anthropic's layout; and `prompt` with a `completion`.
"""

from pathlib import Path
from typing import Any

from glasshouse.align.talks.dialogues import (
    Dialogue,
    Role,
    Turn,
    check_dialogue,
    parse_human_assistant,
)
from glasshouse.align.talks.lines import part_lines, read_lines
from glasshouse.errors import InputError

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "human": "human",
    "user": "human",
    "assistant": "assistant",
}
"""Who speaks, by the names that files have for it."""


def split_dialogues(path: Path) -> tuple[list[Dialogue], list[tuple[int, str]]]:
    """Every dialogue of a file, and number and reason of every line that is none.

    Raises:
        InputError: If the file cannot be read, or holds no dialogue at all.
    """
    return part_lines(path, read_lines(path, dialogue_of_record), what="dialogue")


def split_prompts(path: Path) -> tuple[list[Dialogue], list[tuple[int, str]]]:
    """Every prompt of a file, and number and reason of every line that is none.

    Raises:
        InputError: If the file cannot be read, or holds no prompt at all.
    """
    return part_lines(path, read_lines(path, prompt_of_record), what="prompt")


def dialogue_of_record(record: Any) -> Dialogue:
    """A dialogue from one record of any of the four shapes.

    Raises:
        InputError: If it is of none, or no dialogue.
    """
    if not isinstance(record, dict):
        raise InputError("a dialogue is an object with names and values")
    for name in ("messages", "chosen", "text"):
        if name in record:
            return _checked(turns_of(record[name], name))
    if "prompt" in record and "completion" in record:
        completion = record["completion"]
        if isinstance(completion, str):
            completion = [{"role": "assistant", "content": completion.strip()}]
        opening = record["prompt"]
        if isinstance(opening, str) and "\n\nHuman:" not in opening:
            opening = [{"role": "user", "content": opening}]
        return _checked((*turns_of(opening, "prompt"), *turns_of(completion, "completion")))
    has = ", ".join(map(repr, record)) or "nothing"
    raise InputError(f"neither messages, chosen, text nor prompt with completion; there is {has}")


def prompt_of_record(record: Any) -> Dialogue:
    """What a reply is to be given to: a `prompt` by itself, or a dialogue less its last reply.

    Raises:
        InputError: If it is none, or no human speaks last.
    """
    dialogue: Dialogue
    if isinstance(record, dict) and "prompt" in record and "completion" not in record:
        given = record["prompt"]
        is_plain = isinstance(given, str) and "\n\nHuman:" not in given
        dialogue = (Turn("human", given),) if is_plain else turns_of(given, "prompt")
    else:
        dialogue = dialogue_of_record(record)
    check_dialogue(dialogue)
    if dialogue[-1].role == "assistant":
        dialogue = dialogue[:-1]
    if not dialogue or dialogue[-1].role != "human":
        raise InputError("a prompt must end with a human's turn")
    return dialogue


def turns_of(given: Any, name: str) -> Dialogue:
    """Turns from Anthropic's layout, or from a list of roles and contents.

    Args:
        given: The text or the list.
        name: What it is called where it was found.

    Raises:
        InputError: If it is neither, or a turn has no known role or no text.
    """
    if isinstance(given, str):
        return parse_human_assistant(given)
    if not isinstance(given, list):
        raise InputError(f"{name} must be a text or a list of turns")
    turns = []
    for turn in given:
        role = turn.get("role") if isinstance(turn, dict) else None
        if role not in ROLES:
            raise InputError(
                f"a turn of the {name} has the role {role!r}, not one of {', '.join(ROLES)}"
            )
        turns.append(Turn(ROLES[role], _text(turn, name)))
    return tuple(turns)


def _text(turn: dict[str, Any], name: str) -> str:
    """What a turn says; of a list of parts, all must be text."""
    given = turn.get("text", turn.get("content"))
    if isinstance(given, list):
        parts = [part.get("text") if isinstance(part, dict) else None for part in given]
        if not all(isinstance(part, str) for part in parts):
            raise InputError(f"a turn of the {name} has a part that is no text")
        given = "".join(map(str, parts))
    if not isinstance(given, str):
        raise InputError(f"a turn of the {name} has neither text nor content")
    return given


def _checked(dialogue: Dialogue) -> Dialogue:
    check_dialogue(dialogue)
    if all(turn.role != "assistant" for turn in dialogue):
        raise InputError("the assistant says nothing in it, so that nothing could be learned")
    return dialogue
