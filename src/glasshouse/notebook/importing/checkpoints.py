"""The checkpoints of a run folder in the notebook: which there are, where, and their hashes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from glasshouse.errors import RunError
from glasshouse.notebook.curves import Curve
from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Checkpoint
from glasshouse.records import Query

_AT_ONCE = 8 << 20


def checkpoint_id(run: str, step: int) -> str:
    """The id of a run's checkpoint."""
    return derived_id("checkpoint", run, step)


def import_checkpoints(
    notebook: Notebook, folder: Path, run: str, curves: Mapping[str, Curve]
) -> list[Checkpoint]:
    """Bring the checkpoints of a run into the notebook; those gone from the folder are marked."""
    there = {one.step: one for one in map(_Folder, checkpoint_folders(folder))}
    known = {
        one.step: one for one in notebook.query(Query(Checkpoint).where(Checkpoint.run == run))
    }
    changed = []
    for step, found in there.items():
        old = known.get(step)
        if old is None or not found.is_as(old):
            changed.append(found.record(run, curves, old))
            continue
        loss, held_out = _at(curves.get("loss"), step), _at(curves.get("held_out/all"), step)
        if not old.is_kept or (loss is not None and (loss, held_out) != (old.loss, old.held_out)):
            old.is_kept, old.loss, old.held_out = True, loss, held_out
            changed.append(old)
    for step, old in known.items():
        if step not in there and old.is_kept:
            old.is_kept = False
            changed.append(old)
    notebook.add(*changed)
    return changed


def checkpoint_step(path: Path) -> int:
    """The step that a checkpoint's folder is named for."""
    return int(path.name.removeprefix("step-"))


def checkpoint_folders(folder: Path) -> list[Path]:
    """A run's checkpoints, oldest first."""
    return sorted((folder / "checkpoints").glob("step-" + "[0-9]" * 8))


class _Folder:
    """A checkpoint's folder, looked at from outside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.step = checkpoint_step(path)
        files = [one.stat() for one in path.iterdir() if one.is_file()]
        self.bytes = sum(one.st_size for one in files)
        newest = max((one.st_mtime for one in files), default=0.0)
        self.created = datetime.fromtimestamp(int(newest), UTC)

    def is_as(self, known: Checkpoint) -> bool:
        """Whether nothing has changed since it was recorded, so that it need not be read again."""
        here = (str(self.path.resolve()), self.bytes, self.created)
        return here == (known.path, known.bytes, known.created)

    def record(
        self, run: str, curves: Mapping[str, Curve], before: Checkpoint | None
    ) -> Checkpoint:
        """The checkpoint with the hash of its weights."""
        return Checkpoint(
            id=checkpoint_id(run, self.step),
            run=run,
            step=self.step,
            path=str(self.path.resolve()),
            weights=weights_hash(self.path),
            bytes=self.bytes,
            created=self.created,
            loss=_at(curves.get("loss"), self.step),
            held_out=_at(curves.get("held_out/all"), self.step),
            architecture=_architecture(self.path),
            tags=[] if before is None else before.tags,
        )


def weights_hash(folder: Path) -> str:
    """The hash of a model directory's weights: of one file its sha256, of several that of theirs.

    The trainer's state beside them is left out: the same weights are the same model.
    """
    hashes = []
    for path in sorted(folder.glob("*.safetensors")):
        if path.name == "trainer.safetensors":
            continue
        one = sha256()
        with path.open("rb") as file:
            while part := file.read(_AT_ONCE):
                one.update(part)
        hashes.append(one.hexdigest())
    if not hashes:
        return ""
    return (
        f"sha256:{hashes[0] if len(hashes) == 1 else sha256(''.join(hashes).encode()).hexdigest()}"
    )


def _architecture(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / "config.json", dict[str, Any])
    except RunError:
        return {}


def _at(curve: Curve | None, step: int) -> float | None:
    if curve is None or step not in curve.steps:
        return None
    return curve.values[curve.steps.index(step)]
