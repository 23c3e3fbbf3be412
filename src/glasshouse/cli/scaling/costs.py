"""What a sweep will cost: operations by count, and time by a few steps of some of its sizes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.cli.console import data, json_line, shown_path, table_console, talk
from glasshouse.cli.figures import duration

if TYPE_CHECKING:
    from glasshouse.scaling import SweepPlan
    from glasshouse.scaling.timing import PopulationCost
else:
    PopulationCost = SweepPlan = Any


def tell_costs(plan: SweepPlan, folder: Path, num_done: int) -> None:
    """A line for whoever starts or resumes it."""
    done = f"{num_done} of them done, " if num_done else ""
    talk(f"{shown_path(folder)}: {_whole(plan)}; {done}{_share(plan)}")


def print_costs(plan: SweepPlan, *, json: bool) -> None:
    """Every population, with the time it is expected to take on one core."""
    from rich.table import Table

    from glasshouse.scaling.timing import population_costs

    costs = population_costs(plan)
    if json:
        for one in costs:
            json_line(one)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("width", "layers", "parameters", "tokens", "steps", "batch", "trials"):
        table.add_column(name, justify="right")
    table.add_column("FLOP", justify="right")
    table.add_column("about", justify="right")
    for one in costs:
        cells = (one.d_model, one.num_layers, one.params, one.tokens, one.steps, one.batch)
        table.add_row(
            *(f"{cell:,}" for cell in (*cells, one.trials)),
            f"{one.flops:.3g}",
            "—" if one.seconds is None else duration(one.seconds),
        )
    table_console().print(table)
    seconds = [one.seconds for one in costs if one.seconds is not None]
    if not seconds:
        data(f"{_whole(plan)}; {_share(plan)}")
        talk("these models are too large for a few steps to be timed here")
        return
    data(f"{_whole(plan)}; {_share(plan)}; about {duration(sum(seconds))} of one core")
    talk("the time is of training alone, from steps that were timed here on random tokens")


def _whole(plan: SweepPlan) -> str:
    from glasshouse.scaling import populations

    num = len(populations(plan.trials))
    trials = f"{len(plan.trials)} trial{'s' if len(plan.trials) != 1 else ''}"
    return f"{trials} in {num} program{'s' if num != 1 else ''}"


def _share(plan: SweepPlan) -> str:
    return f"{plan.flops:.3g} FLOP of a budget of {plan.budget:.3g}"
