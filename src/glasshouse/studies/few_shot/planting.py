"""Questions planted in what one of two models reads, and whether a search by words finds them."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from glasshouse.evaluate.few_shot import FewShotConfig, Outcome, Sample, Task, evaluate
from glasshouse.evaluate.few_shot.contamination import compare, overlap_with_text
from glasshouse.models import LanguageModel, Transformer
from glasshouse.studies.few_shot.config import FewShotStudyConfig
from glasshouse.studies.few_shot.grow import as_model, train
from glasshouse.studies.few_shot.kinds import NAME, SUMS, Lexicon
from glasshouse.studies.few_shot.seen import ASKED, Planting
from glasshouse.studies.few_shot.tasks import pairs_of, task_of
from glasshouse.studies.few_shot.texts import Documents, mixture, planted, texts_of, write
from glasshouse.world.streams import stream

HARDEST = SUMS[-1]
"""The kind that is planted: its questions are so many that a few are read by chance alone."""
_EACH = 4
"""Questions of a planted document."""
_SLOWER = 0.5
"""Peak rate of going on, as a share of the first one."""


def plant(
    config: FewShotStudyConfig,
    network: Transformer,
    documents: Documents,
    lexicon: Lexicon,
    *,
    seed: int,
    tick: Callable[[], None],
) -> Planting:
    """Go on twice from one model, with planted questions and without, and ask both.

    Args:
        config: How.
        network: The largest model; it is left as it is.
        documents: What it has read.
        lexicon: What is known by heart.
        seed: Draws questions and documents.
        tick: Is called after each step.
    """
    task = task_of(HARDEST, lexicon, count=config.sums_asked, seed=seed)
    rng = stream(seed, NAME, "planted")
    chosen = np.zeros(config.sums_asked, dtype=bool)
    chosen[rng.choice(config.sums_asked, config.num_planted, replace=False)] = True
    more = write(
        config.extra_steps * config.rows,
        mixture(config.function_share),
        lexicon,
        stream(seed, NAME, "more documents"),
        length=config.context + 1,
        named=config.named,
    )
    pairs = pairs_of([task.samples[place] for place in np.flatnonzero(chosen).tolist()])
    pages = planted(pairs, length=config.context + 1, each=_EACH)
    with_them = _mixed_in(more, pages, config.planted_reads, rng)
    before = texts_of(documents)
    outcomes, overlaps = [], []
    for read in (more, with_them):
        own = copy.deepcopy(network)
        train(
            own,
            read,
            rows=config.rows,
            lr=_SLOWER * config.lr,
            warmup_steps=config.warmup_steps,
            tick=tick,
        )
        outcomes.append(_asked(as_model(own), task, seed))
        overlaps.append(overlap_with_text(task.samples[:], [*before, *texts_of(read)]))
    return Planting(
        is_planted=_ints(chosen),
        was_read=_ints(stands_in(task.samples[:], [*before, *texts_of(more)])),
        found=_ints(overlaps[1].dirty),
        found_clean=_ints(overlaps[0].dirty),
        right=_ints(outcomes[1].values("acc")),
        right_clean=_ints(outcomes[0].values("acc")),
        delta=compare(outcomes[1], overlaps[1], "acc").delta,
    )


def stands_in(samples: Sequence[Sample], texts: Sequence[str]) -> list[bool]:
    """Whether each question with its answer is an example of a text, marks and all."""
    examples = {part.strip() for text in texts for part in text.split(" .")}
    wanted = [f"{question} {answer}".removesuffix(" .") for question, answer in pairs_of(samples)]
    firsts = {text.partition(" .")[0].split(" ", 2)[-1] for text in texts}  # behind its opening
    return [one in examples or one in firsts for one in wanted]


def _asked(model: LanguageModel, task: Task, seed: int) -> Outcome:
    return evaluate(model, task, FewShotConfig(num_fewshot=ASKED[HARDEST][-1], seed=seed))


def _mixed_in(
    documents: Documents, pages: Documents, reads: int, rng: np.random.Generator
) -> Documents:
    """Documents of which some give their place to pages, each of which is read so often."""
    count = len(pages.ids) * reads
    places = torch.from_numpy(rng.permutation(len(documents.ids))[:count])
    which = torch.arange(len(pages.ids)).repeat(reads)
    ids, counts = documents.ids.clone(), documents.counts.clone()
    ids[places], counts[places] = pages.ids[which], pages.counts[which]
    return Documents(ids=ids, counts=counts)


def _ints(values: ArrayLike) -> tuple[int, ...]:
    return tuple(np.asarray(values).astype(int).tolist())
