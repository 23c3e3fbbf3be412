"""What a model is called in the notebook: by its checkpoint, or else by the name it was given."""

from pathlib import Path

from glasshouse.notebook.importing.checkpoints import (
    checkpoint_folders,
    checkpoint_id,
)
from glasshouse.notebook.importing.run_folder import run_id_of


def subject_of(where: str | Path) -> str:
    """The checkpoint's id that a run folder, `run:NAME` or checkpoint leads to; else the name."""
    name = str(where)
    path = Path("runs") / name.removeprefix("run:") if name.startswith("run:") else Path(name)
    checkpoints = checkpoint_folders(path)
    checkpoint = checkpoints[-1] if checkpoints else path
    digits = checkpoint.name.removeprefix("step-")
    run = run_id_of(checkpoint.resolve().parent.parent) if digits.isdecimal() else None
    return checkpoint_id(run, int(digits)) if run is not None else name
