"""All sizes of the study, each kept in the workspace once it is whole."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from glasshouse.corpora import HiddenFunction
from glasshouse.corpora.hidden_function import NAMES
from glasshouse.evaluate.few_shot import FewShotConfig, Task, evaluate
from glasshouse.files import write_atomically
from glasshouse.models import LanguageModel
from glasshouse.studies.few_shot.config import FewShotStudyConfig
from glasshouse.studies.few_shot.grow import as_model, fresh, train
from glasshouse.studies.few_shot.kinds import ALPHABET, NAME, SCRAMBLED, Lexicon, lexicon_of
from glasshouse.studies.few_shot.planting import plant
from glasshouse.studies.few_shot.seen import ASKED, FEW, SHOTS, Answers, Seen, SizeSeen
from glasshouse.studies.few_shot.tasks import task_of
from glasshouse.studies.few_shot.texts import (
    LETTERWISE,
    Documents,
    Script,
    mixture,
    syllabic,
    words_alone,
    write,
)
from glasshouse.studies.study import Progress
from glasshouse.studies.working import Ticker, threads_restored
from glasshouse.world.streams import stream

_IDEAL_DOCUMENTS = 4_000


def measure(config: FewShotStudyConfig, *, seed: int, progress: Progress, workspace: Path) -> Seen:
    """Train and measure what is not yet kept."""
    recipe = f"{replace(config, draws=20)!r} {mixture(config.function_share)!r} {words_alone()!r}"
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    folder = workspace / NAME / f"seed{seed}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    work = {width: _work(config, width) for width in config.widths}
    ticker = Ticker(sum(work.values()), progress)
    paths = {width: folder / f"width-{width}.json" for width in config.widths}
    sizes = []
    documents: Documents | None = None
    with threads_restored():
        torch.set_num_threads(1)  # models this small gain nothing from a second one
        for width, path in paths.items():
            if path.is_file():
                ticker.add(work[width], f"width {width} was kept")
            else:
                documents = documents or _documents(config, seed=seed)
                found = _size(config, width, documents, seed=seed, ticker=ticker)
                write_atomically(path, msgspec.json.encode(found))
            sizes.append(msgspec.json.decode(path.read_bytes(), type=SizeSeen))
    return Seen(config=config, sizes=tuple(sizes), ideal=ideal(seed))


def ideal(seed: int) -> dict[int, float]:
    """What the best reader of unnamed functions gets right, by number of examples."""
    domain = HiddenFunction(alphabet=ALPHABET, examples=SHOTS[-1] + 1, named=0.0)
    drawn = domain.draw(_IDEAL_DOCUMENTS, stream(seed, NAME, "ideal"))
    means = domain.ideal(drawn.ids).mean(axis=0)
    return {shots: float(means[shots]) for shots in SHOTS}


def ask_all(
    model: LanguageModel, lexicon: Lexicon, config: FewShotStudyConfig, *, seed: int
) -> tuple[Answers, ...]:
    """Put every task to a model, with every number of examples."""
    found = []
    count = max(2, config.questions // 5)
    for way, numbers in {"unnamed": SHOTS, "named": (0, FEW), "misled": (1, FEW)}.items():
        tasks = [
            task_of(
                kind,
                lexicon,
                count=count,
                seed=seed,
                is_named=way == "named",
                is_misled=way == "misled",
            )
            for kind in NAMES
        ]
        for shots in numbers:
            right = [one for task in tasks for one in _right(model, task, shots, seed)]
            found.append(Answers(kind="functions", shots=shots, way=way, right=tuple(right)))
    for kind, numbers in ASKED.items():
        found += ask(model, kind, numbers, lexicon, config, seed=seed)
    return tuple(found)


def ask(
    model: LanguageModel,
    kind: str,
    numbers: tuple[int, ...],
    lexicon: Lexicon,
    config: FewShotStudyConfig,
    *,
    seed: int,
    script: Script = LETTERWISE,
) -> list[Answers]:
    """Put one kind of question to a model with several numbers of examples."""
    task = task_of(kind, lexicon, count=config.questions, seed=seed, script=script)
    return [
        Answers(
            kind=kind, shots=shots, way="unnamed", right=tuple(_right(model, task, shots, seed))
        )
        for shots in numbers
    ]


def _right(model: LanguageModel, task: Task, shots: int, seed: int) -> list[int]:
    """Every question has examples of its own, so that a mean is over as many draws."""
    outcome = evaluate(model, task, FewShotConfig(num_fewshot=shots, seed=seed))
    return [int(value) for value in outcome.values("acc")]


def _work(config: FewShotStudyConfig, width: int) -> int:
    """Steps of a size, weighted with what one costs; a part is the same for all sizes."""
    each = config.params(width) + 12 * width * config.context + 5_000
    steps = config.steps
    if width == config.widths[-1]:
        steps += 2 * (config.word_steps + config.extra_steps)
    return steps * each


def _documents(config: FewShotStudyConfig, *, seed: int) -> Documents:
    """What all sizes read."""
    lexicon = lexicon_of(seed, words=config.words, unscrambled=config.unscrambled)
    return write(
        config.steps * config.rows,
        mixture(config.function_share),
        lexicon,
        stream(seed, NAME, "documents"),
        length=config.context + 1,
        named=config.named,
    )


def _size(
    config: FewShotStudyConfig, width: int, documents: Documents, *, seed: int, ticker: Ticker
) -> SizeSeen:
    lexicon = lexicon_of(seed, words=config.words, unscrambled=config.unscrambled)
    is_largest = width == config.widths[-1]
    steps = config.steps + is_largest * 2 * (config.word_steps + config.extra_steps)

    def tick() -> None:
        ticker.add(_work(config, width) // steps, f"growing the model of width {width}")

    network = fresh(config, width, seed=seed)
    train(
        network,
        documents,
        rows=config.rows,
        lr=config.lr,
        warmup_steps=config.warmup_steps,
        tick=tick,
    )
    seen = SizeSeen(width=width, answers=ask_all(as_model(network), lexicon, config, seed=seed))
    if not is_largest:
        return seen
    return replace(
        seen,
        by_letter=_words_alone(config, lexicon, LETTERWISE, seed=seed, tick=tick),
        by_syllable=_words_alone(config, lexicon, syllabic(), seed=seed, tick=tick),
        planting=plant(config, copy.deepcopy(network), documents, lexicon, seed=seed, tick=tick),
    )


def _words_alone(
    config: FewShotStudyConfig,
    lexicon: Lexicon,
    script: Script,
    *,
    seed: int,
    tick: Callable[[], None],
) -> tuple[Answers, ...]:
    """A model of the largest size that reads words alone, in one script."""
    network = fresh(config, config.widths[-1], seed=seed)
    documents = write(
        config.word_steps * config.rows,
        words_alone(),
        lexicon,
        stream(seed, NAME, "words alone"),
        length=config.context + 1,
        named=config.named,
        script=script,
    )
    train(
        network,
        documents,
        rows=config.rows,
        lr=config.lr,
        warmup_steps=min(config.warmup_steps, config.word_steps // 2),
        tick=tick,
    )
    model = as_model(network, script=script)
    answers: list[Answers] = []
    for kind in SCRAMBLED:
        few = ASKED[kind][-1:]
        answers += ask(model, kind, few, lexicon, config, seed=seed, script=script)
    return tuple(answers)
