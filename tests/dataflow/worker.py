"""What one of several processes does in the tests of `test_processes.py`.

worker.py answer FOLDER          run a tower in turns with other sizes, compressed, and traced
worker.py train FOLDER [DEATH]   train; the second process kills itself at its DEATH-th message
"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import save_file
from tests.dataflow.small_programs import (
    rows,
    tower_plan,
    training_arguments,
    training_program,
)

from glasshouse.dataflow.placement import (
    Options,
    Placed,
    PlacedPlan,
    Workers,
    joined_workers,
    logical_devices,
    on,
    place,
    place_plan,
    run_steps,
)
from glasshouse.dataflow.tracing import write_trace
from glasshouse.errors import InputError

TRAIN_STEPS = 9


def answer(workers: Workers, folder: Path) -> None:
    """Write what the first process gets; the second must get nothing."""
    plan = tower_plan()
    wishes = [on("layers.0", "cpu:0"), on("layers.1", "cpu:1"), on("t_default_1", "cpu:1")]
    wishes.append(on("output", "cpu:0"))
    found = {}
    for name, compress in (("exact", False), ("short", True)):
        options = Options(compress=compress)
        placement = place_plan(plan, rows(4), logical_devices(2), wishes, options=options)
        placed = PlacedPlan(plan, placement, workers=workers)
        for count in (4, 1, 7):
            values = placed.run(rows(count))
            found |= {f"{name} {count} {key}": value.clone() for key, value in values.items()}
    _, trace = placed.placed.trace(plan.arguments(rows(4), {}))
    if workers.rank == 0:
        save_file(found, folder / "answers.safetensors")
        write_trace(folder / "trace.json", trace)
    assert bool(found) == (workers.rank == 0)
    refuse_to_disagree(workers)


def refuse_to_disagree(workers: Workers) -> None:
    """Processes with different placements would wait for each other in vain."""
    mine = [on("layers.0", "cpu:0"), on("layers.1", f"cpu:{workers.rank}")]
    placement = place_plan(tower_plan(), rows(4), logical_devices(2), mine)
    with pytest.raises(InputError, match="different placements"):
        Placed(placement, workers=workers)


def train(workers: Workers, folder: Path, death: int | None) -> None:
    """Train, from the last checkpoint on."""
    if workers.rank == 1 and death is not None:
        die_at_message(workers, death)
    program, arguments = training_program(), training_arguments(0)
    first, second, third = (f"cpu:{i % workers.count}" for i in range(3))
    wishes = [
        *(on(name, first) for name in ("mm", "sub_1")),
        *(on(name, second) for name in ("mm_1", "sub_2")),
        *(on(name, third) for name in ("tanh", "mean", "mm_3")),
    ]
    options = Options(variables={"up_1": 1, "down_1": 2}, results_at=third)
    cluster = logical_devices(workers.count)
    placed = Placed(place(program, arguments, cluster, wishes, options=options), workers=workers)
    for step in run_steps(
        placed, training_arguments, steps=TRAIN_STEPS, folder=folder, save_every=2
    ):
        for loss in step.outputs.values():  # in the process that gets the results
            print(step.number, loss.item().hex(), flush=True)


def die_at_message(workers: Workers, death: int) -> None:
    """Let this process kill itself when it is about to send for the `death`-th time."""
    send, sent = workers.send, []

    def send_or_die(value, *, to, tag):
        sent.append(tag)
        if len(sent) == death:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(value, to=to, tag=tag)

    workers.send = send_or_die


def gloo_threads() -> int:
    """How many threads work for groups in this process, where the system tells (Linux)."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return names.count("pt_gloo_runloop")


if __name__ == "__main__":
    with joined_workers(timeout_seconds=60) as these:
        if sys.argv[1] == "answer":
            answer(these, Path(sys.argv[2]))
        else:
            train(these, Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
        talking = gloo_threads()  # by now all have begun, and bear their names
    # One that still let go of a tensor while the interpreter ends would abort the process; those
    # of the default group have never held any.
    until = time.monotonic() + 20  # threads end in their own time, on a busy machine late
    while gloo_threads() > talking // 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert gloo_threads() <= talking // 2
