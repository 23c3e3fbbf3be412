"""`glasshouse scaling sweep`: train the models of a plan, so that laws can be fitted to them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.figures import duration
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.scaling import SweepPlan, TrialRecord
else:
    SweepPlan = TrialRecord = Any  # what scaling imports, `--help` has no time for

_Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change or add a field of the plan, as train.lrs=0.01,0.03; may be given again.",
    ),
]

_FITTED = 4
"""Runs that the simplest law needs."""


def sweep(
    plan: Annotated[
        Path | None,
        typer.Argument(
            parser=named_path,
            metavar="PLAN",
            help="A .toml, .yaml or .json with budget, kind, model, train and data; without one, "
            "--set says it all.",
        ),
    ] = None,
    settings: _Setting = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FOLDER",
            help="Where the trials are kept; by default under runs/, called like the plan.",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="serial: in this process; processes: in several; ray: on a Ray cluster.",
        ),
    ] = "serial",
    workers: Annotated[
        int, typer.Option(metavar="N", help="Populations at once, where there are several.")
    ] = 2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it costs, and stop.")
    ] = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Train every model of a plan under a budget of compute; go on where a sweep stopped.

    A plan is a grid of sizes, data, batches and learning rates, profiles of equal compute, or a
    frontier with one run a level. What it costs is told first. Each trial is kept when it is done:
    whatever ends a sweep, the same command goes on with what is missing. `scaling fit` and
    `scaling forecast` read the folder.

    [green]glasshouse scaling sweep plan.toml --out runs/sizes --dry-run[/green]

    [green]glasshouse scaling sweep --set budget=1e11 --set model.widths=8,16,32 --set
    train.steps=200 --set data.domain=quanta[/green]
    """
    from glasshouse.cli.scaling.costs import print_costs, tell_costs
    from glasshouse.scaling import run_sweep, sweep_data, sweeping
    from glasshouse.scaling.plan_files import plan_of, sweep_config
    from glasshouse.scaling.records import finished, open_sweep

    config = sweep_config(_plain(plan, settings or []))
    source = sweep_data.named_data(config.data)
    planned = plan_of(config, vocab_size=source.vocab_size, context=sweep_data.read_at_once(source))
    sweeping.check_engine(engine, workers)
    if dry_run:
        print_costs(planned, json=json)
        return
    folder = out or Path("runs") / (plan.stem if plan is not None else "sweep")
    open_sweep(folder, planned, data=sweep_data.described(source))
    num_done = len(finished(folder))
    tell_costs(planned, folder, num_done)
    if num_done == len(planned.trials):
        _report(folder, planned)
        return
    work = sweep_data.sweep_work(source, planned, folder)
    records = run_sweep(planned, folder, work, engine=engine, workers=workers)
    try:
        with closing(records), Notes(notebook, project).sweep(folder) as note:
            for record in _watched(records, planned, folder):
                note(record.trial.name)
                _tell(record, planned, json=json)
    except KeyboardInterrupt:
        kept = len(finished(folder))
        raise Stopped(
            f"{kept} of {len(planned.trials)} trials are kept in {shown_path(folder)}; the same "
            "command goes on with the others"
        ) from None
    _report(folder, planned)


def _plain(plan: Path | None, settings: list[str]) -> dict[str, Any]:
    """The content of the plan's file, with what the command line changes or adds."""
    import yaml

    from glasshouse.scaling.plan_files import read_plan_file

    if plan is None and not settings:
        raise InputError(
            "name a plan's file, or say one with --set, as --set budget=1e11 --set "
            "model.widths=8,16 --set train.steps=200"
        )
    found = {} if plan is None else read_plan_file(plan)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set {setting!r} must have the form field=value")
        *outer, last = name.strip().split(".")
        inner = found
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InputError(f"--set {setting!r}: {part} has no fields of its own")
        words = [yaml.safe_load(word) for word in value.split(",") if word.strip()]
        inner[last] = words if len(words) != 1 else words[0]
    return found


def _watched(
    records: Iterator[TrialRecord], plan: SweepPlan, folder: Path
) -> Iterator[TrialRecord]:
    """The records, with a bar that moves by the compute that is done."""
    from glasshouse.cli.progress import progress_bar
    from glasshouse.scaling.records import finished

    cost = {trial.name: trial.flops(plan.counting) for trial in plan.trials}
    done = sum(cost[name] for name in finished(folder))
    with progress_bar("training") as bar:
        bar(int(done), int(plan.flops), "")
        for record in records:
            done += cost[record.trial.name]
            bar(int(done), int(plan.flops), record.trial.name)
            yield record


def _tell(record: TrialRecord, plan: SweepPlan, *, json: bool) -> None:
    """One trial: with --json, a record that `scaling fit` reads."""
    run = record.as_run(plan)
    if json:
        json_line(
            {
                "name": run.name,
                "params": run.params,
                "tokens": run.tokens,
                "flops": run.flops,
                "steps": run.steps,
                "loss": None if run.failure else run.loss,
                "failure": run.failure,
                "seconds": round(record.seconds, 3),
            }
        )
        return
    came_to = run.failure or f"{run.loss:.4f} nats a token"
    data(f"{run.name}: {came_to} ({duration(record.seconds)})")


def _report(folder: Path, plan: SweepPlan) -> None:
    """Name what no fit will use, and say what to do with the others."""
    from glasshouse.cli.scaling.tables import tell_left_out
    from glasshouse.scaling import read_runs

    sound = read_runs(folder)
    tell_left_out(sound)
    fit = f"; glasshouse scaling fit {quote(shown_path(folder))} --law {_law_of(plan)}"
    counted = f"{len(sound.runs)} of {len(plan.trials)} trials are sound"
    talk(counted + (fit if len(sound.runs) >= _FITTED else ""))


def _law_of(plan: SweepPlan) -> str:
    """What the loss of a plan's trials can depend on."""
    sizes = {trial.shape.params for trial in plan.trials}
    amounts = {trial.tokens for trial in plan.trials}
    cells = {(trial.shape.params, trial.tokens) for trial in plan.trials}
    if len(sizes) > 1 and len(amounts) > 1:
        return "ND" if len(cells) > max(len(sizes), len(amounts)) else "C"
    return "D" if len(amounts) > 1 else "N"
