"""Where a model is: a run, a model directory, or a snapshot of a hub repository on this disk."""

import re
from pathlib import Path

from glasshouse.errors import InputError, RunError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(where: str | Path) -> Path:
    """Find the folder that holds a model's files.

    Args:
        where: A run folder or `run:NAME` for one under ./runs (its newest checkpoint is meant), a
            model directory, or a hub id `owner/name`.

    Raises:
        RunError: If there is no such folder, or it is a run without a whole checkpoint.
        InputError: If it looks like a hub id that is not on this disk.
    """
    name = str(where)
    path = Path("runs") / name[4:] if name.startswith("run:") else Path(where)
    if path.is_dir():
        return newest_checkpoint(path) if is_run(path) else path
    if path.exists():
        raise RunError(f"{path} is a file; name the folder that holds the model")
    if isinstance(where, str) and HUB_ID.fullmatch(name) and not path.parent.is_dir():
        return hub_snapshot(name)
    raise RunError(f"there is no run or model directory {path}")


def is_run(path: Path) -> bool:
    """Whether a folder is a run rather than a model."""
    return (path / "run.json").exists() or (path / "checkpoints").is_dir()


def newest_checkpoint(run: Path) -> Path:
    """The last whole checkpoint of a run; a half-written one still has a draft's name.

    Raises:
        RunError: If there is none.
    """
    steps = sorted((run / "checkpoints").glob("step-" + "[0-9]" * 8))
    if not steps:
        raise RunError(f"the run {run} has no checkpoint yet; train it, or resume its training")
    return steps[-1]


def hub_snapshot(name: str) -> Path:
    """Folder of a hub repository that was downloaded before.

    Raises:
        InputError: If it is not on this disk, or huggingface_hub is not installed.
    """
    advice = "download it first, or name a run folder or a model directory"
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        raise InputError(
            f"there is no folder {name}, and hub ids need `pip install glasshouse[hf]`; {advice}"
        ) from None
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        raise InputError(
            f"there is no folder {name}, and no snapshot of that hub id on this disk; {advice}"
        ) from None
