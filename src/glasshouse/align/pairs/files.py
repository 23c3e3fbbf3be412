"""Shapes in which others publish comparisons, made records of ours.

- pairs with a label (LLMBar): `input`, `output_1`, `output_2`, `label` 1 or 2
- pairs that several people judged (PandaLM): `instruction`, `input`, `response1`, `response2`, and
  `annotator1`, … with 1, 2 or 0 for a tie; the share that prefers the first becomes its probability
- trees of messages whose replies are ranked (Open Assistant): every two sibling replies of
  different rank are a comparison, below all that was said before
- lists of messages (`chosen` and `rejected`, as many trainers want them)

Source:
    Zeng et al. 2023, "LLMBar" (2310.07641); Wang et al. 2023, "PandaLM" (2306.05087); Köpf et al.
    2023, "OpenAssistant conversations" (2304.07327): the formats of the data that came with them.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from glasshouse.errors import InputError

Record = dict[str, Any]
_VOTES = {1: 1.0, 2: 0.0, 0: 0.5}
"""Share of a vote that goes to the first reply."""
_TREE_ROLES = {"prompter": "human", "assistant": "assistant"}


def own_records(record: Any) -> list[Any]:
    """Records with the names that `comparison_of` knows; what is in no foreign shape is given back.

    Raises:
        InputError: If a record of a foreign shape lacks what makes it one.
    """
    if not isinstance(record, dict):
        return [record]
    if "output_1" in record or "output_2" in record:
        return [_labelled(record)]
    if "response1" in record or "response2" in record:
        return [_voted(record)]
    if isinstance(record.get("prompt"), dict):
        return _ranked(record["prompt"])
    if isinstance(record.get("chosen"), list):
        return [_messages(record)]
    return [record]


def _labelled(record: Record) -> Record:
    label = record.get("label")
    if label not in (1, 2):
        raise InputError(f"label={label!r} must be 1 or 2, the better output")
    return {
        "prompt": _text(record, "input"),
        "first": _text(record, "output_1"),
        "second": _text(record, "output_2"),
        "p_first": _VOTES[label],
    }


def _voted(record: Record) -> Record:
    votes = [value for name, value in record.items() if name.startswith("annotator")]
    if not votes or any(vote not in _VOTES for vote in votes):
        raise InputError(f"annotators say {votes}, not 1, 2 or (a tie) 0 each")
    asked = [record.get("instruction"), record.get("input")]
    return {
        "prompt": "\n\n".join(part for part in asked if isinstance(part, str) and part.strip()),
        "first": _text(record, "response1"),
        "second": _text(record, "response2"),
        "p_first": sum(_VOTES[vote] for vote in votes) / len(votes),
    }


def _text(record: Record, name: str) -> str:
    found = record.get(name)
    if not isinstance(found, str):
        raise InputError(f"{name}={found!r} is no text")
    return found


def _ranked(message: Record) -> list[Record]:
    return list(_pairs(message, []))


def _pairs(message: Any, before: list[Record]) -> Iterator[Record]:
    """Comparisons among the replies to a message, and then those below each reply."""
    if not isinstance(message, dict) or message.get("role") not in _TREE_ROLES:
        raise InputError("a message of a tree has no role, or one that is no prompter's")
    replies = message.get("replies", [])
    if not isinstance(replies, list):
        raise InputError("the replies of a message are no list")
    said = [*before, {"role": _TREE_ROLES[message["role"]], "text": message.get("text")}]
    ranked = [
        reply
        for reply in replies
        if isinstance(reply, dict)
        and reply.get("role") == "assistant"
        and isinstance(reply.get("rank"), int)
    ]
    for one, other in combinations(sorted(ranked, key=lambda reply: reply["rank"]), 2):
        if one["rank"] < other["rank"]:
            yield {"prompt": said, "chosen": one.get("text"), "rejected": other.get("text")}
    for reply in replies:
        yield from _pairs(reply, said)


def _messages(record: Record) -> Record:
    chosen, rejected = record["chosen"], record.get("rejected")
    for name, given in (("chosen", chosen), ("rejected", rejected)):
        last = given[-1] if isinstance(given, list) and given else None
        if not isinstance(last, dict) or last.get("role") != "assistant":
            raise InputError(f"the {name} messages do not end with a reply")
    assert isinstance(rejected, list)
    if chosen[:-1] != rejected[:-1]:
        raise InputError("the dialogues differ before their last turn; one prompt has two replies")
    before = record.get("prompt", [])
    if isinstance(before, str):
        before = [{"role": "user", "content": before}] if not chosen[:-1] else []
    return {
        "prompt": [*(before if not chosen[:-1] else []), *chosen[:-1]],
        "chosen": chosen[-1].get("content", chosen[-1].get("text")),
        "rejected": rejected[-1].get("content", rejected[-1].get("text")),
    }
