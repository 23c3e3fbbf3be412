"""A network with its tokenizer: load it, let it speak, ask how likely it finds a text, save it."""

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.models.adapter_files import write_adapters, write_base
from glasshouse.models.adapters import has_adapters
from glasshouse.models.files import (
    Implementation,
    read_network,
    read_tokenizer,
    write_model,
)
from glasshouse.models.find import find_model
from glasshouse.models.generate import Finish, check_prompts, continue_prompts, pad_left
from glasshouse.models.huggingface.as_is import AsIs, write_as_is
from glasshouse.models.huggingface.checkpoint import Checkpoint, write_checkpoint
from glasshouse.models.huggingface.numerics import (
    LogitDifference,
    Numerics,
    compare_with_transformers,
)
from glasshouse.models.sampling import SamplingConfig, row_seeds
from glasshouse.models.steering import Steering
from glasshouse.models.tokenizer import Tokenizer
from glasshouse.models.transformer import Transformer

Prompt = str | Sequence[int]
"""Text, or token ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What a model added to a prompt."""

    text: str
    """The new text, up to the stop token or string."""
    ids: list[int]
    """The new tokens, the stop token included: who trains on it must see that the text ended."""
    logprobs: list[float]
    """Log-probability of each token in nats, under the model without temperature or filters."""
    finish: Finish
    """`stop`, `length` (max_new_tokens) or `context` (the model's context was full)."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A network, its tokenizer, and where they came from."""

    network: Transformer | Any
    """Token ids to logits: our Transformer, or an `AsIs` for an architecture that it does not
    compute. (To type checkers it is a Transformer that may be something else.)"""
    tokenizer: Tokenizer
    """Text to token ids and back."""
    origin: str
    """A path, a hub id, or what made it."""
    checkpoint: Checkpoint | None = None
    """What its Hugging Face directory held besides weights and tokenizer, if it came from one."""
    difference: LogitDifference | None = None
    """How far its logits lie from those of transformers, if that was measured."""
    _graphs: dict[object, Graph] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By whether it is for padded rows, and what the weights are: graphs that were asked for."""

    @classmethod
    def load(
        cls,
        where: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        tokenizer: Tokenizer | None = None,
        implementation: Implementation = "auto",
        allow_pickle: bool = False,
        verify: bool = False,
    ) -> "LanguageModel":
        """Load a run's newest checkpoint (folder or `run:NAME`), a model directory, or a hub id.

        A folder of adapters loads with the model that they belong to; they stay apart, and are all
        of it that is trained on.

        Args:
            where: The place. A hub id that is not on this disk is downloaded.
            device: Where the weights go.
            dtype: Their precision; None: as they are stored.
            tokenizer: Stands in for the directory's own.
            implementation: Whose code computes it: our Transformer, transformers' own, or (auto)
                ours where it knows the architecture and transformers' own where it does not.
            allow_pickle: Read tensors, and nothing else, from old pickled weights.
            verify: Measure how far the logits lie from those of transformers' eager model, which
                needs transformers, time and memory for a second copy. `numerics` says it.

        Raises:
            RunError: If what is there is missing, half-written, of another version or pickled.
            InputError: If it is a hub id that cannot be had, or needs what is not installed.
        """
        folder = find_model(where, allow_pickle=allow_pickle)
        network, checkpoint = read_network(
            folder, implementation=implementation, dtype=dtype, allow_pickle=allow_pickle
        )
        tokenizer = read_tokenizer(folder) if tokenizer is None else tokenizer
        network = network.to(device).eval()
        difference = None
        if verify:
            if has_adapters(network):
                raise InputError(f"{folder} holds adapters; merge them to have the whole verified")
            if checkpoint is None:
                raise InputError(f"{folder} was saved by glasshouse; transformers cannot verify it")
            difference = compare_with_transformers(network, folder, allow_pickle=allow_pickle)
        return cls(network, tokenizer, str(folder), checkpoint, difference)

    def copy(self) -> "LanguageModel":
        """The same model with weights of its own, to be trained while this one stays."""
        network = copy.deepcopy(self.network)
        return LanguageModel(network, self.tokenizer, self.origin, self.checkpoint, self.difference)

    @property
    def numerics(self) -> Numerics:
        """Which code computes this model, how precisely, and how far it is from transformers."""
        implementation, architecture = "glasshouse", "glasshouse"
        if isinstance(self.network, AsIs):
            implementation, architecture = "transformers", self.network.config.architecture
        elif self.checkpoint is not None:
            architecture = self.checkpoint.family
        return Numerics(
            implementation=implementation,
            architecture=architecture,
            dtype=str(next(self.network.parameters()).dtype).removeprefix("torch."),
            difference=self.difference,
        )

    def save(
        self,
        directory: str | Path,
        *,
        layout: Literal["same", "glasshouse", "huggingface"] = "same",
    ) -> None:
        """Write a new model directory; it is whole or absent.

        Of a model with adapters those are written, as peft does, with the place and a digest of
        what they belong to.

        Args:
            directory: A folder that does not exist, or is empty.
            layout: `glasshouse` can hold every network. `huggingface` is what transformers loads,
                for networks that one of its families can describe. `same` is the layout that the
                model came in, and glasshouse's for a model that was made here.

        Raises:
            InputError: If the directory exists and is not empty, or the layout cannot hold the
                network; the message says what stands in the way. Or if a model with adapters came
                from no directory, or is to be saved in another layout than its own.
            OSError: If the disk is full.
        """
        directory = Path(directory)
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InputError(f"{directory} exists already; choose a new folder to save into")
        is_adapted = has_adapters(self.network)
        if is_adapted and layout != "same":
            raise InputError(f"merge the adapters to save the whole in layout {layout!r}")
        if layout == "same":
            layout = "glasshouse" if self.checkpoint is None else "huggingface"
        with folder_atomically(directory) as draft:
            self.tokenizer.save(draft)
            if is_adapted:
                write_adapters(draft, self.network)
                write_base(draft, self.network)
            elif isinstance(self.network, AsIs):
                write_as_is(draft, self.network, layout)
            elif layout == "glasshouse":
                write_model(draft, self.network)
            else:
                end = self.tokenizer.end_id
                write_checkpoint(draft, self.network, self.checkpoint, end_id=end)
            if layout == "huggingface" and self.checkpoint is not None:
                for name, content in self.checkpoint.carried.items():
                    (draft / name).write_bytes(content)

    def graph(self, *, padded: bool = False) -> Graph:
        """The network as a graph of named values; captured once, which takes seconds.

        Weights are shared with the network: an edit is seen by the next run. A network that has
        been moved or converted since is captured anew.

        Where the environment names a folder in GLASSHOUSE_CACHE (the command line names one), the
        same code is traced once and then read from there.

        Args:
            padded: Whether rows are padded on the left; a run then takes {"ids": Int[batch seq],
                "starts": Int[batch]}, and otherwise Int[batch seq]. A network captured as it is
                takes transformers' own arguments instead, `network.arguments(ids, starts)`.
        """
        weight = next(self.network.parameters())
        is_training = isinstance(self.network, AsIs) and self.network.inner.training
        key = (padded, weight.dtype, weight.device, is_training)
        if key not in self._graphs:
            device = weight.device
            ids = torch.zeros(2, min(4, self.network.config.context), dtype=torch.long)
            starts = torch.zeros(2, dtype=torch.long)
            if isinstance(self.network, AsIs):
                module = self.network.inner
                example = self.network.arguments(ids, starts if padded else None)
            else:
                module, example = (
                    self.network,
                    {"ids": ids} | ({"starts": starts} if padded else {}),
                )
            example = {name: value.to(device) for name, value in example.items()}
            folder = os.environ.get("GLASSHOUSE_CACHE")
            cache = Path(folder) / "graphs" if folder else None
            self._graphs[key] = Graph.capture(module, example, cache=cache)
        return self._graphs[key]

    def encode(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt, whichever way it was given; a text with `<bos>` if need be."""
        if isinstance(prompt, str):
            return self.tokenizer.encode_opening(prompt)
        return [int(i) for i in prompt]

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: SamplingConfig | Sequence[SamplingConfig] | None = None,
        *,
        seed: int | Sequence[int] = 0,
        feed: Steering | None = None,
        batch_size: int = 256,
    ) -> list[Completion]:
        """Continue prompts.

        Args:
            prompts: Texts or token ids, of any lengths.
            sampling: One config for all prompts or one for each; None: the defaults, which also
                stop at the tokenizer's end token.
            seed: One number, from which each prompt's chance is derived, or one for each. Batch
                neighbours have no part in it.
            feed: What is fed inside the network at every step, by address: a tensor, or a function
                of the new tokens' values; `from_token`, `on_rows` and their like limit it to some
                tokens or prompts. The first such call captures the network, which takes seconds.
            batch_size: Prompts continued at once; those of like length go together.

        Returns:
            One completion for each prompt, in their order.

        Raises:
            InputError: If a prompt is empty, longer than the context, or cannot be encoded, or if
                what is fed finds no value or does not fit there.
        """
        ids = [self.encode(prompt) for prompt in prompts]
        check_prompts(ids, self.network.config)
        configs = self._configs(sampling, len(ids))
        seeds = row_seeds(seed, len(ids))
        found: dict[int, Completion] = {}
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            grown = continue_prompts(
                self.network,
                [ids[row] for row in rows],
                [configs[row] for row in rows],
                seeds=[seeds[row] for row in rows],
                decode=self.tokenizer.decode,
                feed=feed,
                numbers=rows,
            )
            for row, new in zip(rows, grown, strict=True):
                text = self._text(new.ids, configs[row])
                found[row] = Completion(
                    text=text, ids=new.ids, logprobs=new.logprobs, finish=new.finish
                )
        return [found[row] for row in range(len(ids))]

    def logprobs(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Prompt],
        *,
        batch_size: int = 64,
    ) -> list[list[float]]:
        """Log-probability, in nats, of every token of each continuation after its prompt.

        Prompt and continuation are encoded apart, so a text's tokens do not change with what
        follows. Texts of like length go together.

        Raises:
            InputError: If the two lists differ in length, a prompt is empty, or a prompt and its
                continuation do not fit the context.
        """
        if len(prompts) != len(continuations):
            raise InputError(
                f"{len(prompts)} prompts and {len(continuations)} continuations; give pairs"
            )
        heads = [self.encode(prompt) for prompt in prompts]
        tails = [
            self.tokenizer.encode(tail) if isinstance(tail, str) else [int(i) for i in tail]
            for tail in continuations
        ]
        check_prompts(heads, self.network.config)
        # The last token is predicted but never read, so a text may exceed the context by one.
        texts = [head + tail for head, tail in zip(heads, tails, strict=True)]
        check_prompts([text[:-1] or text for text in texts], self.network.config)
        found: dict[int, list[float]] = {}
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            batch = token_logprobs(self.network, [texts[row] for row in rows])
            for row, values in zip(rows, batch, strict=True):
                found[row] = values[len(heads[row]) - 1 :]
        return [found[row] for row in range(len(texts))]

    def _configs(
        self, sampling: SamplingConfig | Sequence[SamplingConfig] | None, num_rows: int
    ) -> list[SamplingConfig]:
        if sampling is None:
            end = self.tokenizer.end_id
            ends = () if end is None else (end,)
            ends += () if self.checkpoint is None else self.checkpoint.end_ids
            sampling = SamplingConfig(stop_ids=tuple(dict.fromkeys(ends)))
        if isinstance(sampling, SamplingConfig):
            return [sampling] * num_rows
        if len(sampling) != num_rows:
            raise InputError(
                f"{len(sampling)} sampling configs for {num_rows} prompts; give one each or one"
            )
        return list(sampling)

    def _text(self, ids: list[int], config: SamplingConfig) -> str:
        """Text of new tokens, up to what stopped it."""
        if ids[-1] in config.stop_ids:
            ids = ids[:-1]
        text = self.tokenizer.decode(ids)
        cuts = [text.find(string) for string in config.stop_strings]
        return text[: min((cut for cut in cuts if cut >= 0), default=len(text))]


@torch.no_grad()
def token_logprobs(
    network: Transformer | AsIs, texts: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Log-probability of every token of each text but its first, in nats."""
    ids, starts = pad_left(texts, next(network.parameters()).device)
    if ids.shape[1] == 1:
        return [[] for _ in texts]
    starts = None if starts is None else starts.clamp(max=ids.shape[1] - 2)
    logits = network(ids[:, :-1], starts=starts).float()
    chosen = logits.gather(2, ids[:, 1:, None]).squeeze(2) - logits.logsumexp(dim=2)
    return [
        row[len(row) - len(text) + 1 :] for row, text in zip(chosen.tolist(), texts, strict=True)
    ]
