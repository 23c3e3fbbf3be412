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
        feed: dict[str, Fed] = {}
        for feeding in feedings:
            for address in self.addresses([feeding.address]):
                if address in feed:
                    raise InputError(f"two feeds meet at {address}; give one")
                feed[address] = self._change(feeding, address)
        return feed

    def explain(self, fetch: Sequence[str], feedings: Sequence[Feeding]) -> Explanation:
        """What computing some addresses under some feeds would cost; nothing is run."""
        fed = self.addresses([feeding.address for feeding in feedings])
        batch, seq = self.texts.ids.shape
        return self.graph.explain(list(fetch), fed, batch=batch, seq=seq)

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

    def _change(self, feeding: Feeding, address: str) -> Fed:
        """One feed: a tensor where it does not depend on what stands there, else a function."""
        amount = feeding.amount
        if feeding.source == "scale":
            return lambda value: value * amount
        here = self.run([address])[address]
        if not here.is_floating_point():
            raise InputError(f"{address} holds {here.dtype}, not numbers that can be fed so")
        match feeding.source:
            case "number":
                new = torch.full_like(here, amount)
            case "mean":
                new = amount * self._mean(address)
            case "file":
                new = amount * _read_file(feeding, here)
            case "prompt":
                new = amount * self._of_prompt(feeding, address, here)
        if feeding.adds:
            return lambda value: value + new
        return new

    def _mean(self, address: str) -> Tensor:
        """Mean over all tokens of the prompts, in the shape of the addressed part."""
        parsed = parse_address(address)
        value = self.values[parsed.pattern]
        free = [axis for axis, size in enumerate(value.shape) if isinstance(size, str)]
        if free != [0, 1]:
            raise InputError(
                f"{address} has no mean over tokens: it is {value}; feed a number, or the same "
                "value of another prompt"
            )
        whole = self.run([value.name])[value.name]
        mean = whole[self.texts.real].mean(dim=0).expand(whole.shape)
        chosen = chosen_part(self.values, parsed, value.name)
        return mean if chosen is None else read_part(mean, chosen)

    def _of_prompt(self, feeding: Feeding, address: str, here: Tensor) -> Tensor:
        """The same value of another prompt."""
        other = read_prompts(self.model, [feeding.prompt] * len(self.texts.prompts))
        there = self.run([address], texts=other)[address]
        if there.shape != here.shape:
            raise InputError(
                f"--feed {feeding.text!r}: {address} has shape {tuple(there.shape)} on that prompt "
                f"of {other.ids.shape[1]} tokens, and {tuple(here.shape)} here "
                f"({self.texts.ids.shape[1]} tokens); feed single places, as [pos=-1], or a prompt "
                "of the same length"
            )
        return there


def _read_file(feeding: Feeding, here: Tensor) -> Tensor:
    """A tensor of a safetensors file, in the shape of what it is fed to.

    Raises:
        InputError: If the file or the tensor is missing, or the shape does not fit.
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
            given = file.get_tensor(key)
    except SafetensorError as error:
        raise InputError(f"--feed {feeding.text!r}: {path} is damaged: {error}") from error
    given = given.to(here.device, here.dtype)
    try:
        return given.expand(here.shape)
    except RuntimeError:
        raise InputError(
            f"--feed {feeding.text!r}: {key} of {path} has shape {tuple(given.shape)}, where "
            f"{tuple(here.shape)} belongs"
        ) from None
