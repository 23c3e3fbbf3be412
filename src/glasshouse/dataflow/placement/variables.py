"""Variables on disk: what a program keeps from run to run, saved so that a crash costs little.

`variables-00000020.0.safetensors` holds those that the first process owns after 20 runs, and so on
for every process; `variables.json` names the files of the newest checkpoint that is whole. It is
replaced last, so a process that dies while saving leaves the checkpoint before.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from glasshouse.dataflow.placement.run import Placed
from glasshouse.errors import RunError
from glasshouse.files import write_atomically

_FORMAT = 1
_MANIFEST = "variables.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One run of several."""

    number: int
    """How many runs there have been, this one included."""
    outputs: dict[int, Tensor]
    """As `Placed.run` returns them."""


def run_steps(
    placed: Placed,
    arguments_of: Callable[[int], Sequence[object]],
    *,
    steps: int,
    folder: Path,
    save_every: int,
) -> Iterator[Step]:
    """Run a program many times; after a failure, the same call goes on from the last checkpoint.

    Args:
        placed: A program with variables; every process calls this alike.
        arguments_of: Arguments of a run, a function of how many runs there were before it.
        steps: Runs in all.
        folder: Where checkpoints are kept; several processes must see the same one.
        save_every: Runs from one checkpoint to the next; the last run is always followed by one.

    Raises:
        RunError: If the checkpoint is damaged or of another program, or cannot be written.
        WorkerLost: If another process has died, failed or fallen silent.
    """
    for number in range(restore_variables(placed, folder), steps):
        outputs = placed.run(arguments_of(number))
        if (number + 1) % save_every == 0 or number + 1 == steps:
            save_variables(placed, folder, step=number + 1)
        yield Step(number + 1, outputs)


def save_variables(placed: Placed, folder: Path, *, step: int) -> None:
    """Write a checkpoint that is whole or absent, and remove the one before.

    Raises:
        RunError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rank, count = (0, 1) if placed.workers is None else (placed.workers.rank, placed.workers.count)
    files = [f"variables-{step:08d}.{number}.safetensors" for number in range(count)]
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in placed.variables.items()
    }
    try:
        write_atomically(folder / files[rank], partial(save_file, tensors))
        if placed.workers is not None:
            placed.workers.wait()
        if rank == 0:
            manifest = {"format": _FORMAT, "step": step, "files": files}
            write_atomically(folder / _MANIFEST, json.dumps(manifest))
            for old in folder.glob("variables-*.safetensors"):
                if int(old.name.split("-")[1].split(".")[0]) < step:
                    old.unlink()
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"could not save the variables of step {step} to {folder}: {error}"
        ) from error


def restore_variables(placed: Placed, folder: Path) -> int:
    """Put the newest checkpoint's variables into a placed program; returns its step, or 0.

    The number of processes and the placement may have changed since.

    Raises:
        RunError: If the checkpoint is damaged, or of another program.
    """
    manifest_path = folder / _MANIFEST
    if not manifest_path.exists():
        return 0
    try:
        manifest = json.loads(manifest_path.read_text())
        saved = {}
        for name in manifest["files"]:
            saved |= load_file(folder / name)
        step = int(manifest["step"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(f"the checkpoint {manifest_path} cannot be read: {error}") from error
    if manifest.get("format") != _FORMAT or saved.keys() != placed.variable_names:
        raise RunError(
            f"the checkpoint {manifest_path} (format {manifest.get('format')}) holds "
            f"{', '.join(sorted(saved)) or 'nothing'}; the program's variables are "
            f"{', '.join(sorted(placed.variable_names)) or 'none'}"
        )
    placed.variables = {name: saved[name] for name in placed.own_variables}
    return step
