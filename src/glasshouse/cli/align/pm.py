"""`glasshouse align pm`: a preference model from a file of comparisons."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.adapters import (
    Lora,
    LoraAlpha,
    LoraDropout,
    TargetModules,
    load_for_training,
    lora_config,
    tell_trained,
)
from glasshouse.cli.align.layouts import LayoutName, chosen_layout
from glasshouse.cli.align.pairs import (
    agreement_line,
    agreement_plain,
    fitting,
    held_out_pairs,
    read_pairs,
)
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, Settings, Shard, named_path
from glasshouse.cli.overrides import apply_overrides
from glasshouse.cli.processes import several_processes
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Agreement, Comparison, JudgeTrainingConfig, PreferenceModel
else:
    # all import torch, which `--help` has no time for
    Agreement = Comparison = JudgeTrainingConfig = PreferenceModel = Any


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
            help="Comparisons to measure on; by default a tenth of --pairs, left out of training.",
        ),
    ] = None,
    layout: LayoutName = None,
    lora: Lora = None,
    lora_alpha: LoraAlpha = None,
    lora_dropout: LoraDropout = None,
    target_modules: TargetModules = None,
    seed: Seed = 0,
    settings: Settings = None,
    shard: Shard = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Train a preference model on comparisons, and measure it on others.

    Lines hold `chosen` and `rejected` as whole dialogues with `\\n\\nHuman:` and `\\n\\nAssistant:`
    (as hh-rlhf has them); or `prompt`, `chosen` and `rejected`; or `prompt`, `first`, `second` and
    `p_first`, any of them with a `weight`; or what LLMBar, PandaLM and Open Assistant published.
    With --lora what is kept is adapters and the head. Fields for --set: epochs, batch,
    schedule.peak_lr, centre, …

    [green]glasshouse align pm gpt2 --pairs train.jsonl --test test.jsonl --out pm[/green]
    """
    from glasshouse.align import (
        JudgeTrainingConfig,
        PreferenceModel,
        agreement,
        save_preference_model,
    )

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already; name a new folder with --out")
    adapters = lora_config(lora, lora_alpha, lora_dropout, target_modules)
    config = apply_overrides(JudgeTrainingConfig(seed=seed), settings or ())
    with several_processes(shard=shard) as processes:
        learned, held_out = held_out_pairs(
            read_pairs(pairs), None if test is None else read_pairs(test)
        )
        language = load_for_training(model, adapters, seed=seed)
        tell_trained(language)
        name, writes = chosen_layout(layout, language)
        judge = PreferenceModel(language, writes)
        learned = fitting(judge, learned, pairs)
        held_out = fitting(judge, held_out, test or pairs)
        try:
            _train(judge, learned, config)
        except KeyboardInterrupt:
            raise Stopped("stopped; nothing was written") from None
    if not processes.is_first:
        return
    found = agreement(judge.margins(held_out), held_out)
    save_preference_model(judge, out, layout=name)
    _tell(found, out, name, json=json)
    _note(Notes(notebook, project), found, out, model)


def _train(
    judge: PreferenceModel, comparisons: list[Comparison], config: JudgeTrainingConfig
) -> None:
    from glasshouse.align import train_judge
    from glasshouse.align.judges.training import num_steps
    from glasshouse.cli.progress import progress_bar

    total = num_steps(sum(one.weight > 0 for one in comparisons), config)
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
