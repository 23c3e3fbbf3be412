"""One batch of prompts in front of one model: run it as it is, or with something fed."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from glasshouse.dataflow import Value
from glasshouse.dataflow.address import (
    Address,
    matching_names,
    parse_address,
    read_part,
)
from glasshouse.dataflow.explain import Explanation
from glasshouse.dataflow.feeds import Change
from glasshouse.dataflow.question import chosen_part
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.report.look.feeding import Feeding
from glasshouse.report.look.lens import attention_names, logits_name, residual_streams
from glasshouse.report.look.texts import Texts, arguments, read_prompts

Fed = Tensor | Change
"""What stands in for a value, or changes it."""
PATTERNS_AT_ONCE = 1 << 29
"""Bytes of attention patterns that may be in memory together; beyond, layers go one by one."""


class Session:
    """A model and the prompts that it is looked at with."""

    def __init__(self, model: LanguageModel, texts: Texts) -> None:
        self.model, self.texts = model, texts
        self.is_padded = texts.starts is not None
        self.graph = model.graph(padded=self.is_padded)
        self.values: dict[str, Value] = {name: self.graph.value(name) for name in self.graph.names}
        self.pattern_names = attention_names(list(self.values.values()))
        self.logits, self.streams = logits_name(self.graph), residual_streams(self.graph)

    def addresses(self, patterns: Sequence[str]) -> list[str]:
        """One address for each value that some addresses find, in their order.

        Raises:
            InputError: If one finds nothing.
        """
        found = []
        for text in patterns:
            address = parse_address(text)
            for name in matching_names(address.pattern, self.graph.names):
                chosen_part(self.values, address, name)
                found.append(str(Address(name, address.part)))
        return list(dict.fromkeys(found))

    @torch.no_grad()
    def run(
        self,
        fetch: Sequence[str],
        feed: Mapping[str, Fed] | None = None,
        *,
        texts: Texts | None = None,
    ) -> dict[str, Tensor]:
        """Values of the prompts, or of other texts, by address."""
        if not fetch:
            return {}
        inputs = arguments(self.model, texts or self.texts, padded=self.is_padded)
        return dict(self.graph.run(inputs, fetch=list(fetch), feed=feed))

    def feed(self, feedings: Sequence[Feeding]) -> dict[str, Fed]:
        """What is fed, in the graph's words.

        Raises:
            InputError: If a source cannot be had or does not fit.
        """
        pairs = [(one, address) for one in feedings for address in self.addresses([one.address])]
        asked = [address for _, address in pairs]
        for address in asked:
            if asked.count(address) > 1:
                raise InputError(f"two feeds meet at {address}; give one")
        here = self.run([address for one, address in pairs if one.source != "scale"])
        feed: dict[str, Fed] = {}
        for one in feedings:
            mine = {address: here.get(address) for other, address in pairs if other is one}
            feed |= self._changes(one, mine)
        return feed

    def explain(self, fetch: Sequence[str], feedings: Sequence[Feeding]) -> Explanation:
        """What computing some addresses under some feeds would cost; nothing is run."""
        batch, seq = self.texts.ids.shape
        return self.graph.explain(list(fetch), self._fed(feedings), batch=batch, seq=seq)

    def draw(self, fetch: Sequence[str], feedings: Sequence[Feeding]) -> str:
        """The graph as SVG, with what these addresses need of it."""
        return self.graph.show(list(fetch), self._fed(feedings)).svg

    def _fed(self, feedings: Sequence[Feeding]) -> list[str]:
        """Where is fed; a whole value that is changed, not replaced, is addressed as a part."""
        fed = []
        for one in feedings:
            reads = one.adds or one.source == "scale"
            for address in self.addresses([one.address]):
                fed.append(f"{address}[:]" if reads and "[" not in address else address)
        return fed

    @property
    def num_heads(self) -> int:
        """Attention heads of all layers together."""
        return sum(int(self.values[name].shape[1]) for name in self.pattern_names)

    def patterns(
        self, first: int, feed: Mapping[str, Fed]
    ) -> dict[str, Float[Tensor, "batch head query key"]]:
        """Attention from the tokens of a window to all tokens, layer by layer if need be."""
        names, (batch, seq) = self.pattern_names, self.texts.ids.shape
        asked = [f"{name}[query={first}:]" for name in names]
        at_once = len(asked) if self.num_heads * batch * seq**2 * 4 <= PATTERNS_AT_ONCE else 1
        found: dict[str, Tensor] = {}
        for begin in range(0, len(asked), max(1, at_once)):
            found |= self.run(asked[begin : begin + at_once], feed)
        return {name: found[address] for name, address in zip(names, asked, strict=True)}

    def _changes(self, feeding: Feeding, here: Mapping[str, Tensor | None]) -> Mapping[str, Fed]:
        """One feed at every value that it finds.

        Args:
            feeding: What is fed.
            here: What stands there in a run without feeds; None: it does not matter.
        """
        amount = feeding.amount
        if feeding.source == "scale":
            return dict.fromkeys(here, lambda value: value * amount)
        parts = {address: part for address, part in here.items() if part is not None}
        for address, part in parts.items():
            if not part.is_floating_point():
                raise InputError(f"{address} holds {part.dtype}, in whose place nothing can be fed")
        match feeding.source:
            case "number":
                new = {address: torch.full_like(part, amount) for address, part in parts.items()}
            case "mean":
                new = self._means(parts)
            case "file":
                given = _read_file(feeding)
                new = {a: _spread(given, part, feeding) for a, part in parts.items()}
            case "prompt":
                new = self._of_prompt(feeding, parts)
        if feeding.source != "number":
            new = {address: amount * part for address, part in new.items()}
        return {a: _adding(part) for a, part in new.items()} if feeding.adds else new

    def _means(self, here: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Means over all tokens of the prompts, in the shape of the addressed parts."""
        parsed = {address: parse_address(address) for address in here}
        for address, one in parsed.items():
            value = self.values[one.pattern]
            if [axis for axis, size in enumerate(value.shape) if isinstance(size, str)] != [0, 1]:
                raise InputError(
                    f"{address} has no mean over tokens: it is {value}; feed a number, or the same "
                    "value of another prompt"
                )
        whole = self.run([one.pattern for one in parsed.values()])
        means = {}
        for address, one in parsed.items():
            value = whole[one.pattern]
            mean = value[self.texts.real].mean(dim=0).expand(value.shape)
            chosen = chosen_part(self.values, one, one.pattern)
            means[address] = mean if chosen is None else read_part(mean, chosen)
        return means

    def _of_prompt(self, feeding: Feeding, here: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same values of another prompt."""
        other = read_prompts(self.model, [feeding.prompt] * len(self.texts.prompts))
        there = self.run(list(here), texts=other)
        for address, part in there.items():
            if part.shape != here[address].shape:
                raise InputError(
                    f"--feed {feeding.text!r}: {address} has shape {tuple(part.shape)} on that "
                    f"prompt of {other.ids.shape[1]} tokens, and {tuple(here[address].shape)} here "
                    f"({self.texts.ids.shape[1]} tokens); feed single places, as [pos=-1], or a "
                    "prompt of the same length"
                )
        return there


def _adding(new: Tensor) -> Change:
    return lambda value: value + new


def _read_file(feeding: Feeding) -> Tensor:
    """A tensor of a safetensors file.

    Raises:
        InputError: If the file or the tensor is missing or damaged.
    """
    path, key = feeding.file, feeding.key
    assert path is not None
    if not path.is_file():
        raise InputError(f"--feed {feeding.text!r}: there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            keys = list(file.keys())
            if key is None and len(keys) == 1:
                key = keys[0]
            if key not in keys:
                known = ", ".join(keys[:6]) + (", …" if len(keys) > 6 else "")
                asked = "say which tensor is meant" if key is None else f"has no tensor {key!r}"
                raise InputError(f"--feed {feeding.text!r}: {path} {asked}; it holds {known}")
            return file.get_tensor(key)
    except SafetensorError as error:
        raise InputError(f"--feed {feeding.text!r}: {path} is damaged: {error}") from error


def _spread(given: Tensor, here: Tensor, feeding: Feeding) -> Tensor:
    """A tensor in the shape of what it is fed to.

    Raises:
        InputError: If it does not broadcast to it.
    """
    given = given.to(here.device, here.dtype)
    try:
        return given.expand(here.shape)
    except RuntimeError:
        raise InputError(
            f"--feed {feeding.text!r}: the tensor has shape {tuple(given.shape)}, where "
            f"{tuple(here.shape)} belongs"
        ) from None
