"""The three ways to answer: the likeliest of several, how likely the right one is, a text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.likelihood import (
    Pair,
    Progress,
    Scored,
    encode_openings,
    encode_pairs,
    score,
)
from glasshouse.evaluate.few_shot.metrics import (
    CHOICE_METRICS,
    Choosing,
    char_acc,
    exact_match,
    filtered,
    likelihood_metrics,
)
from glasshouse.evaluate.few_shot.outcomes import Answered, FewShotConfig
from glasshouse.evaluate.few_shot.prompts import Prompt, fit
from glasshouse.evaluate.few_shot.tasks import Sample, Task
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.models.respondent import Respondent

MOST_WRITTEN = 256
"""Tokens of a free answer, where neither the task nor the model's context says less."""
OF_TARGET = ("token_acc", "token_nll")
"""Measures of free answers that read how likely the right one is instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """A question as it fits the model's context."""

    sample: Sample
    """What is asked."""
    prompt: Prompt
    """What the model reads."""
    num_cut: int
    """Examples that had to go."""
    pairs: tuple[Pair, ...] = ()
    """The prompt with each answer whose likelihood is asked."""


def choose(
    model: LanguageModel,
    task: Task,
    prompts: Sequence[Prompt],
    config: FewShotConfig,
    progress: Progress | None = None,
) -> list[Answered]:
    """Read how likely each choice is, and score the likeliest.

    Raises:
        InputError: If a question does not fit the context, or an answer cannot be encoded.
    """
    put = _put(model, task, prompts, lambda sample: sample.choices)
    scored = _score(model, put, progress)
    alone = _score_alone(model, task, put)
    names = [metric.name for metric in task.measured]
    answered = []
    for one, choices in zip(put, scored, strict=True):
        without = tuple(alone[choice] for choice in one.sample.choices) if alone else ()
        choosing = Choosing(sample=one.sample, scored=choices, alone=without)
        answered.append(
            Answered(
                sample=one.sample,
                prompt=one.prompt.text,
                num_shots=len(one.prompt.shots),
                num_cut=one.num_cut,
                choices=choices,
                alone=without,
                metrics={(name, "none"): CHOICE_METRICS[name](choosing) for name in names},
            )
        )
    return answered


def find_likely(
    model: LanguageModel,
    task: Task,
    prompts: Sequence[Prompt],
    config: FewShotConfig,
    progress: Progress | None = None,
) -> list[Answered]:
    """Read how likely the right answer is; no delimiter stands before it, as in lm-eval.

    Raises:
        InputError: If a question does not fit the context, or an answer cannot be encoded.
    """
    put = _put(model, task, prompts, lambda sample: (sample.target,), delimiter="")
    names = [metric.name for metric in task.measured]
    answered = []
    for one, (target,) in zip(put, _score(model, put, progress), strict=True):
        values = likelihood_metrics(names, target)
        answered.append(
            Answered(
                sample=one.sample,
                prompt=one.prompt.text,
                num_shots=len(one.prompt.shots),
                num_cut=one.num_cut,
                target=target,
                metrics={(name, "none"): value for name, value in values.items()},
            )
        )
    return answered


def write(
    model: LanguageModel,
    task: Task,
    prompts: Sequence[Prompt],
    config: FewShotConfig,
    progress: Progress | None = None,
) -> list[Answered]:
    """Let a model write answers, and compare them with the right ones.

    Raises:
        InputError: If a question does not fit the context beside its answer.
    """
    context = model.network.config.context
    most = task.written.max_tokens or min(MOST_WRITTEN, context // 2)
    if most >= context:
        raise InputError(
            f"task {task.name!r} lets answers have {most} tokens, and the model's context is "
            f"{context}; lower max_gen_toks"
        )
    wants_target = any(metric.name in OF_TARGET for metric in task.measured)
    put = _put(
        model,
        task,
        prompts,
        lambda sample: (sample.target,) if wants_target else (),
        room_to_write=most,
    )
    texts = _texts(model, task, put, most, config, progress)
    targets = _score(model, put, None) if wants_target else [()] * len(put)
    return [
        _compared(task, one, text, target[0] if target else None)
        for one, text, target in zip(put, texts, targets, strict=True)
    ]


def ask(
    respondent: Respondent, task: Task, prompts: Sequence[Prompt], config: FewShotConfig
) -> list[Answered]:
    """Let anything that completes prompts write answers; its context is its own affair.

    Raises:
        InputError: If the task asks how likely something is, which a respondent cannot say.
    """
    names = [metric.name for metric in task.measured]
    unseen = [name for name in names if name in OF_TARGET]
    if task.output_type != "generate_until" or unseen:
        asked = unseen[0] if unseen else task.output_type
        raise InputError(
            f"task {task.name!r} asks for {asked}, and this respondent only writes; "
            "give a language model, or a task with exact_match of written answers"
        )
    generation = task.written
    texts = respondent.complete(
        [prompt.text for prompt in prompts],
        max_tokens=generation.max_tokens or MOST_WRITTEN,
        seed=config.seed,
    )
    put = [
        Put(sample=sample, prompt=prompt, num_cut=0)
        for sample, prompt in zip(task.samples, prompts, strict=False)
    ]
    return [
        _compared(task, one, _until(text, generation.until), None)
        for one, text in zip(put, texts, strict=True)
    ]


ANSWER: Mapping[
    str,
    Callable[
        [LanguageModel, Task, Sequence[Prompt], FewShotConfig, Progress | None], list[Answered]
    ],
] = MappingProxyType(
    {"multiple_choice": choose, "loglikelihood": find_likely, "generate_until": write}
)
"""How each kind of question is answered."""


def _put(
    model: LanguageModel,
    task: Task,
    prompts: Sequence[Prompt],
    answers: Callable[[Sample], Sequence[str]],
    *,
    delimiter: str | None = None,
    room_to_write: int = 0,
) -> list[Put]:
    """Encode prompts with answers, and cut examples where they do not fit the context.

    Raises:
        InputError: If a question does not fit even without examples.
    """
    between = task.target_delimiter if delimiter is None else delimiter
    samples = task.samples[: len(prompts)]
    endings = [[between + answer for answer in answers(sample)] for sample in samples]
    pairs = iter(
        encode_pairs(
            model.tokenizer,
            [p.text for p, ends in zip(prompts, endings, strict=True) for _ in ends],
            [end for ends in endings for end in ends],
        )
    )
    alone = encode_openings(model.tokenizer, [p.text for p in prompts]) if room_to_write else []
    context = model.network.config.context
    put = []
    for number, (sample, prompt, ends) in enumerate(zip(samples, prompts, endings, strict=True)):
        of_prompt = tuple(next(pairs) for _ in ends)
        needed = max([pair.num_read for pair in of_prompt], default=0)
        if room_to_write:
            needed = max(needed, len(alone[number]) + room_to_write)
        kept = prompt
        if needed > context:

            def length(prompt: Prompt, ends: Sequence[str] = ends) -> int:
                return _needed(model, prompt.text, ends, room_to_write)

            fitted = fit(prompt, length, room=context)
            if fitted is None:
                raise InputError(
                    f"question {number} of task {task.name!r} needs "
                    f"{_needed(model, prompt.description + prompt.question, ends, room_to_write)} "
                    f"tokens without any example, and the model's context is {context}; shorten "
                    "it, leave it out, or take a model with more context"
                )
            kept = fitted
            of_prompt = tuple(encode_pairs(model.tokenizer, [kept.text] * len(ends), ends))
        put.append(
            Put(
                sample=sample,
                prompt=kept,
                num_cut=len(prompt.shots) - len(kept.shots),
                pairs=of_prompt,
            )
        )
    return put


def _needed(model: LanguageModel, text: str, ends: Sequence[str], room_to_write: int) -> int:
    """Tokens that a prompt needs with each of its endings, or with what will be written."""
    lengths = [pair.num_read for pair in encode_pairs(model.tokenizer, [text] * len(ends), ends)]
    if room_to_write:
        lengths.append(len(encode_openings(model.tokenizer, [text])[0]) + room_to_write)
    return max(lengths)


def _score(
    model: LanguageModel, put: Sequence[Put], progress: Progress | None
) -> list[tuple[Scored, ...]]:
    """How likely each answer of each question is."""
    scored = iter(score(model, [pair for one in put for pair in one.pairs], progress=progress))
    return [tuple(next(scored) for _ in one.pairs) for one in put]


def _score_alone(model: LanguageModel, task: Task, put: Sequence[Put]) -> dict[str, Scored]:
    """How likely each choice is without a question; empty unless it is measured."""
    if all(metric.name != "acc_mutual_info" for metric in task.measured):
        return {}
    choices = list(dict.fromkeys(choice for one in put for choice in one.sample.choices))
    endings = [task.target_delimiter + choice for choice in choices]
    pairs = encode_pairs(model.tokenizer, [task.null_context] * len(choices), endings)
    return dict(zip(choices, score(model, pairs), strict=True))


def _texts(
    model: LanguageModel,
    task: Task,
    put: Sequence[Put],
    most: int,
    config: FewShotConfig,
    progress: Progress | None,
) -> list[str]:
    """What the model writes behind each prompt, up to what ends an answer."""
    end = model.tokenizer.end_id
    sampling = SamplingConfig(
        max_new_tokens=most,
        temperature=0.0,
        stop_ids=() if end is None else (end,),
        stop_strings=tuple(text for text in task.written.until if text),
    )
    ids = encode_openings(model.tokenizer, [one.prompt.text for one in put])
    texts: list[str] = []
    for first in range(0, len(ids), config.batch_size):
        batch = ids[first : first + config.batch_size]
        texts += [done.text for done in model.generate(batch, sampling)]
        if progress is not None:
            progress(len(texts), len(ids))
    return texts


def _compared(task: Task, put: Put, text: str, target: Scored | None) -> Answered:
    """Measure what was written through every pipeline."""
    measured: dict[tuple[str, str], float] = {}
    of_target = likelihood_metrics(OF_TARGET, target) if target is not None else {}
    read = {pipeline.name: filtered(pipeline, text) for pipeline in task.pipelines}
    for name, answer in read.items():
        for metric in task.measured:
            if metric.name == "exact_match":
                value = exact_match(metric, answer, put.sample.target)
            elif metric.name == "char_acc":
                value = char_acc(answer, put.sample.target)
            else:
                value = of_target[metric.name]
            measured[metric.name, name] = value
    return Answered(
        sample=put.sample,
        prompt=put.prompt.text,
        num_shots=len(put.prompt.shots),
        num_cut=put.num_cut,
        target=target,
        text=text,
        filtered=read,
        metrics=measured,
    )


def _until(text: str, ends: Sequence[str]) -> str:
    """A text up to the first of what ends it."""
    found = [text.find(end) for end in ends if end]
    return text[: min((place for place in found if place >= 0), default=len(text))]
