"""Feedback from a model: a judge reads a dialogue, a principle and two replies, and says which.

Its label is a probability: that of the word for the first reply against that of the word for the
second. A judge also likes one place better than the other, whatever stands there, so each pair is
read in both orders and the two are averaged. The judge may reason before it answers, which makes it
surer than it should be, so that labels can be clamped; and several principles can be averaged.

Source:
    Bai et al. 2022 (2212.08073), section 4.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.judges.model import pad_right
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.principles.constitution import Principle
from glasshouse.align.talks.dialogues import Dialogue, word_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig, Tokenizer, Transformer

Ids = list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeLayout:
    """How a question to a judge is written."""

    name: str
    """By which the command line knows it."""
    write: Callable[[Principle, Dialogue, str, str], Ids]
    """Token ids of a principle, a dialogue and two replies, up to where the judge speaks."""
    reason: Ids
    """What then asks for reasons."""
    answer: Ids
    """What asks for the answer, with or without reasons before it."""
    verdicts: tuple[int, int]
    """The tokens that name the first reply and the second."""
    reasons: SamplingConfig
    """How reasons are sampled, and what ends them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a judge said of one pair in one order by one principle."""

    principle: str
    """Its name."""
    is_swapped: bool
    """Whether the judge read the second reply first."""
    p_first: float
    """Probability of the pair's first reply, turned back if the judge read the pair swapped."""
    reasoning: str = ""
    """What it said before, if it was asked to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """A pair with its label and where the label came from."""

    comparison: Comparison
    """The pair; `p_first` is the label."""
    judgements: tuple[Judgement, ...]
    """All that was averaged, before clamping."""

    @property
    def principles(self) -> tuple[str, ...]:
        """Names of the principles that were asked, each once."""
        return tuple(dict.fromkeys(each.principle for each in self.judgements))

    @property
    def place_bias(self) -> float:
        """By how much the judge likes what it reads first, in probability; NaN for one order."""
        ways = [
            [each.p_first for each in self.judgements if each.is_swapped == swapped]
            for swapped in (False, True)
        ]
        if not all(ways):
            return float("nan")
        return float(np.mean(ways[0]) - np.mean(ways[1])) / 2


def label_pairs(
    judge: LanguageModel,
    pairs: Sequence[Comparison],
    principles: Sequence[Principle],
    *,
    layout: JudgeLayout,
    both_orders: bool = True,
    clamp: tuple[float, float] | None = None,
    chain_of_thought: bool = False,
    ensemble: int = 1,
    seed: int = 0,
) -> list[Comparison]:
    """Label pairs; see `judge_pairs`, which also keeps how each label came about."""
    return [
        each.comparison
        for each in judge_pairs(
            judge,
            pairs,
            principles,
            layout=layout,
            both_orders=both_orders,
            clamp=clamp,
            chain_of_thought=chain_of_thought,
            ensemble=ensemble,
            seed=seed,
        )
    ]


def judge_pairs(
    judge: LanguageModel,
    pairs: Sequence[Comparison],
    principles: Sequence[Principle],
    *,
    layout: JudgeLayout,
    both_orders: bool = True,
    clamp: tuple[float, float] | None = None,
    chain_of_thought: bool = False,
    ensemble: int = 1,
    seed: int = 0,
    reasons: Sequence[str] | None = None,
    batch: int = 64,
) -> list[Feedback]:
    """Have a language model say which of two replies is better.

    Args:
        judge: Whose probabilities.
        pairs: What is compared; labels that they carry already are neither read nor kept.
        principles: Each pair is judged by some of these, drawn at random.
        layout: In which the judge reads.
        both_orders: Read each pair in both orders and average.
        clamp: Least and greatest probability that one judgement may have, as (0.4, 0.6).
        chain_of_thought: Let the judge reason first, at the layout's temperature.
        ensemble: How many principles a pair is judged by; their labels are averaged.
        seed: Draws principles and reasons.
        reasons: What is read in the place of the judge's own reasons, one text for each judgement,
            pair by pair; to ask what a verdict owes to them.
        batch: Questions read at once.

    Raises:
        InputError: If there are no principles or fewer than `ensemble`, the clamp is no interval,
            reasons are not as many as judgements, or a question does not fit the judge's context:
            with the number of its pair.
    """
    if not 1 <= ensemble <= len(principles):
        raise InputError(
            f"ensemble={ensemble} must lie between 1 and the number of principles, "
            f"{len(principles)}"
        )
    _check_clamp(clamp)
    chance = np.random.default_rng([seed, 2212])
    orders = (False, True) if both_orders else (False,)
    asked: list[tuple[int, Principle, bool]] = [
        (place, principles[int(at)], swapped)
        for place in range(len(pairs))
        for at in chance.permutation(len(principles))[:ensemble]
        for swapped in orders
    ]
    questions = [
        _question(layout, principle, pairs[place], swapped=swapped)
        for place, principle, swapped in asked
    ]
    _check_length(judge, layout, questions, asked, chain_of_thought=chain_of_thought)
    said = [""] * len(asked)
    if reasons is not None:
        if len(reasons) != len(asked):
            raise InputError(f"{len(reasons)} reasons for {len(asked)} judgements; give one each")
        said = list(reasons)
        read = [judge.tokenizer.encode(f" {text}" if text else "") for text in said]
        questions = [[*ids, *layout.reason, *own] for ids, own in zip(questions, read, strict=True)]
    elif chain_of_thought:
        questions, said = _reasoned(judge, layout, questions, seed)
    found = _p_first(judge, [[*ids, *layout.answer] for ids in questions], layout, batch).tolist()
    judgements = [
        Judgement(
            principle=principle.name,
            is_swapped=swapped,
            p_first=1 - p_first if swapped else p_first,
            reasoning=reasoning,
        )
        for (_, principle, swapped), p_first, reasoning in zip(asked, found, said, strict=True)
    ]
    width = ensemble * len(orders)
    return [
        feedback_of(pair, judgements[width * place : width * (place + 1)], clamp=clamp)
        for place, pair in enumerate(pairs)
    ]


def feedback_of(
    pair: Comparison,
    judgements: Sequence[Judgement],
    *,
    clamp: tuple[float, float] | None = None,
    temperature: float = 1.0,
) -> Feedback:
    """Average judgements of one pair into a label; also to label anew with another clamp.

    Args:
        pair: What was compared.
        judgements: Of this pair.
        clamp: Least and greatest probability of one judgement.
        temperature: Divides the log-odds of each before it is clamped: the other way of making
            labels less extreme.

    Raises:
        InputError: If there is no judgement, the clamp is no interval, or the temperature is not
            positive.
    """
    if not judgements or temperature <= 0:
        raise InputError(
            f"{len(judgements)} judgements at temperature={temperature}; give one or more, and a "
            "positive temperature"
        )
    _check_clamp(clamp)
    values = np.array([each.p_first for each in judgements], dtype=np.float64)
    if temperature != 1:
        inner = values.clip(1e-12, 1 - 1e-12)
        values = 1 / (1 + np.exp(-np.log(inner / (1 - inner)) / temperature))
    if clamp is not None:
        values = values.clip(*clamp)
    label = replace(pair, p_first=float(values.mean()), grades=None)
    return Feedback(comparison=label, judgements=tuple(judgements))


def hardened(comparison: Comparison) -> Comparison:
    """The same with all of the probability on the likelier reply; undecided stays undecided."""
    if comparison.p_first == 0.5:
        return comparison
    return replace(comparison, p_first=float(comparison.p_first > 0.5))


def word_judge_layout(tokenizer: Tokenizer, *, max_new_tokens: int = 20) -> JudgeLayout:
    """As the toy world's judges write: `judge : … Human : … first : … second : … better : first`.

    Raises:
        InputError: If the vocabulary lacks the world's words.
    """
    layout = word_layout(tokenizer)
    answer = tokenizer.encode("better :")

    def write(principle: Principle, prompt: Dialogue, first: str, second: str) -> Ids:
        opening, *said = layout(prompt).ids
        asked = tokenizer.encode(f"judge : {principle.choose}")
        return [opening, *asked, *said, *tokenizer.encode(f"first : {first} second : {second}")]

    return JudgeLayout(
        name="words",
        write=write,
        reason=tokenizer.encode("critique :"),
        answer=answer,
        verdicts=(tokenizer.id_of("first"), tokenizer.id_of("second")),
        reasons=SamplingConfig(
            max_new_tokens=max_new_tokens, stop_ids=(answer[0], tokenizer.id_of("<end>"))
        ),
    )


def letter_judge_layout(
    tokenizer: Tokenizer, *, examples: str = "", max_new_tokens: int = 128
) -> JudgeLayout:
    """In plain English with the replies as (A) and (B), for models of real text.

    Args:
        tokenizer: Of the judge.
        examples: Worked questions that stand before each question, answers included.
        max_new_tokens: Most tokens of reasons.

    Raises:
        InputError: If the tokenizer has no single tokens for the letters.
    """
    verdicts = tuple(tokenizer.encode(letter)[:1] for letter in "AB")
    if verdicts[0] == verdicts[1] or not all(verdicts):
        raise InputError("the tokenizer writes A and B alike, so that no answer could be told")
    before = f"{examples.rstrip()}\n\n" if examples.strip() else ""
    names = {"human": "Human", "assistant": "Assistant", "system": "System"}

    def write(principle: Principle, prompt: Dialogue, first: str, second: str) -> Ids:
        said = "\n\n".join(f"{names[turn.role]}: {turn.text}" for turn in prompt)
        text = (
            f"{before}Here is a conversation with an assistant.\n\n{said}\n\n{principle.choose}\n"
            f"(A) {first}\n(B) {second}\n\n"
        )
        return tokenizer.encode_opening(text)

    return JudgeLayout(
        name="letters",
        write=write,
        reason=tokenizer.encode("Let us think it through, step by step:"),
        answer=tokenizer.encode("\n\nThe better reply is ("),
        verdicts=(verdicts[0][0], verdicts[1][0]),
        reasons=SamplingConfig(max_new_tokens=max_new_tokens, stop_strings=("\n\n",)),
    )


JUDGE_LAYOUTS: dict[str, Callable[[Tokenizer], JudgeLayout]] = {
    "words": word_judge_layout,
    "letters": letter_judge_layout,
}
"""Layouts of judges by name."""


def _check_clamp(clamp: tuple[float, float] | None) -> None:
    if clamp is not None and not 0 <= clamp[0] <= 0.5 <= clamp[1] <= 1:
        raise InputError(
            f"clamp={clamp} must be a low and a high probability about a half, as (0.4, 0.6)"
        )


def _question(layout: JudgeLayout, principle: Principle, pair: Comparison, *, swapped: bool) -> Ids:
    one, two = (pair.second, pair.first) if swapped else (pair.first, pair.second)
    return layout.write(principle, pair.prompt, one, two)


def _check_length(
    judge: LanguageModel,
    layout: JudgeLayout,
    questions: Sequence[Ids],
    asked: Sequence[tuple[int, Principle, bool]],
    *,
    chain_of_thought: bool,
) -> None:
    """Refuse what the judge could not read, reasons included, before anything is computed."""
    room = len(layout.answer)
    if chain_of_thought:
        room += len(layout.reason) + layout.reasons.max_new_tokens
    context = judge.network.config.context
    for ids, (place, _, _) in zip(questions, asked, strict=True):
        if len(ids) + room > context:
            raise InputError(
                f"pairs[{place}] makes a question of {len(ids)} tokens; with {room} for the answer "
                f"it does not fit the judge's context of {context}; leave the pair out"
            )


def fits_judge(
    judge: LanguageModel,
    pair: Comparison,
    principles: Sequence[Principle],
    layout: JudgeLayout,
    *,
    chain_of_thought: bool = False,
) -> bool:
    """Whether a judge can read a pair by each of some principles."""
    try:
        for principle in principles:
            question = _question(layout, principle, pair, swapped=False)
            _check_length(
                judge,
                layout,
                [question],
                [(0, principle, False)],
                chain_of_thought=chain_of_thought,
            )
    except InputError:
        return False
    return True


def _reasoned(
    judge: LanguageModel, layout: JudgeLayout, questions: Sequence[Ids], seed: int
) -> tuple[list[Ids], list[str]]:
    """Questions with reasons behind them, and the reasons' words."""
    asked = [[*ids, *layout.reason] for ids in questions]
    said = judge.generate(asked, layout.reasons, seed=seed)
    texts = [one.text.strip() for one in said]
    ends = set(layout.reasons.stop_ids)
    if layout.reasons.stop_ids:
        kept = [one.ids[:-1] if one.ids[-1] in ends else one.ids for one in said]
    else:  # a stop string may be cut out of the middle of a token
        kept = [judge.tokenizer.encode(f" {text}") for text in texts]
    return [[*ids, *reasons] for ids, reasons in zip(asked, kept, strict=True)], texts


@torch.no_grad()
def _p_first(
    judge: LanguageModel, questions: Sequence[Ids], layout: JudgeLayout, batch: int
) -> Float[Tensor, " question"]:
    """Probability of the first verdict against the second, at the end of each question."""
    found = torch.empty(len(questions), dtype=torch.float64)
    network = judge.network
    device = next(network.parameters()).device
    order = sorted(range(len(questions)), key=lambda place: len(questions[place]))
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        ids, lengths = pad_right([questions[place] for place in places])
        ids, rows = ids.to(device), torch.arange(len(places), device=device)
        ends = lengths.to(device) - 1
        # What stands behind a row's end is never seen by it, so padding there needs no mask.
        if isinstance(network, Transformer):
            logits = network.unembed(network.features(ids)[rows, ends])
        else:
            logits = network(ids)[rows, ends]
        first, second = logits[:, list(layout.verdicts)].double().T
        found[places] = torch.sigmoid(first - second).cpu()
    return found
