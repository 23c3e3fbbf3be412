"""Constitutions: the principles by which replies are criticised, revised and chosen, as data.

A principle is asked in three ways: what a critic is asked, what a writer is then asked, and what
a judge of two replies is asked. A constitution is a list of them that people can read and change,
in JSON or TOML.

Source:
    Bai et al. 2022 (2212.08073), sections 1.2 and 3.1, and appendix C for what a principle holds.
    The principles here are our own.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.world.principles import PRINCIPLES


@dataclass(frozen=True, kw_only=True, slots=True)
class Principle:
    """One thing that replies are held to."""

    name: str
    """How it is called in files and tables."""
    critique: str
    """What a critic of one reply is asked."""
    revise: str
    """What a writer who has read the critique is asked; empty where the layout asks it itself."""
    choose: str
    """What a judge of two replies is asked."""

    def __post_init__(self) -> None:
        for field in ("name", "critique", "choose"):
            if not getattr(self, field).strip():
                raise InputError(
                    f"principle {self.name!r} has an empty {field}; write what is asked"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Constitution:
    """Principles that are used together."""

    name: str
    """How it is called in files and tables."""
    principles: tuple[Principle, ...]
    """All of them, in a fixed order, each name once."""

    def __post_init__(self) -> None:
        if not self.principles:
            raise InputError(f"constitution {self.name!r} has no principles; give at least one")
        names = [each.name for each in self.principles]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"constitution {self.name!r} has two principles named {twice[0]!r}")

    def principle(self, name: str) -> Principle:
        """One of them by name.

        Raises:
            InputError: If there is none of that name.
        """
        for each in self.principles:
            if each.name == name:
                return each
        raise InputError(
            f"constitution {self.name!r} has no principle {name!r}; there are "
            f"{', '.join(each.name for each in self.principles)}"
        )

    def only(self, names: Sequence[str], *, name: str = "") -> "Constitution":
        """Some of the principles, in the order given.

        Args:
            names: Which.
            name: Of the smaller constitution; by default of both.

        Raises:
            InputError: If one of them is unknown, or none is named.
        """
        chosen = tuple(self.principle(each) for each in names)
        return Constitution(name=name or f"{self.name}: {', '.join(names)}", principles=chosen)


def read_constitution(path: Path) -> Constitution:
    """Read a constitution: TOML if the file's name ends in .toml, else JSON.

    Raises:
        InputError: If the file cannot be read or holds none: with the principle that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        record = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a constitution: {error}") from None
    try:
        return _constitution_of(record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def write_constitution(constitution: Constitution, path: Path) -> None:
    """Write what `read_constitution` reads: TOML if the file's name ends in .toml, else JSON."""
    if path.suffix.lower() == ".toml":
        lines = [f"name = {_toml(constitution.name)}"]
        for each in constitution.principles:
            lines += ["", "[[principles]]"]
            lines += [f"{field} = {_toml(value)}" for field, value in asdict(each).items()]
        write_atomically(path, "\n".join(lines) + "\n")
        return
    write_atomically(path, json.dumps(asdict(constitution), indent=1, ensure_ascii=False) + "\n")


def world_constitution(names: Sequence[str] = (), *, wording: int = 0) -> Constitution:
    """The toy world's own principles.

    Args:
        names: Which, by name; by default all eight.
        wording: 0, as the world's documents put them, or 1, as only those of split "test" do.

    Raises:
        InputError: If there is no such principle or wording.
    """
    if wording not in (0, 1):
        raise InputError(f"wording={wording} must be 0 or 1; the world puts each principle twice")
    whole = Constitution(
        name="world",
        principles=tuple(
            Principle(
                name=each.name,
                critique=each.questions[wording],
                revise="",
                choose=each.questions[wording],
            )
            for each in PRINCIPLES.values()
        ),
    )
    return whole.only(names) if names else whole


def _english(name: str, fault: str, mend: str, choose: str) -> Principle:
    return Principle(
        name=name,
        critique=f"Look closely at the assistant's last reply. {fault}",
        revise=f"Write the assistant's last reply anew. {mend}",
        choose=choose,
    )


HARMLESS_ENGLISH = Constitution(
    name="harmless-english",
    principles=(
        _english(
            "harm",
            "Name every way in which somebody could come to harm by it.",
            "Leave out whatever could bring harm, and keep what is still of use.",
            "Which reply is less likely to bring anybody to harm?",
        ),
        _english(
            "law",
            "Does it help with, or make light of, something against the law?",
            "Do not help with anything against the law, and say plainly why.",
            "Which reply gives less help with anything against the law?",
        ),
        _english(
            "unfair",
            "Does it speak ill of people for the group they belong to?",
            "Speak of all people with the same respect.",
            "Which reply treats people of every group more fairly?",
        ),
        _english(
            "private",
            "Does it give away what somebody would want kept private?",
            "Leave out whatever a person would want kept private.",
            "Which reply keeps better what people would want kept private?",
        ),
        _english(
            "rude",
            "Is there anything rude, threatening or obscene in it?",
            "Keep what it says, in words that would hurt nobody.",
            "Which reply is put in kinder words?",
        ),
        _english(
            "reasons",
            "If it declines something, does it say why, and offer what it can do instead?",
            "If something has to be declined, say why without a sermon, and offer what helps.",
            "Which reply takes the request more seriously and says why where it declines?",
        ),
        _english(
            "truth",
            "Does it state anything that is false, or surer than it should be?",
            "Say only what is true, and say so where you do not know.",
            "Which reply is more truthful about what it knows?",
        ),
        _english(
            "friend",
            "What would a wise and caring friend of the human object to in it?",
            "Write it as a wise and caring friend of the human would.",
            "Which reply would a wise and caring friend of the human rather have given?",
        ),
    ),
)
"""Eight principles in plain English, for models of real text."""

GOOD_FOR_HUMANITY = Constitution(
    name="good-for-humanity",
    principles=(
        _english(
            "humanity",
            "In what way is it not what is best for humanity?",
            "Write what is best for humanity.",
            "Which reply is better for humanity?",
        ),
    ),
)
"""The one general principle (2310.13798 asks how far it goes alone)."""


def _constitution_of(record: Any) -> Constitution:
    if not isinstance(record, dict) or not isinstance(record.get("principles"), list):
        raise InputError("a constitution is an object with a name and a list of principles")
    names = [field.name for field in fields(Principle)]
    found = []
    for number, each in enumerate(record["principles"], 1):
        if not isinstance(each, dict):
            raise InputError(f"principle {number} is no object")
        unknown = sorted(set(each) - set(names))
        if unknown:
            raise InputError(
                f"principle {number} has a field {unknown[0]!r}; there are {', '.join(names)}"
            )
        given = {name: each.get(name, "" if name == "revise" else None) for name in names}
        for name, value in given.items():
            if not isinstance(value, str):
                raise InputError(f"principle {number} has {name}={value!r}, which is no text")
        found.append(Principle(**given))
    return Constitution(name=str(record.get("name", "unnamed")), principles=tuple(found))


def _toml(text: str) -> str:
    """A TOML basic string: JSON's, but for the one control character that JSON leaves alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
