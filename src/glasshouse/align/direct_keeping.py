"""A folder in which training on pairs goes on after whatever stopped it, with the same bits.

    dpo.json            DpoConfig, digests of pairs, first weights and reference
    metrics.jsonl       one DpoStep a line
    checkpoints/step-…  each a model directory that can also be trained on

Which pairs a step reads and its learning rate are functions of the seed and its number, so there is
nothing else to keep. Any tool that reads a run's newest checkpoint can read the folder.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasshouse.align.pairs.rows import PairRow
from glasshouse.align.policies.keeping import differing, digest_of_weights
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically
from glasshouse.models import LanguageModel
from glasshouse.training.checkpoint import (
    ALONE,
    checkpoint_path,
    checkpoint_step,
    list_checkpoints,
    prune_checkpoints,
    remove_drafts,
    restore_checkpoint,
    save_checkpoint,
    saving,
)
from glasshouse.training.config import CheckpointConfig
from glasshouse.training.distributed import Processes
from glasshouse.training.metrics import cut_metrics

_log = logging.getLogger(__name__)

FORMAT = 1
ABOUT, METRICS = "dpo.json", "metrics.jsonl"


class PairKeeper:
    """Writes metrics and checkpoints; without a folder, nothing.

    Args:
        folder: Where, or None.
        policy: What is trained.
        about: What must be the same for a run to go on: `about_run`.
        checkpoints: How often, and how many are kept.
        processes: Who shares the run: the first one writes, all of them read.

    Raises:
        InputError: If the folder holds something else, or a run with another start, other pairs,
            another reference or another config.
        RunError: If what it holds is damaged.
    """

    def __init__(
        self,
        folder: Path | None,
        policy: LanguageModel,
        about: dict[str, Any],
        checkpoints: CheckpointConfig,
        *,
        processes: Processes = ALONE,
    ) -> None:
        self.folder, self.policy, self.checkpoints = folder, policy, checkpoints
        self.processes, self.is_writer = processes, processes.is_first
        self.done = self.saved = 0
        self._about = about
        if folder is None:
            return
        if (folder / ABOUT).is_file():
            self._check(folder / ABOUT)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists already; choose a new folder")

    def _check(self, path: Path) -> None:
        try:
            kept = json.loads(path.read_text())
            config = kept["config"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is damaged: {error}") from None
        if kept.get("format") != FORMAT:
            raise RunError(f"{path} is not of format {FORMAT}, which this version reads")
        names = {"pairs": "pairs", "start": "first weights", "reference": "reference"}
        other = [said for name, said in names.items() if kept.get(name) != self._about[name]]
        other += [f"config.{name}" for name in differing(config, self._about["config"])]
        if other:
            raise InputError(
                f"{path.parent} holds a run with other {', '.join(other)}; give the same to go on "
                "with it, or choose a new folder"
            )

    def resume(self, trained: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Make the folder, or bring what is trained to its newest checkpoint.

        Args:
            trained: The policy's network, or what `dealt_out` gave in its place.
            optimizer: Of its weights.

        Returns:
            Steps done until then.

        Raises:
            RunError: If the checkpoint or the metrics are damaged, or the disk is full.
        """
        if self.folder is None:
            return 0
        self.processes.wait()  # all have looked at the folder before it is written to
        if not (self.folder / ABOUT).is_file():
            if self.is_writer:
                with saving("the new run", self.folder):
                    (self.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
                    (self.folder / METRICS).touch()
                    about = json.dumps(self._about, indent=1)
                    write_atomically(self.folder / ABOUT, about + "\n")
            return 0
        if self.is_writer:
            remove_drafts(self.folder)
        found = list_checkpoints(self.folder)
        if found:
            restore_checkpoint(found[-1], trained, optimizer)
            self.done = self.saved = checkpoint_step(found[-1])
        if self.is_writer:
            cut_metrics(self.folder / METRICS, self.done)
        return self.done

    def remember(self, step: int, line: dict[str, Any]) -> None:
        """Write the line of a step that is done."""
        self.done = step
        if self.folder is None or not self.is_writer:
            return
        path = self.folder / METRICS
        with saving(f"the metrics of step {step}", self.folder), path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save_if_due(
        self, trained: nn.Module, optimizer: torch.optim.Optimizer, *, is_last: bool
    ) -> None:
        """Save if the schedule of checkpoints says so, or training ends here."""
        if is_last or self.done % self.checkpoints.every == 0:
            self.save(trained, optimizer)

    def save_if_met(self, trained: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Save a run that is stopped; not if processes stop at different steps."""
        if self.processes.is_sharded and not self.processes.meet(f"stopped after {self.done}"):
            _log.warning("stopped at different steps: the run goes on from its last checkpoint")
            return
        self.save(trained, optimizer)

    def save(self, trained: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Save the last step done, unless it is saved."""
        is_asked = self.is_writer or self.processes.is_sharded
        if self.folder is None or not is_asked or self.saved == self.done:
            return
        if self.is_writer:
            with saving("the metrics", self.folder), (self.folder / METRICS).open("rb") as file:
                os.fsync(file.fileno())
        save_checkpoint(
            checkpoint_path(self.folder, self.done),
            self.policy,
            optimizer,
            step=self.done,
            trained=trained,
            processes=self.processes,
        )
        self.saved = self.done
        if self.is_writer:
            prune_checkpoints(self.folder, self.checkpoints)


def about_run(
    policy: LanguageModel,
    rows: Sequence[PairRow],
    labels: Float[Tensor, " pair"],
    weights: Float[Tensor, " pair"],
    reference: Float[Tensor, "pair 2"],
    config: Any,
) -> dict[str, Any]:
    """What a run is a function of, as JSON values.

    Args:
        policy: As it is before the first step.
        rows: The pairs in tokens.
        labels: How likely the first reply of each is the better one.
        weights: How much each counts, over the mean.
        reference: Log-probabilities under the reference.
        config: The `DpoConfig`.
    """
    digest = hashlib.sha256()
    for row, label in zip(rows, labels.tolist(), strict=True):
        digest.update(json.dumps([row.texts, row.replies, label]).encode())
    if not bool((weights == 1).all()):
        digest.update(json.dumps(weights.tolist()).encode())
    return {
        "format": FORMAT,
        "config": json.loads(json.dumps(asdict(config))),
        "pairs": digest.hexdigest(),
        "start": digest_of_weights(policy.network),
        "reference": hashlib.sha256(reference.contiguous().numpy().tobytes()).hexdigest(),
    }
