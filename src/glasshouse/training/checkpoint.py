"""Checkpoints: model directories in Hugging Face layout with all that training needs to go on.

`checkpoints/step-00000100/` has `config.json`, `model.safetensors` and `tokenizer.json`, so any
tool that loads a model can load it, and `trainer.safetensors` (AdamW's moments by parameter name)
and `trainer.json` (how far the run is). The learning rate, the data order and the random numbers of
every step are functions of the step, so there is nothing else to keep.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from glasshouse.errors import RunError
from glasshouse.files import folder_atomically
from glasshouse.models import LanguageModel
from glasshouse.training.config import CheckpointConfig, is_log_spaced

FORMAT = 1
MOMENTS = ("exp_avg", "exp_avg_sq")


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where a run keeps the checkpoint of a step."""
    return folder / "checkpoints" / f"step-{step:08d}"


def checkpoint_step(path: Path) -> int:
    """The step a checkpoint's folder is named for."""
    return int(path.name.removeprefix("step-"))


def list_checkpoints(folder: Path) -> list[Path]:
    """A run's checkpoints, oldest first; each is whole, because it got its name last."""
    return sorted((folder / "checkpoints").glob("step-" + "[0-9]" * 8))


def save_checkpoint(
    path: Path, model: LanguageModel, optimizer: torch.optim.Optimizer, *, step: int
) -> None:
    """Write a checkpoint under a draft name, then give it its own.

    Raises:
        RunError: If it cannot be written, for instance because the disk is full; what was saved
            before is untouched.
    """
    with saving(f"step {step}", path), folder_atomically(path) as draft:
        model.save(draft)
        names = {id(p): name for name, p in model.network.named_parameters()}
        state = {
            f"{moment}.{names[id(parameter)]}": values[moment]
            for parameter, values in optimizer.state.items()
            for moment in MOMENTS
        }
        safetensors.torch.save_file(state, draft / "trainer.safetensors")
        (draft / "trainer.json").write_text(json.dumps({"format": FORMAT, "step": step}))


def restore_checkpoint(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a checkpoint's weights and moments into a network and its optimizer; returns its step.

    Raises:
        RunError: If the checkpoint is damaged, of another format, or of another model.
    """
    try:
        trainer = json.loads((path / "trainer.json").read_text())
        state = safetensors.torch.load_file(path / "trainer.safetensors")
        weights = LanguageModel.load(path).network.state_dict()
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(f"the checkpoint {path} cannot be read: {error}") from error
    found = trainer.get("format") if isinstance(trainer, dict) else None
    if found != FORMAT:
        raise RunError(
            f"the checkpoint {path} has trainer format {found}; this version reads format {FORMAT}"
        )
    try:
        network.load_state_dict(weights)
        _restore_moments(network, optimizer, state, trainer["step"])
    except (KeyError, RuntimeError) as error:
        raise RunError(f"the checkpoint {path} is of another model: {error}") from error
    return trainer["step"]


def prune_checkpoints(folder: Path, config: CheckpointConfig) -> None:
    """Remove what the run need not keep."""
    for path in list_checkpoints(folder)[: -config.keep_last]:
        if not (config.log_spaced and is_log_spaced(checkpoint_step(path))):
            # Under a draft name first: what is half removed must not pass for a whole one.
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.removed.draft")))


def remove_drafts(folder: Path) -> None:
    """Remove half-written and half-removed checkpoints that a killed process left."""
    for draft in (folder / "checkpoints").glob(".step-*.draft"):
        shutil.rmtree(draft)


@contextmanager
def saving(
    what: str,
    path: Path,
    *,
    way_out: str = "what was saved before is whole, so mend that and resume the run",
) -> Iterator[None]:
    """Turn a failure to write into one sentence.

    Raises:
        RunError: In place of OSError and safetensors' own error.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RunError(f"could not save {what} to {path}: {reason}; {way_out}") from error


def _restore_moments(
    network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Tensor], step: int
) -> None:
    if step == 0:
        return
    names = {id(p): name for name, p in network.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            moments = {m: state[f"{m}.{names[id(parameter)]}"] for m in MOMENTS}
            optimizer.state[parameter] = {
                # AdamW counts steps in float32 beside the moments, on the device if it is fused.
                "step": torch.tensor(float(step), device=parameter.device),
                **{m: value.to(parameter.device) for m, value in moments.items()},
            }
