"""`glasshouse align sft`: fine-tune a model on what the assistant says in dialogues."""

from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.adapters import (
    Lora,
    LoraAlpha,
    LoraDropout,
    TargetModules,
    load_for_training,
    lora_config,
    lora_recipe,
    tell_trained,
)
from glasshouse.cli.align.layouts import LayoutName, chosen_layout
from glasshouse.cli.align.talks import fitted, parted, read_dialogues
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, Settings, Shard, named_path
from glasshouse.cli.overrides import apply_overrides

if TYPE_CHECKING:
    from glasshouse.align import LoraConfig, SftStep
    from glasshouse.training import Run
else:
    # both import torch, which `--help` has no time for
    LoraConfig = Run = SftStep = Any


def sft(
    model: Model,
    dialogues: Annotated[
        list[Path],
        typer.Option(
            parser=named_path, metavar="PATH", help="JSON lines of dialogues; may be given again."
        ),
    ],
    out: Annotated[
        Path, typer.Option(parser=named_path, metavar="PATH", help="The run folder to make.")
    ],
    held_out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Dialogues to measure on; by default every twentieth, left out of training.",
        ),
    ] = None,
    layout: LayoutName = None,
    too_long: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What becomes of a dialogue longer than the context: cut (its oldest turns go), "
            "skip or refuse.",
        ),
    ] = "cut",
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
    """Fine-tune a model on dialogues; only the assistant's words, and their ends, count.

    Lines hold `messages` (roles and contents), `chosen` (a dialogue with `\\n\\nHuman:` and
    `\\n\\nAssistant:`, as hh-rlhf has them), `text`, or `prompt` and `completion`. The answer is a
    run folder: `glasshouse train --resume` goes on with it after Ctrl-C or worse. With --lora its
    checkpoints are adapters alone; `glasshouse align merge` makes them part of the model. Fields
    for --set: epochs, batch_tokens, packing, schedule.peak_lr, …

    [green]glasshouse align sft gpt2 --dialogues talk.jsonl --out runs/assistant[/green]
    """
    from glasshouse.training import joined_processes, open_run

    adapters = lora_config(lora, lora_alpha, lora_dropout, target_modules)
    try:
        with joined_processes(shard=shard) as processes:
            if processes.is_first:
                _start(out, model, dialogues, held_out, layout, too_long, adapters, seed, settings)
            processes.wait()
            run = open_run(out)
            notes = Notes(notebook if processes.is_first else "none", project)
            last = _train(run, notes, json=json, quiet=not processes.is_first)
    except KeyboardInterrupt:
        way = f"glasshouse train --resume {quote(str(out))}"
        started = (out / "run.json").is_file()
        raise Stopped(f"stopped; go on with {way}" if started else "stopped") from None
    if processes.is_first:
        _tell(out, last, json=json)


def _start(
    out: Path,
    model: str,
    dialogues: list[Path],
    held_out: Path | None,
    layout: str | None,
    too_long: str,
    lora: LoraConfig | None,
    seed: int,
    settings: list[str] | None,
) -> None:
    """Make the run folder."""
    from glasshouse.align import SftConfig, start_sft_run
    from glasshouse.training.run_folder import refuse_taken

    refuse_taken(out)
    config = apply_overrides(SftConfig(seed=seed), settings or [])
    learned, measured = parted(
        read_dialogues(dialogues), None if held_out is None else read_dialogues([held_out])
    )
    language = load_for_training(model, lora, seed=seed)
    name, writes = chosen_layout(layout, language)
    context = config.context or language.network.config.context
    rendered, kept = (
        fitted(part, writes, context=context, too_long=too_long, what=what)
        for part, what in ((learned, "to learn"), (measured, "held out"))
    )
    recipe = {"base": model, "layout": name, "files": [str(path) for path in dialogues]}
    recipe |= lora_recipe(lora)
    record = start_sft_run(out, language, rendered, kept, config, recipe=recipe).record
    rows = f"rows of {record.context} tokens, of which {record.recipe['padding']:.1%} are padding"
    talk(f"{len(rendered)} dialogues in {rows}")
    tell_trained(language)


def _train(run: Run, notes: Notes, *, json: bool, quiet: bool) -> SftStep | None:
    """Train to the end; returns the last step."""
    from glasshouse.align import continue_sft
    from glasshouse.cli.progress import progress_bar

    total, last = run.record.config.steps, None
    with (
        progress_bar("fine-tuning") as bar,
        notes.training(run.folder, from_step=run.newest_step) as note,
        closing(continue_sft(run)) as steps,
    ):
        for step in steps:
            last = step
            held_out = None if step.held_out is None else {"all": step.held_out}
            note(step.step, _measured(step) | {"held_out": held_out})
            if quiet:
                continue
            bar(step.step, total, f"loss {step.loss:.3f}, {step.tokens_per_second:,.0f} tokens/s")
            if json:
                json_line(step)
            elif step.held_out is not None:
                bar.say(
                    f"step {step.step}: loss {step.loss:.3f}, held out {step.held_out:.3f} nats"
                )
    return last


def _measured(step: SftStep) -> dict[str, Any]:
    """What the notebook takes down of a step."""
    return {
        "loss": step.loss,
        "lr": step.lr,
        "grad_norm": step.grad_norm,
        "tokens": step.tokens,
        "tokens_per_second": step.tokens_per_second,
    }


def _tell(out: Path, last: SftStep | None, *, json: bool) -> None:
    folder = shown_path(out)
    if last is not None and last.held_out is not None:
        talk(f"held out: {last.held_out:.3f} nats a token of what the assistant says")
    talk(f"Talk to it: glasshouse generate {quote(folder)} --prompt '…'")
    if not json:
        data(folder)
