"""Populations on a Ray cluster, which Glasshouse does not install."""

from collections.abc import Iterator, Sequence
from typing import Any

from glasshouse.errors import InputError
from glasshouse.scaling.plans import SweepPlan, Trial
from glasshouse.scaling.records import TrialRecord

_RETRIES = 2
"""Times that Ray starts a population again whose worker died."""


def on_ray(
    plan: SweepPlan, groups: Sequence[tuple[Trial, ...]], work: Any, *, workers: int
) -> Iterator[list[TrialRecord]]:
    """Outcomes as they come, from the cluster this process is connected to, or a local one.

    Args:
        plan: What the groups are of.
        groups: Populations.
        work: A `Work`.
        workers: Processors of the local cluster, where none is connected.

    Raises:
        InputError: If Ray is not installed.
    """
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            "engine='ray' needs the package ray, which is not installed; `pip install ray`, or "
            "take engine='processes'"
        ) from None
    from glasshouse.scaling.sweeping import lost

    if not ray.is_initialized():
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(max_retries=_RETRIES, num_cpus=1)(_call)
    tasks = {remote.remote(work, plan, group): group for group in groups}
    while tasks:
        done, _ = ray.wait(list(tasks), num_returns=1)
        for task in done:
            group = tasks.pop(task)
            try:
                yield ray.get(task)
            except ray.exceptions.WorkerCrashedError:
                yield lost(group, f"its worker died {_RETRIES + 1} times")


def _call(work: Any, plan: SweepPlan, group: tuple[Trial, ...]) -> list[TrialRecord]:
    return work(plan, group)
