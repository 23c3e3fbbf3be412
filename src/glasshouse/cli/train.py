"""`glasshouse train`: grow a model on a text or on a world, or go on with a run."""

import re
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Settings, Shard, named_path, whole_number
from glasshouse.cli.overrides import apply_overrides
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.training import Run, StepResult
else:
    # training imports torch, which `--help` has no time for
    Run = StepResult = Any

RUNS = Path("runs")
"""Where runs go, and where `run:NAME` looks."""

MEMORISING = 0.05
"""Nats that the held-out loss may rise above its lowest before it is called memorising."""


def train(
    text: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Grow a model on this UTF-8 text file, or folder of them.",
        ),
    ] = None,
    world: Annotated[
        int | None,
        typer.Option(
            parser=whole_number, metavar="SEED", help="Grow a model on the toy world of this seed."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a run: its folder, or run:NAME."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="The run folder; by default one under runs/."
        ),
    ] = None,
    settings: Settings = None,
    shard: Shard = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Grow a language model; stop it at any moment, and resume it exactly.

    Give one of --text, --world and --resume. Ctrl-C leaves a checkpoint and says how to go on.
    The answer is the run folder, for `glasshouse generate`; with --json, one record per step.
    Several processes: `torchrun --nproc-per-node 2 -m glasshouse train …`, with --shard or without.

    [green]glasshouse train --text book.txt --set train.steps=300[/green]
    """
    if [text, world, resume].count(None) != 2:
        raise InputError("give exactly one of --text PATH, --world SEED and --resume RUN")
    if resume == "":
        raise InputError("--resume '' is empty; name a run folder, or run:NAME")
    if resume is not None and (out is not None or settings):
        raise InputError("--resume goes on with the run as it was; leave out --out and --set")
    folder = run_folder(resume) if resume is not None else out or default_folder(text, world)
    try:
        from glasshouse.training import joined_processes, open_run

        with joined_processes(shard=shard) as processes:
            if resume is None and processes.is_first:
                _start(folder, text, world, settings or [])
            processes.wait()
            run = open_run(folder)
            notes = Notes(notebook if processes.is_first else "none", project)
            last = _train(run, notes, json=json, quiet=not processes.is_first)
    except KeyboardInterrupt:
        raise Stopped(_how_to_go_on(folder)) from None
    if processes.is_first:
        _report(run, last, json=json)


def run_folder(name: str) -> Path:
    """The folder that a run is called by: a path, or `run:NAME` for one under runs/."""
    return RUNS / name.removeprefix("run:") if name.startswith("run:") else Path(name)


def default_folder(text: Path | None, world: int | None) -> Path:
    """Where a run goes when nobody says: named for what it is grown on, never an existing one."""
    stem = f"world-{world}" if text is None else re.sub(r"[^\w.-]+", "-", text.resolve().stem)
    folder, number = RUNS / (stem or "text"), 2
    while folder.exists():
        folder, number = RUNS / f"{stem or 'text'}-{number}", number + 1
    return folder


def _start(folder: Path, text: Path | None, world: int | None, settings: list[str]) -> None:
    """Make the run folder, with its data and its untrained model."""
    if text is not None:
        from glasshouse.training import TextConfig, start_text_run

        config = apply_overrides(TextConfig(), settings)
        talk(f"reading {text}")
        start_text_run(text, folder, config)
    else:
        from glasshouse.training.toy_world import WorldConfig, start_world_run

        config = apply_overrides(WorldConfig(world_seed=world or 0), settings)
        talk(f"writing the documents of world {config.world_seed}")
        start_world_run(folder, config)


def _train(run: Run, notes: Notes, *, json: bool, quiet: bool) -> StepResult | None:
    """Train to the end, showing how it goes; returns the last step, or None if none was left."""
    from glasshouse.cli.progress import progress_bar

    total, last = run.record.config.steps, None
    if not quiet:
        talk(f"{shown_path(run.folder)}: {run.newest_step} of {total} steps are done")
    with (
        progress_bar("training") as bar,
        notes.training(run.folder, from_step=run.newest_step) as note,
        closing(_steps(run)) as steps,
    ):
        for step in steps:
            last = step
            note(step.step, _measured(step))
            if quiet:
                continue
            speed = f"{step.tokens_per_second:,.0f} tokens/s"
            bar(step.step, total, f"loss {step.loss:.3f}, {speed}")
            if json:
                json_line(step)
            elif step.held_out is not None:
                held_out = step.held_out["all"]
                bar.say(f"step {step.step}: loss {step.loss:.3f}, held out {held_out:.3f} nats")
    return last


def _measured(step: StepResult) -> dict[str, Any]:
    """What the notebook takes down of a step: its line in metrics.jsonl."""
    return {
        "loss": step.loss,
        "lr": step.lr,
        "grad_norm": step.grad_norm,
        "tokens": step.tokens,
        "tokens_per_second": step.tokens_per_second,
        "held_out": step.held_out,
    }


def _steps(run: Run) -> Generator[StepResult, None, None]:
    """The steps that are left, in a generator whose closing leaves a checkpoint."""
    from glasshouse.training import continue_run

    yield from continue_run(run)


def _report(run: Run, last: StepResult | None, *, json: bool) -> None:
    """Say what came out and what can be done with it."""
    folder = shown_path(run.folder)
    if last is None:
        talk(f"{folder} is finished: all {run.record.config.steps} steps are done")
    elif last.held_out is not None:
        kinds = sorted((loss, kind) for kind, loss in last.held_out.items() if kind != "all")
        for loss, kind in kinds if len(kinds) > 1 else []:
            talk(f"  held out, {kind}: {loss:.3f} nats per token")
        _warn_of_memorising(run, last.held_out["all"])
    talk(f"Talk to it: glasshouse generate {quote(folder)} --prompt '…'")
    if not json:
        data(folder)


def _warn_of_memorising(run: Run, final: float) -> None:
    """Say so if the held-out loss has risen again: the text is too small for so many steps."""
    from glasshouse.training import best_held_out

    best = best_held_out(run.metrics())
    if best is not None and best.held_out is not None and best.held_out["all"] < final - MEMORISING:
        talk(
            f"held-out loss was lowest at step {best.step} ({best.held_out['all']:.3f} nats) and "
            f"has risen to {final:.3f}: the model is memorising; give more text, or fewer steps "
            f"with --set train.steps={best.step}"
        )


def _how_to_go_on(folder: Path) -> str:
    """What to tell whoever pressed Ctrl-C: what is kept, and the command that resumes it."""
    from glasshouse.training import open_run

    try:
        run = open_run(folder)
    except InputError:
        return "stopped before training began; nothing was written"
    steps = f"step {run.newest_step} of {run.record.config.steps}"
    if run.is_finished:
        return f"stopped after {steps}; the run is complete in {shown_path(folder)}"
    command = f"glasshouse train --resume {quote(shown_path(folder))}"
    return f"stopped; {steps} is saved, go on with: {command}"
