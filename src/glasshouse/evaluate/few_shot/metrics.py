"""What an answer is worth: choices by likelihood under five normalisations, texts letter by letter.

A jump in skill can be a jump of the measure alone: `exact_match` asks for every token at once, and
beside it stand measures that credit each token or letter (`token_acc`, `token_nll`, `char_acc`).
"""

import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from glasshouse.evaluate.few_shot.likelihood import Scored
from glasshouse.evaluate.few_shot.tasks import FilterStep, Metric, Pipeline, Sample

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DIGITS = str.maketrans("", "", string.digits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choosing:
    """How likely a model finds each answer that is offered."""

    sample: Sample
    """The question."""
    scored: Sequence[Scored]
    """Each choice behind the prompt."""
    alone: Sequence[Scored] = ()
    """Each choice behind the task's `null_context`; empty unless it is asked for."""

    @property
    def totals(self) -> list[float]:
        """Log-probability of each choice, in nats."""
        return [one.total for one in self.scored]


ChoiceMetric = Callable[[Choosing], float]


def _likeliest(values: Sequence[float]) -> int:
    """Place of the highest value, the first of several."""
    return max(range(len(values)), key=values.__getitem__)


def _right_by(worth: Callable[[Choosing], Sequence[float]]) -> ChoiceMetric:
    """A metric: 1 if the right choice is worth most."""

    def measure(choosing: Choosing) -> float:
        return float(_likeliest(worth(choosing)) == choosing.sample.gold)

    return measure


def _per(lengths: Callable[[Choosing], Sequence[int]]) -> Callable[[Choosing], Sequence[float]]:
    """Log-probability of each choice over its length."""

    def worth(choosing: Choosing) -> list[float]:
        pairs = zip(choosing.totals, lengths(choosing), strict=True)
        return [total / length for total, length in pairs]

    return worth


def _choice_prob(choosing: Choosing) -> float:
    """Probability of the right choice among the choices."""
    totals = choosing.totals
    assert choosing.sample.gold is not None
    highest = max(totals)
    weights = [math.exp(total - highest) for total in totals]
    return weights[choosing.sample.gold] / sum(weights)


def _choice_is_greedy(choosing: Choosing) -> float:
    assert choosing.sample.gold is not None
    return float(choosing.scored[choosing.sample.gold].is_greedy)


CHOICE_METRICS: Mapping[str, ChoiceMetric] = MappingProxyType(
    {
        "acc": _right_by(lambda c: c.totals),
        "acc_norm": _right_by(_per(lambda c: [len(x) for x in c.sample.choices])),
        "acc_bytes": _right_by(_per(lambda c: [len(x.encode()) for x in c.sample.choices])),
        "acc_token": _right_by(_per(lambda c: [len(one.logprobs) for one in c.scored])),
        "acc_mutual_info": _right_by(
            lambda c: [
                one.total - alone.total for one, alone in zip(c.scored, c.alone, strict=True)
            ]
        ),
        "exact_match": _choice_is_greedy,
        "choice_prob": _choice_prob,
    }
)
"""By name: the choice with the highest log-probability (`acc`), that per character (`acc_norm`),
byte or token, or less what the choice has without the question (`acc_mutual_info`); whether the
right one is what would be written (`exact_match`); its probability among the choices.

Source: Brown et al. 2020, section 2.4 (per token, and over P(choice | "Answer:")); lm-eval 0.4.13
for the others, which counts characters without the delimiter."""


def likelihood_metrics(names: Sequence[str], scored: Scored) -> dict[str, float]:
    """Measure how likely the right answer is; `perplexity` is a log-probability until averaged."""
    count = len(scored.logprobs)
    values = {
        "perplexity": scored.total,
        "acc": float(scored.is_greedy),
        "token_acc": sum(scored.is_top) / count,
        "token_nll": -scored.total / count,
    }
    return {name: values[name] for name in names}


def exact_match(metric: Metric, answer: str, target: str) -> float:
    """1 if an answer is the target, but for what the metric leaves out.

    Source:
        lm-eval 0.4.13's `exact_match`, in its order: patterns, case, punctuation, digits.
    """

    def plain(text: str) -> str:
        for pattern in metric.regexes_to_ignore:
            text = re.sub(pattern, "", text)
        if metric.ignore_case:
            text = text.lower()
        if metric.ignore_punctuation:
            text = text.translate(_PUNCTUATION)
        return text.translate(_DIGITS) if metric.ignore_numbers else text

    return float(plain(answer) == plain(target))


def char_acc(answer: str, target: str) -> float:
    """Share of places, up to the longer one's end, at which answer and target agree.

    White space at both ends does not count.
    """
    answer, target = answer.strip(), target.strip()
    longer = max(len(answer), len(target))
    return sum(a == b for a, b in zip(answer, target, strict=False)) / longer if longer else 1.0


def filtered(pipeline: Pipeline, answer: str) -> str:
    """What a pipeline makes of an answer.

    Source:
        lm-eval 0.4.13's filters of the same names.
    """
    for step in pipeline.steps:
        answer = _STEPS[step.function](step, answer)
    return answer


def _find(step: FilterStep, answer: str) -> str:
    found = re.findall(step.regex_pattern, answer)
    if not -len(found) <= step.group_select < len(found):
        return step.fallback
    match = found[step.group_select]
    if isinstance(match, tuple):
        match = next((group for group in match if group), step.fallback)
    return match.strip()


_STEPS: Mapping[str, Callable[[FilterStep, str], str]] = MappingProxyType(
    {
        "regex": _find,
        "lowercase": lambda _, answer: answer.lower(),
        "uppercase": lambda _, answer: answer.upper(),
        "remove_whitespace": lambda _, answer: answer.strip(),
        "take_first": lambda _, answer: answer,
    }
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured mean and its standard error."""

    value: float
    stderr: float
    """NaN for fewer than two questions."""


def estimate(name: str, values: Sequence[float]) -> Estimate:
    """Average what was measured of each question.

    `perplexity` is exp(-mean log-probability of an answer), with the error of the mean carried over
    to first order; lm-eval bootstraps it.
    """
    mean = math.fsum(values) / len(values)
    stderr = float("nan")
    if len(values) > 1:
        spread = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        stderr = math.sqrt(spread / len(values))
    if name != "perplexity":
        return Estimate(mean, stderr)
    try:
        perplexity = math.exp(-mean)
    except OverflowError:
        perplexity = math.inf
    return Estimate(perplexity, perplexity * stderr)
