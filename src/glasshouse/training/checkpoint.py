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
from glasshouse.training.distributed import Processes
from glasshouse.training.sharding import part_like, whole, whole_again

FORMAT = 1
MOMENTS = ("exp_avg", "exp_avg_sq")
ALONE = Processes()


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
    path: Path,
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    trained: nn.Module | None = None,
    processes: Processes = ALONE,
) -> None:
    """Write a checkpoint under a draft name, then give it its own.

    Args:
        path: Its own name.
        model: What is saved.
        optimizer: Of its weights.
        step: Steps done.
        trained: What `dealt_out` gave in place of the model's network; None: that network.
        processes: Who shares it. Where weights are dealt out all must come here, and the checkpoint
            is as whole as any other. The first one writes.

    Raises:
        RunError: If it cannot be written, for instance because the disk is full; what was saved
            before is untouched.
    """
    network: nn.Module = model.network
    trained = network if trained is None else trained
    moments = _moments(trained, optimizer, is_kept=processes.is_first)
    with whole_again(network, trained, processes):
        if not processes.is_first or path.exists():  # Ctrl-C may have come just after it got it
            return
        with saving(f"step {step}", path), folder_atomically(path) as draft:
            model.save(draft)
            safetensors.torch.save_file(moments, draft / "trainer.safetensors")
            (draft / "trainer.json").write_text(json.dumps({"format": FORMAT, "step": step}))


def restore_checkpoint(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a checkpoint's weights and moments into a network and its optimizer; returns its step.

    Where the network's weights are dealt out, every process takes its part.

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
        held = network.state_dict()
        weights = {name: part_like(value, held[name]) for name, value in weights.items()}
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


def _moments(
    network: nn.Module, optimizer: torch.optim.Optimizer, *, is_kept: bool
) -> dict[str, Tensor]:
    """All moments by parameter's name, where they are kept."""
    names = {id(p): name for name, p in network.named_parameters()}
    found = {}
    for parameter, values in optimizer.state.items():
        for moment in MOMENTS:
            value = whole(values[moment])
            if is_kept:
                found[f"{moment}.{names[id(parameter)]}"] = value.cpu()
    return found


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
                **{m: part_like(value, parameter) for m, value in moments.items()},
            }
