"""A few-shot task as data: questions with right answers, and how they are put and scored."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, overload

from glasshouse.errors import InputError

OutputType = Literal["multiple_choice", "loglikelihood", "generate_until"]
"""What is asked of a model: to find one of several answers the likeliest, how likely it finds the
right one, or to write one. The names are lm-eval's."""

Sampler = Literal["default", "first_n"]
"""Examples drawn anew for every question, or always the first ones."""

METRICS: Mapping[OutputType, Mapping[str, bool]] = MappingProxyType(
    {
        "multiple_choice": {
            "acc": True,
            "acc_norm": True,
            "acc_bytes": True,
            "acc_token": True,
            "acc_mutual_info": True,
            "exact_match": True,
            "choice_prob": True,
        },
        "loglikelihood": {"perplexity": False, "acc": True, "token_acc": True, "token_nll": False},
        "generate_until": {
            "exact_match": True,
            "char_acc": True,
            "token_acc": True,
            "token_nll": False,
        },
    }
)
"""What can be measured for each kind of question, and whether more is better; see `metrics.py`."""

DEFAULT_METRICS: Mapping[OutputType, tuple[str, ...]] = MappingProxyType(
    {
        "multiple_choice": ("acc", "acc_norm"),
        "loglikelihood": ("perplexity", "acc"),
        "generate_until": ("exact_match",),
    }
)
"""What is measured where a task does not say it: what lm-eval measures then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One question and its right answer."""

    input: str
    """The question, up to where the answer begins."""
    target: str
    """The right answer."""
    choices: tuple[str, ...] = ()
    """All answers that are offered, if there is a choice."""
    gold: int | None = None
    """Place of the right one among the choices."""
    label: int | str | None = None
    """The right answer as the task's file tells it; None: the place, or else the text."""
    doc: Mapping[str, Any] = field(default_factory=dict)
    """Where it came from: the row of a file, or what a generator knows of it."""

    @property
    def told(self) -> int | str:
        """The right answer as results tell it."""
        usual = self.target if self.gold is None else self.gold
        return usual if self.label is None else self.label

    def __post_init__(self) -> None:
        if not self.target:
            raise InputError(f"the question {_brief(self.input)} has an empty answer")
        for place, choice in enumerate(self.choices):
            if not choice:
                raise InputError(f"choice {place} of the question {_brief(self.input)} is empty")
        if self.choices and self.gold is not None and not 0 <= self.gold < len(self.choices):
            raise InputError(
                f"label {self.gold} of the question {_brief(self.input)} names none of its "
                f"{len(self.choices)} choices; labels count from 0"
            )


class LazySamples(Sequence):
    """Questions that are made when they are asked for; a slice of them is a tuple.

    The base names no element type on purpose: checkers of types would make one to look at it.
    """

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:
        """One question, or several."""
        if isinstance(index, slice):
            return tuple(self.make(place) for place in range(*index.indices(len(self))))
        return self.make(range(len(self))[index])

    @abstractmethod
    def make(self, place: int) -> Sample:
        """The question at a place from 0."""


Samples = tuple[Sample, ...] | LazySamples
"""Questions at hand, or made when they are asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """Something that is measured of each answer, then averaged."""

    name: str
    """One of `METRICS`."""
    ignore_case: bool = False
    """Of `exact_match`: whether upper and lower case are the same."""
    ignore_punctuation: bool = False
    """Of `exact_match`: whether punctuation is left out."""
    ignore_numbers: bool = False
    """Of `exact_match`: whether digits are left out."""
    regexes_to_ignore: tuple[str, ...] = ()
    """Of `exact_match`: patterns whose matches are left out first."""


StepName = Literal["regex", "lowercase", "uppercase", "remove_whitespace", "take_first"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterStep:
    """One change to what a model has written."""

    function: StepName
    """What is done; `take_first`, of several answers to one question, changes nothing here, where
    there is one."""
    regex_pattern: str = r"#### (\-?[0-9\.\,]+)"
    """Of `regex`: what is looked for; its first group is kept, if it has one."""
    group_select: int = 0
    """Of `regex`: which match is kept; -1 the last."""
    fallback: str = "[invalid]"
    """Of `regex`: what stands for a text without a match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Changes to what a model has written before it is compared; results carry its name."""

    name: str = "none"
    """Stands behind the comma of `exact_match,none`."""
    steps: tuple[FilterStep, ...] = ()
    """Done in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """How free answers are written; always by the likeliest token."""

    until: tuple[str, ...]
    """Strings that end an answer."""
    max_tokens: int | None = None
    """Most tokens of an answer; None: 256, but at most half of the model's context."""

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InputError(f"an answer of max_tokens={self.max_tokens} tokens cannot be written")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Questions of one kind, and how they are asked with examples before them.

    A prompt is the description, then each example (its input, `target_delimiter`, its target,
    `fewshot_delimiter`), then the question's input: byte for byte what lm-eval writes.
    """

    name: str
    """As results call it."""
    samples: Samples
    """Questions to be asked."""
    shots: Samples = ()
    """Where examples are drawn from; none: from the questions themselves, but the one asked."""
    output_type: OutputType = "multiple_choice"
    """What is asked of the model."""
    metrics: tuple[Metric, ...] = ()
    """What is measured; none: `DEFAULT_METRICS`."""
    pipelines: tuple[Pipeline, ...] = (Pipeline(),)
    """Ways to read what was written, each with results of its own."""
    generation: Generation | None = None
    """How free answers are written; None: up to `fewshot_delimiter`."""
    description: str = ""
    """Stands before the examples, its own white space included."""
    target_delimiter: str = " "
    """Between a question and its answer."""
    fewshot_delimiter: str = "\n\n"
    """Behind each example."""
    num_fewshot: int = 0
    """Examples, where the evaluation does not say it."""
    sampler: Sampler = "default"
    """How examples are chosen."""
    shots_are_samples: bool | None = None
    """Whether examples come from the questions, so that the one asked must be left out; None: if
    `shots` is empty."""
    null_context: str = ""
    """What `acc_mutual_info` compares with: how likely an answer is behind this; empty: behind the
    token that begins a text."""
    version: str | int | float = 1
    """Of the task, for results to be comparable."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What it was made from, as results tell it."""

    def __post_init__(self) -> None:
        if self.output_type not in METRICS:
            raise InputError(
                f"output_type={self.output_type!r} of task {self.name!r} must be one of "
                f"{', '.join(METRICS)}"
            )
        if not self.samples:
            raise InputError(f"task {self.name!r} has no questions")
        known = METRICS[self.output_type]
        for metric in self.metrics:
            if metric.name not in known:
                raise InputError(
                    f"metric {metric.name!r} of task {self.name!r} cannot be measured where "
                    f"output_type is {self.output_type}; choose from {', '.join(known)}"
                )
        if self.output_type == "multiple_choice" and isinstance(self.samples, tuple):
            _check_choices(self)  # samples that are read as they are asked are checked then
        if self.output_type != "generate_until" and self.pipelines != (Pipeline(),):
            raise InputError(
                f"task {self.name!r} filters answers, and {self.output_type} writes none; "
                "leave filter_list out"
            )
        _refuse_twins([metric.name for metric in self.metrics], "metric", self.name)
        _refuse_twins([one.name for one in self.pipelines], "filter", self.name)

    @property
    def measured(self) -> tuple[Metric, ...]:
        """What is measured: what the task says, or else what is usual."""
        usual = DEFAULT_METRICS[self.output_type]
        return self.metrics or tuple(Metric(name=name) for name in usual)

    @property
    def pool(self) -> Samples:
        """Where examples are drawn from."""
        return self.shots or self.samples

    @property
    def leaves_asked_out(self) -> bool:
        """Whether a question must be left out of its own examples."""
        return not self.shots if self.shots_are_samples is None else self.shots_are_samples

    @property
    def written(self) -> Generation:
        """How free answers are written."""
        return self.generation or Generation(until=(self.fewshot_delimiter,))


def _check_choices(task: Task) -> None:
    for number, sample in enumerate(task.samples):
        if len(sample.choices) < 2 or sample.gold is None:
            raise InputError(
                f"question {number} of task {task.name!r} has {len(sample.choices)} choices and "
                f"the label {sample.gold}; a choice needs two or more, one of them right"
            )


def _refuse_twins(names: list[str], what: str, task: str) -> None:
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise InputError(f"task {task!r} names the {what} {twins[0]!r} twice")


def _brief(text: str) -> str:
    """The end of a question, short enough for a sentence."""
    return repr(text if len(text) <= 60 else "…" + text[-59:])
