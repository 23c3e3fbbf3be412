"""`glasshouse align pm`: a preference model from a file of comparisons."""

from collections.abc import Hashable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.pairs import agreement_line, agreement_plain, fitting, read_pairs
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, Settings, named_path
from glasshouse.cli.overrides import apply_overrides
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Agreement, Comparison, JudgeTrainingConfig, PreferenceModel
else:
    # all import torch, which `--help` has no time for
    Agreement = Comparison = JudgeTrainingConfig = PreferenceModel = Any

LAYOUT_NAMES = ("human-assistant", "words")
"""Layouts that a preference model may read dialogues in."""


def pm(
    model: Model,
    pairs: Annotated[
        Path,
        typer.Option(parser=named_path, metavar="PATH", help="JSON lines of comparisons."),
    ],
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="Folder to write.")],
    test: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Comparisons to measure on; by default every tenth of --pairs, left out of "
            "training.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help=f"How dialogues are written: {', '.join(LAYOUT_NAMES)}. By default words for a "
            "model of the toy world, else human-assistant.",
        ),
    ] = None,
    seed: Seed = 0,
    settings: Settings = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Train a preference model on comparisons, and measure it on others.

    Lines hold `chosen` and `rejected` as whole dialogues with `\\n\\nHuman:` and `\\n\\nAssistant:`
    (as hh-rlhf has them); or `prompt`, `chosen` and `rejected`; or `prompt`, `first`, `second` and
    `p_first`. Fields for --set: epochs, batch, schedule.peak_lr, centre, …

    [green]glasshouse align pm gpt2 --pairs train.jsonl --test test.jsonl --out pm[/green]
    """
    from glasshouse.align import (
        LAYOUTS,
        JudgeTrainingConfig,
        PreferenceModel,
        agreement,
        save_preference_model,
    )
    from glasshouse.models import LanguageModel

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already; name a new folder with --out")
    config = apply_overrides(JudgeTrainingConfig(seed=seed), settings or ())
    learned, held_out = _parts(read_pairs(pairs), None if test is None else read_pairs(test))
    language = LanguageModel.load(model)
    name = layout or _layout_of(language)
    if name not in LAYOUTS:
        raise InputError(f"--layout {name!r} must be one of {', '.join(LAYOUTS)}")
    judge = PreferenceModel(language, LAYOUTS[name](language.tokenizer))
    learned = fitting(judge, learned, pairs)
    held_out = fitting(judge, held_out, test or pairs)
    try:
        _train(judge, learned, config)
    except KeyboardInterrupt:
        raise Stopped("stopped; nothing was written") from None
    found = agreement(judge.margins(held_out), held_out)
    save_preference_model(judge, out, layout=name)
    _tell(found, out, name, json=json)
    _note(Notes(notebook, project), found, out, model)


def _parts(
    pairs: list[Comparison], test: list[Comparison] | None
) -> tuple[list[Comparison], list[Comparison]]:
    """What is learned from, and what is measured on.

    Raises:
        InputError: If a comparison stands in both, or too few are there to be parted.
    """
    if test is None:
        if len(pairs) < 10:
            raise InputError(
                f"{len(pairs)} comparisons are too few to leave a tenth out; give more, or --test"
            )
        # What comes again in the file must not be learned from where it is measured on.
        kept = {_key(one) for one in pairs[::10]}
        return [one for one in pairs if _key(one) not in kept], pairs[::10]
    seen = {_key(one) for one in pairs}
    twice = sum(_key(one) in seen for one in test)
    if twice:
        raise InputError(
            f"{twice} of the comparisons in --test stand in --pairs as well; measure on others"
        )
    return pairs, test


def _key(one: Comparison) -> Hashable:
    """The same for a comparison and its replies the other way round."""
    return one.prompt, frozenset((one.first, one.second))


def _layout_of(language: Any) -> str:
    """The toy world's own layout where its vocabulary is."""
    core = language.tokenizer.core
    known = all(core.token_to_id(token) is not None for token in ("<doc>", "<end>", "Assistant"))
    return "words" if known and language.tokenizer.is_word_level else "human-assistant"


def _train(
    judge: PreferenceModel, comparisons: list[Comparison], config: JudgeTrainingConfig
) -> None:
    from glasshouse.align import train_judge
    from glasshouse.align.judge_training import num_steps
    from glasshouse.cli.progress import progress_bar

    total = num_steps(len(comparisons), config)
    with (
        progress_bar("a preference model") as bar,
        closing(train_judge(judge, comparisons, config)) as training,
    ):
        for step in training:
            bar(step.step, total, f"loss {step.loss:.3f}, agrees {step.accuracy:.2f}")


def _tell(found: Agreement, out: Path, layout: str, *, json: bool) -> None:
    if json:
        json_line({"path": shown_path(out), "layout": layout, **agreement_plain(found)})
        return
    talk(agreement_line(found, "on comparisons it has not seen"))
    talk(f"Score others: glasshouse align compare {shown_path(out)} --pairs FILE")
    data(shown_path(out))


def _note(notes: Notes, found: Agreement, out: Path, model: str) -> None:
    """Take a finding down."""

    def work(opened: Any) -> None:
        from datetime import UTC, datetime

        from glasshouse.notebook import Finding, new_id
        from glasshouse.notebook.importing import subject_of

        opened.add(
            Finding(
                id=new_id(),
                created=datetime.now(UTC),
                kind="preference-model",
                title=f"a preference model from {model}",
                subject=subject_of(model),
                text=agreement_line(found, "on comparisons it has not seen"),
                sites=[],
                extra={"path": shown_path(out), **agreement_plain(found)},
            )
        )

    notes.write(work)
