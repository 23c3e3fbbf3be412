"""Populations on a Ray cluster: `pip install glasshouse[ray]`.

A process of our own speaks to the cluster, and hands on what comes back. Ray ends the process that
it is spoken to from when the cluster dies, without an exception that could be caught; so the sweep
outlives it, keeps what is finished, and says in a sentence what happened.
"""

import contextlib
import multiprocessing
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

from glasshouse.errors import InputError
from glasshouse.scaling.plans import SweepPlan, Trial
from glasshouse.scaling.records import TrialRecord

_LOCAL = "local"
"""What Ray calls a cluster that is started on this machine."""
_RETRIES = 2
"""Times that Ray starts a population again whose worker died."""
_START_SECONDS = "300"
"""How long a busy machine may take to start a local cluster; Ray gives up after 30."""
_LISTEN_SECONDS = 2.0
"""How often the process that speaks to the cluster looks whether the sweep is still there."""
_REACH_SECONDS = 5.0
"""How long a cluster may take to answer at all."""
_WAYS_ON = "what is finished is kept, and running it again goes on; or take engine='processes'"


def on_ray(
    plan: SweepPlan, groups: Sequence[tuple[Trial, ...]], work: Any, *, workers: int
) -> Iterator[list[TrialRecord]]:
    """Outcomes as they come, from the cluster that is connected to, or else from a local one.

    It is the one that this process is connected to, or that the environment's RAY_ADDRESS names. A
    local one is started for the sweep, and ends with it.

    Args:
        plan: What the groups are of.
        groups: Populations.
        work: A `Work`.
        workers: Processors of the local cluster, where none is connected.

    Raises:
        InputError: If Ray is not installed, or the cluster cannot be reached or is lost.
    """
    if find_spec("ray") is None:
        raise InputError(
            "engine='ray' needs the package ray, which is not installed; `pip install ray`, or "
            "take engine='processes'"
        )
    if not groups:
        return
    address = _address()
    _refuse_silent(address)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_drive, args=(there, plan, groups, work, address, workers), daemon=True
    )
    process.start()
    there.close()
    try:
        yield from _heard(here, groups, address)
    finally:
        process.terminate()  # Ray then ends the cluster that was started for it
        process.join(10)
        process.kill()
        here.close()


def _heard(
    pipe: Connection, groups: Sequence[tuple[Trial, ...]], address: str
) -> Iterator[list[TrialRecord]]:
    """What the process says, until it has said all."""
    from glasshouse.scaling.sweeping import lost

    for _ in groups:
        try:
            what, content = pipe.recv()
        except EOFError:
            raise InputError(f"the Ray cluster ({address}) was lost; {_WAYS_ON}") from None
        match what:
            case "records":
                yield content
            case "lost":
                yield lost(groups[content], f"its worker died {_RETRIES + 1} times")
            case "refused":
                raise InputError(content)
            case _:
                raise content


def _address() -> str:
    """The cluster to use; ours, if there is none."""
    if (ray := sys.modules.get("ray")) is not None and ray.is_initialized():
        return ray.get_runtime_context().gcs_address
    return os.environ.get("RAY_ADDRESS") or _LOCAL


def _refuse_silent(address: str) -> None:
    """Knock at an address first: Ray knocks for minutes, and then ends the process.

    Raises:
        InputError: If nobody answers there.
    """
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        return  # local, auto, ray://…
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise InputError(_no_cluster(address, error.strerror or str(error))) from None


def _no_cluster(address: str, reason: str) -> str:
    way = "look at its logs in /tmp/ray" if address == _LOCAL else "start it or unset RAY_ADDRESS"
    reason = " ".join(reason.split())[:200]
    return f"no Ray cluster at {address} ({reason}); {way}, or take engine='processes'"


def _drive(
    pipe: Connection,
    plan: SweepPlan,
    groups: Sequence[tuple[Trial, ...]],
    work: Any,
    address: str,
    workers: int,
) -> None:
    """Speak to the cluster and hand on its outcomes: what the other process does."""
    with open(os.devnull, "w") as nothing:
        for stream in (1, 2):  # Ray's own logs say more, and the sweep says it in a sentence
            os.dup2(nothing.fileno(), stream)
    os.environ.setdefault("RAY_raylet_start_wait_time_s", _START_SECONDS)
    import ray  # pyright: ignore[reportMissingImports]

    is_ours = address == _LOCAL
    try:
        ray.init(
            address=address,
            num_cpus=workers if is_ours else None,
            include_dashboard=False if is_ours else None,
            log_to_driver=False,
        )
    except Exception as error:
        pipe.send(("refused", _no_cluster(address, str(error))))
        return
    try:
        _outcomes(ray, pipe, plan, groups, work)
    finally:
        ray.shutdown()


def _outcomes(
    ray: Any, pipe: Connection, plan: SweepPlan, groups: Sequence[tuple[Trial, ...]], work: Any
) -> None:
    """Submit every population, and send what comes of each."""
    remote = ray.remote(max_retries=_RETRIES, num_cpus=1)(_call)
    sent = ray.put(work)
    tasks = {remote.remote(sent, plan, group): place for place, group in enumerate(groups)}
    sweep = multiprocessing.parent_process()
    died = (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.OutOfMemoryError,
    )
    while tasks and sweep is not None and sweep.is_alive():
        done, _ = ray.wait(list(tasks), num_returns=1, timeout=_LISTEN_SECONDS)
        if not done and not _is_alive(ray):
            return  # with what is left unsaid, which is heard as the loss of the cluster
        for task in done:
            place = tasks.pop(task)
            try:
                pipe.send(("records", ray.get(task)))
            except died:
                pipe.send(("lost", place))
            except ray.exceptions.RayTaskError as error:
                _send_error(pipe, error.cause, str(error))
                return


def _is_alive(ray: Any) -> bool:
    """Whether our own node is; without it nothing is scheduled any more, and Ray waits for ever."""
    ours = ray.get_runtime_context().get_node_id()
    return any(node["Alive"] and node["NodeID"] == ours for node in ray.nodes())


def _send_error(pipe: Connection, cause: BaseException, told: str) -> None:
    """Send what a work raised; as words where it cannot be sent."""
    if isinstance(cause, InputError):
        pipe.send(("refused", str(cause)))
        return
    cause.add_note(told)
    with contextlib.suppress(Exception):
        pipe.send(("failed", cause))
        return
    pipe.send(("failed", RuntimeError(told)))


def _call(work: Any, plan: SweepPlan, group: tuple[Trial, ...]) -> list[TrialRecord]:
    return work(plan, group)
