"""A folder in which policy training goes on after whatever stopped it, with the same bits.

    policy.json         PolicyConfig, digests of prompts and first weights, the rewards' scale
    metrics.jsonl       one PolicyStep a line, without its replies
    checkpoints/step-…  each a model directory that can also be trained on
    values/step-…       ppo only: the value model of each checkpoint
    offending.jsonl     replies of a step that was refused, with prompts and rewards

Prompts, chance and learning rate of a step are functions of the seed and its number, so there is
nothing else to keep. Any tool that reads a run's newest checkpoint can read the folder.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from glasshouse.align.policies.config import PolicyConfig
from glasshouse.align.policies.replies import Reply
from glasshouse.align.policies.scores import RewardScale
from glasshouse.align.policies.step import PolicyStep
from glasshouse.align.policies.values import ValueModel
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically
from glasshouse.models import LanguageModel
from glasshouse.training.checkpoint import (
    MOMENTS,
    checkpoint_path,
    checkpoint_step,
    list_checkpoints,
    prune_checkpoints,
    remove_drafts,
    restore_checkpoint,
    save_checkpoint,
    saving,
)
from glasshouse.training.metrics import cut_metrics

FORMAT = 1
ABOUT, METRICS, OFFENDING = "policy.json", "metrics.jsonl", "offending.jsonl"
_UNTOLD = ("replies", "scores")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a checkpoint holds the state of."""

    policy: LanguageModel
    optimizer: torch.optim.Optimizer
    values: ValueModel | None
    value_optimizer: torch.optim.Optimizer | None


class Keeper:
    """Writes metrics and checkpoints; without a folder, nothing.

    Args:
        folder: Where, or None.
        trained: What is kept.
        prompts: What training draws from.
        config: The run.

    Raises:
        InputError: If the folder holds something else, or a run with another start, other prompts
            or another config.
        RunError: If what it holds is damaged.
    """

    def __init__(
        self,
        folder: Path | None,
        trained: Trained,
        prompts: Sequence[Sequence[int]],
        config: PolicyConfig,
    ) -> None:
        self.folder, self.trained, self.config = folder, trained, config
        self.done = self.saved = 0
        self.scale: RewardScale | None = None
        if folder is None:
            return
        self._about = {
            "format": FORMAT,
            "config": json.loads(json.dumps(asdict(config))),
            "prompts": digest_of_prompts(prompts),
            "start": digest_of_weights(trained.policy.network),
        }
        if (folder / ABOUT).is_file():
            self._check()
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists already; choose a new folder")

    def _check(self) -> None:
        assert self.folder is not None
        path = self.folder / ABOUT
        try:
            kept = json.loads(path.read_text())
            scale = RewardScale(*kept.pop("scale"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is damaged: {error}") from None
        if kept.get("format") != FORMAT:
            raise RunError(f"{path} is not of format {FORMAT}, which this version reads")
        now = self._about
        names = {"prompts": "prompts", "start": "first weights"}
        other = [said for name, said in names.items() if kept.get(name) != now[name]]
        other += [f"config.{name}" for name in differing(kept.get("config", {}), now["config"])]
        if other:
            raise InputError(
                f"{self.folder} holds a run with other {', '.join(other)}; give the same to go on "
                "with it, or choose a new folder"
            )
        self.scale = scale

    def begin(self, scale: RewardScale) -> None:
        """Make the folder, once it is known what rewards are like."""
        self.scale = scale
        if self.folder is None or (self.folder / ABOUT).is_file():
            return
        with saving("the new run", self.folder):
            for part in ("checkpoints", "values"):
                (self.folder / part).mkdir(parents=True, exist_ok=True)
            (self.folder / METRICS).touch()
            about = json.dumps(self._about | {"scale": list(scale)}, indent=1)
            write_atomically(self.folder / ABOUT, about + "\n")

    def resume(self) -> list[PolicyStep]:
        """Bring what is trained to the newest checkpoint; returns the steps done until then.

        Raises:
            RunError: If the checkpoint or the metrics are damaged.
        """
        if self.folder is None or not (self.folder / ABOUT).is_file():
            return []
        remove_drafts(self.folder)
        found = list_checkpoints(self.folder)
        if found:
            trained = self.trained
            restore_checkpoint(found[-1], trained.policy.network, trained.optimizer)
            self.done = self.saved = checkpoint_step(found[-1])
            if trained.values is not None:
                self._restore_values(self.done)
        cut_metrics(self.folder / METRICS, self.done)
        return read_steps(self.folder)

    def remember(self, step: PolicyStep) -> None:
        """Write the line of a step that is done."""
        self.done = step.step
        if self.folder is None:
            return
        with (
            saving(f"the metrics of step {step.step}", self.folder),
            (self.folder / METRICS).open("a") as file,
        ):
            file.write(json.dumps(plain(step)) + "\n")

    def save_if_due(self, *, is_last: bool) -> None:
        """Save if the schedule of checkpoints says so, or training ends here."""
        if is_last or self.done % self.config.checkpoints.every == 0:
            self.save()

    def save(self) -> None:
        """Save the last step done, unless it is saved."""
        if self.folder is None or self.saved == self.done:
            return
        trained, path = self.trained, checkpoint_path(self.folder, self.done)
        with saving("the metrics", self.folder), (self.folder / METRICS).open("rb") as file:
            os.fsync(file.fileno())
        if trained.values is not None:
            self._save_values(trained.values)
        if not path.exists():
            updates = self.done * self.config.update.epochs * self.config.update.minibatches
            # AdamW counts updates; the folder's name counts steps.
            save_checkpoint(path, trained.policy, trained.optimizer, step=updates)
        self.saved = self.done
        prune_checkpoints(self.folder, self.config.checkpoints)
        kept = {one.name for one in list_checkpoints(self.folder)}
        for one in (self.folder / "values").glob("step-*.safetensors"):
            if one.stem not in kept:
                one.unlink()

    def keep_offending(
        self, replies: Sequence[Reply], scores: Float[Tensor, " reply"] | None, step: int
    ) -> str:
        """Write the replies of a step that is refused; returns what to say of it."""
        if self.folder is None:
            return ""
        rewards = [None] * len(replies) if scores is None else scores.tolist()
        decode = self.trained.policy.tokenizer.decode
        lines = [
            json.dumps(
                {
                    "step": step,
                    "prompt": decode(reply.prompt),
                    "reply": decode(reply.ids),
                    "reward": reward
                    if reward is None or abs(reward) < float("inf")
                    else str(reward),
                    "ended": reply.ended,
                }
            )
            for reply, reward in zip(replies, rewards, strict=True)
        ]
        path = self.folder / OFFENDING
        with saving("the offending replies", path):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, "\n".join(lines) + "\n")
        return f"; its replies are in {path}"

    def _values_path(self, step: int) -> Path:
        assert self.folder is not None
        return self.folder / "values" / f"{checkpoint_path(self.folder, step).name}.safetensors"

    def _save_values(self, values: ValueModel) -> None:
        optimizer = self.trained.value_optimizer
        assert optimizer is not None
        state = {f"weight.{name}": p.detach() for name, p in values.named_parameters()}
        names = {id(p): name for name, p in values.named_parameters()}
        for parameter, found in optimizer.state.items():
            state |= {f"{moment}.{names[id(parameter)]}": found[moment] for moment in MOMENTS}
        path = self._values_path(self.done)
        with saving(f"the values of step {self.done}", path):
            plain_state = {name: value.contiguous() for name, value in state.items()}
            write_atomically(path, safetensors.torch.save(plain_state))

    def _restore_values(self, step: int) -> None:
        values, optimizer = self.trained.values, self.trained.value_optimizer
        assert values is not None
        assert optimizer is not None
        path = self._values_path(step)
        try:
            state = safetensors.torch.load_file(path)
            updates = step * self.config.update.epochs * self.config.update.minibatches
            with torch.no_grad():
                for name, parameter in values.named_parameters():
                    parameter.copy_(state[f"weight.{name}"])
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(updates), device=parameter.device),
                        **{m: state[f"{m}.{name}"].to(parameter.device) for m in MOMENTS},
                    }
        except (OSError, KeyError, RuntimeError, SafetensorError) as error:
            raise RunError(f"the values of step {step} in {path} cannot be read: {error}") from None


def plain(step: PolicyStep) -> dict[str, Any]:
    """A step as JSON values, without replies and their scores."""
    told = {each.name: getattr(step, each.name) for each in fields(step)}
    told["watched"] = dict(step.watched)
    return {name: value for name, value in told.items() if name not in _UNTOLD}


def read_steps(folder: Path) -> list[PolicyStep]:
    """The steps that a folder tells of.

    Raises:
        RunError: If a line is none, or steps do not count 1, 2, 3, …
    """
    found: list[PolicyStep] = []
    path = folder / METRICS
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        try:
            step = PolicyStep(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path}, line {number} is damaged: {error}") from None
        if step.step != number:
            raise RunError(f"{path}, line {number} is step {step.step}; lines were lost or added")
        found.append(step)
    return found


def digest_of_prompts(prompts: Sequence[Sequence[int]]) -> str:
    """The same for the same prompts in the same order."""
    return hashlib.sha256(json.dumps([list(prompt) for prompt in prompts]).encode()).hexdigest()


def digest_of_weights(network: nn.Module) -> str:
    """The same for the same bits."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of fields whose values differ; how often is saved may change."""
    names = sorted({*one, *other} - {"checkpoints"})
    return [name for name in names if one.get(name) != other.get(name)]
