"""Where a model is: a run, a model directory, or a hub repository."""

import re
from pathlib import Path

from glasshouse.errors import InputError, RunError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


WANTED = ("*.json", "*.safetensors", "*.jinja")
"""Files of a hub repository that are downloaded: no code, and no pickles unless asked for."""


def find_model(where: str | Path, *, allow_pickle: bool = False) -> Path:
    """Find the folder that holds a model's files, downloading them if they are on the hub.

    Args:
        where: A run folder or `run:NAME` for one under ./runs (its newest checkpoint is meant), a
            model directory, or a hub id `owner/name`.
        allow_pickle: Whether pickled weights are downloaded too.

    Raises:
        RunError: If there is no such folder, or it is a run without a whole checkpoint.
        InputError: If it looks like a hub id, and is neither on this disk nor to be had.
    """
    name = str(where)
    path = Path("runs") / name[4:] if name.startswith("run:") else Path(where)
    if path.is_dir():
        return newest_checkpoint(path) if is_run(path) else path
    if path.exists():
        raise RunError(f"{path} is a file; name the folder that holds the model")
    if isinstance(where, str) and HUB_ID.fullmatch(name) and not path.parent.is_dir():
        return hub_snapshot(name, allow_pickle=allow_pickle)
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


def hub_snapshot(name: str, *, allow_pickle: bool = False) -> Path:
    """Download a hub repository's newest files; without a network, what is on this disk serves.

    Args:
        name: `owner/name`.
        allow_pickle: Whether pickled weights are downloaded too.

    Raises:
        InputError: If it cannot be had, has no safetensors, or huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise InputError(
            f"there is no folder {name}, and hub ids need `pip install glasshouse[hf]`; "
            "install it, or name a run folder or a model directory"
        ) from None
    try:
        folder = Path(
            snapshot_download(
                name,
                allow_patterns=[*WANTED, *(["*.bin"] if allow_pickle else [])],
                ignore_patterns=["*/*"],  # copies in other formats lie in folders
            )
        )
    except Exception as error:  # its own kinds, those of its HTTP library, and OSError
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise InputError(
            f"there is no folder {name}, and no snapshot of that hub id can be had "
            f"({type(error).__name__}: {reason}); check the name, the network and your access"
        ) from error
    if not allow_pickle and not any(folder.glob("*.safetensors")):
        raise InputError(
            f"the hub repository {name} has no safetensors; if you trust it, say "
            "allow_pickle=True to have torch read tensors from its older files and nothing else"
        )
    return folder
