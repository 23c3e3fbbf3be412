"""What is fed, in words: `blocks.2.attn.z[head=5, pos=-1]=zero`, read and described.

    VALUE     what stands there instead
    0.3       a number, everywhere; `zero` is 0
    mean      the value's own mean over all tokens of the prompts
    x0.5      what stood there, times a number
    F.safetensors:KEY   a tensor of a file
    from TEXT           the same value of another prompt

`NUMBER*` before any but `x…` multiplies it, and `+` in front adds it to what stands there.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glasshouse.errors import InputError

Source = Literal["number", "mean", "scale", "file", "prompt"]
"""Where a fed value comes from; `scale`: from what stands there."""

_FEED = re.compile(r"(?P<address>[^\[\]=]+(?:\[[^\]]*\])?)\s*=\s*(?P<value>.+)", re.DOTALL)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SCALE = re.compile(rf"[x×](?P<amount>{_NUMBER})")
_VALUE = re.compile(rf"(?P<plus>\+\s*)?(?:(?P<amount>{_NUMBER})\s*\*\s*)?(?P<source>.+)", re.DOTALL)
_FROM = re.compile(r"from\s+(?P<prompt>.+)", re.DOTALL)
_FILE = re.compile(r"(?P<file>.+\.safetensors)(?::(?P<key>.+))?")
_WAYS = (
    'write a number, zero, mean, x0.5, FILE.safetensors:KEY or from "another prompt", with + '
    "before it to add"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeding:
    """One thing that is fed, as it was asked for."""

    text: str
    """As it was written."""
    address: str
    """Where it is fed."""
    source: Source
    """Where it comes from."""
    amount: float = 1.0
    """The number that is fed, or that the source is multiplied by."""
    adds: bool = False
    """Whether it is added to what stands there, rather than put in its place."""
    file: Path | None = None
    """The safetensors file of a `file`."""
    key: str | None = None
    """The tensor in that file; None: its only one."""
    prompt: str = ""
    """The words of a `prompt`."""

    def __str__(self) -> str:
        """What happens, as the rest of a sentence that begins with the address."""
        times = "" if self.amount == 1 else f", times {self.amount:g}"
        match self.source:
            case "number":
                return f"{self.amount:g} is added" if self.adds else f"set to {self.amount:g}"
            case "scale":
                return f"multiplied by {self.amount:g}"
            case "mean":
                what = f"its mean over all tokens{times}"
            case "file":
                key = "" if self.key is None else f":{self.key}"
                what = f"{self.file}{key}{times}"
            case "prompt":
                what = f"the same value on “{self.prompt}”{times}"
        return f"{what} is added" if self.adds else f"replaced by {what}"


def parse_feeding(text: str) -> Feeding:
    """Read `ADDRESS=VALUE`.

    Raises:
        InputError: If it is not understood; the message shows how one looks.
    """
    found = _FEED.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"--feed {text!r} is not ADDRESS=VALUE; write for example "
            "'blocks.2.attn.z[head=5, pos=-1]=zero'"
        )
    address, value = found["address"].strip(), found["value"].strip()
    if scale := _SCALE.fullmatch(value):
        return Feeding(text=text, address=address, source="scale", amount=float(scale["amount"]))
    if re.fullmatch(_NUMBER, value) and not value.startswith("+"):
        return Feeding(text=text, address=address, source="number", amount=float(value))
    return _parse_source(text, address, value)


def _parse_source(text: str, address: str, value: str) -> Feeding:
    found = _VALUE.fullmatch(value)
    assert found is not None
    adds, source = found["plus"] is not None, found["source"]
    amount = float(found["amount"] or 1)
    if re.fullmatch(_NUMBER, source):
        number = amount * float(source)
        return Feeding(text=text, address=address, source="number", amount=number, adds=adds)
    if source == "zero":
        return Feeding(text=text, address=address, source="number", amount=0.0, adds=adds)
    if source == "mean":
        return Feeding(text=text, address=address, source="mean", amount=amount, adds=adds)
    if words := _FROM.fullmatch(source):
        prompt = _without_quotes(words["prompt"])
        if not prompt:
            raise InputError(f"--feed {text!r} names an empty prompt; write its words after `from`")
        return Feeding(
            text=text, address=address, source="prompt", amount=amount, adds=adds, prompt=prompt
        )
    if file := _FILE.fullmatch(source):
        return Feeding(
            text=text,
            address=address,
            source="file",
            amount=amount,
            adds=adds,
            file=Path(file["file"]),
            key=file["key"],
        )
    raise InputError(f"--feed {text!r} feeds {value!r}, which is no value; {_WAYS}")


def _without_quotes(words: str) -> str:
    """The words inside one pair of quotes, or all of them."""
    words = words.strip()
    if len(words) >= 2 and words[0] == words[-1] and words[0] in "\"'":
        return words[1:-1]
    return words
