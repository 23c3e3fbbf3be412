"""A plan of a graph, placed: the same question, answered by several devices."""

from collections.abc import Sequence

from glasshouse.dataflow.feeds import Feed
from glasshouse.dataflow.placement.constraints import Constraint
from glasshouse.dataflow.placement.devices import Cluster
from glasshouse.dataflow.placement.place import place
from glasshouse.dataflow.placement.placement import Options, Placement
from glasshouse.dataflow.placement.run import Placed
from glasshouse.dataflow.placement.workers import Workers
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.values import Values
from glasshouse.errors import InputError


def place_plan(
    plan: Plan,
    inputs: object,
    cluster: Cluster,
    constraints: Sequence[Constraint] = (),
    *,
    feed: Feed | None = None,
    options: Options | None = None,
) -> Placement:
    """Find a device for everything that a plan computes.

    Args:
        plan: Made by `Graph.plan`.
        inputs: The module's arguments, of the size that the costs are to be counted for.
        cluster: Devices and links.
        constraints: Made by `on` and `together`, with names of values or paths of modules.
        feed: What the plan needs to be fed, of that size.
        options: What may be assumed.

    Raises:
        InputError: If the constraints contradict, the program does not fit in memory, or the plan
            asks for gradients, which torch computes backwards through one process.
    """
    if plan.grads:
        raise InputError("a plan that fetches gradients cannot be placed; fetch values only")
    return place(
        plan.program, _arguments(plan, inputs, feed), cluster, constraints, options=options
    )


class PlacedPlan:
    """A placed plan, ready to run in this process or in several."""

    def __init__(self, plan: Plan, placement: Placement, *, workers: Workers | None = None) -> None:
        """See `Placed`."""
        self.plan = plan
        self.placed = Placed(placement, workers=workers)

    def run(self, inputs: object = None, *, feed: Feed | None = None) -> Values:
        """Answer, as the plan would.

        Returns:
            Values by address; in a process that does not get the results, none.

        Raises:
            InputError: If an input or feed is missing or does not fit.
            WorkerLost: If another process has died, failed or fallen silent.
        """
        outputs = self.placed.run(_arguments(self.plan, inputs, feed))
        numbers = {name: number for number, name in enumerate(self.plan.layout.fetched)}
        return Values(
            {
                wanted.key: wanted.read(outputs[numbers[wanted.name]])
                for wanted in self.plan.wanted
                if numbers[wanted.name] in outputs
            }
        )


def _arguments(plan: Plan, inputs: object, feed: Feed | None) -> list[object]:
    return plan.arguments(inputs, plan.fed_parts(feed or {}))
