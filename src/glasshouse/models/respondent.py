"""Anything that completes prompts: all that a question-and-answer room may know of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from glasshouse.models.language_model import LanguageModel
from glasshouse.models.sampling import SamplingConfig


@runtime_checkable
class Respondent(Protocol):
    """Completes prompts; a model at hand, or one behind an address."""

    def complete(
        self, prompts: Sequence[str], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        """What follows each prompt.

        Args:
            prompts: Texts.
            max_tokens: The most to add.
            temperature: 0 takes the likeliest token.
            seed: Of what is drawn.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalRespondent:
    """A language model at hand."""

    model: LanguageModel
    """Who answers."""

    def complete(
        self, prompts: Sequence[str], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        """What the model writes behind each prompt, up to its end token."""
        end = self.model.tokenizer.end_id
        sampling = SamplingConfig(
            max_new_tokens=max_tokens,
            temperature=temperature,
            stop_ids=() if end is None else (end,),
        )
        return [done.text for done in self.model.generate(prompts, sampling, seed=seed)]
