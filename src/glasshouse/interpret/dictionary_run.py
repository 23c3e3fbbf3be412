"""A dictionary learned from a running model: streamed, resumable, written whole or not at all.

While it learns, a hidden folder beside the one to come holds what the next step depends on. Texts
are read stretch by stretch, and each stretch is a function of the seed and its number alone, so
what was killed goes on at the last stretch's end and becomes the same dictionary. How good it is is
measured at the end, on texts it has not learned from; the world's truth is asked only then.
"""

import json
import shlex
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor

from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically, write_atomically
from glasshouse.interpret.activations import harvest, harvest_all, streamed_batches
from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryStep,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    Kind,
    TopK,
    save_dictionary,
)
from glasshouse.interpret.dictionaries.files import own_config
from glasshouse.interpret.texts import SKIP, Texts
from glasshouse.models import LanguageModel
from glasshouse.notebook.importing import subject_of
from glasshouse.provenance import source_commit, this_command, this_machine, versions

RECORD, STEPS = "training.json", "steps.jsonl"
"""Beside the dictionary: how it came about and how good it is; one `DictionaryStep` a line."""
_PLAN, _STATE = "plan.json", "state.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class DictionaryRunConfig:
    """Which dictionary, and how it is learned."""

    value: str
    """The value it encodes, such as `blocks.1.resid_post`."""
    num_latents: int = 512
    """How many latents it has."""
    kind: Kind = field(default_factory=lambda: TopK(k=16))
    """What makes its codes sparse."""
    training: DictionaryTrainingConfig = field(
        default_factory=lambda: DictionaryTrainingConfig(steps=2000)
    )
    """Steps, rates and what is done about dead latents."""
    batch_rows: int = 1024
    """Tokens of a step."""
    buffer_batches: int = 16
    """Batches whose rows are mixed."""
    save_every: int = 200
    """Steps of a stretch, after which everything is kept."""
    seed: int = 0
    """Of the first weights, the order of texts and the mixing of rows."""

    def __post_init__(self) -> None:
        for name, lowest in (("batch_rows", 2), ("buffer_batches", 2), ("save_every", 1)):
            if getattr(self, name) < lowest:
                raise InputError(f"{name}={getattr(self, name)} must be at least {lowest}")


class Learning:
    """The steps of a dictionary that is being learned; `close` it, or read it to the end."""

    def __init__(
        self, trainer: DictionaryTrainer, steps: Generator[DictionaryStep, None, None]
    ) -> None:
        """Use `learn_dictionary`."""
        self._trainer, self._steps = trainer, steps

    @property
    def dictionary(self) -> Dictionary:
        """As it is now."""
        return self._trainer.dictionary.eval()

    def __iter__(self) -> Iterator[DictionaryStep]:
        return self._steps

    def close(self) -> None:
        """Stop; what was kept last stays."""
        self._steps.close()


def learn_dictionary(
    model: LanguageModel, texts: Texts, out: Path, config: DictionaryRunConfig
) -> Learning:
    """Learn a dictionary, or go on where an earlier attempt at the same one was killed.

    Args:
        model: Who is looked into.
        texts: What it reads; only the windows to learn from are touched.
        out: The folder that `write_dictionary` will make; it must not exist.
        config: Which dictionary.

    Returns:
        One record a step, those of an earlier attempt left out; and the dictionary.

    Raises:
        InputError: If `out` is taken, another dictionary is being learned for it, or the value is
            constant or not finite.
    """
    trainer, done = _begun(model, texts, out, config)
    return Learning(trainer, _steps(model, texts, out, config, trainer, done))


def _steps(
    model: LanguageModel,
    texts: Texts,
    out: Path,
    config: DictionaryRunConfig,
    trainer: DictionaryTrainer,
    done: list[DictionaryStep],
) -> Generator[DictionaryStep, None, None]:
    """Take the steps that are left, and keep everything after each stretch."""
    first = len(done) // config.save_every
    stretches = -(-config.training.steps // config.save_every)
    for number in range(first, stretches):
        left = config.training.steps - trainer.step
        with closing(_stretch(model, texts, config, number)) as batches:
            for batch in _first(batches, min(config.save_every, left)):
                step = trainer.train_on(batch)
                done.append(step)
                yield step
        _keep(out, trainer, done)


def write_dictionary(dictionary: Dictionary, out: Path, record: dict[str, Any]) -> None:
    """Write the folder, whole or not at all, and let go of what learning kept.

    Args:
        dictionary: What `learn_dictionary` returned.
        out: The folder to make.
        record: JSON values for `training.json`.

    Raises:
        InputError: If it is there already.
        OSError: If the disk is full; no folder is left, and what learning kept stays.
    """
    refuse_taken(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(out) as draft:
        save_dictionary(dictionary, draft)
        shutil.copy(kept_in(out) / STEPS, draft / STEPS)
        (draft / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    shutil.rmtree(kept_in(out), ignore_errors=True)


def dictionary_record(
    config: DictionaryRunConfig,
    texts: Texts,
    scores: dict[str, Any],
    *,
    model: str,
    started: datetime,
) -> dict[str, Any]:
    """What `training.json` says: how a dictionary came about, and how good it is.

    Args:
        config: How it was learned.
        texts: What the model read.
        scores: JSON values.
        model: What the user calls the model.
        started: When learning began, with its time zone.
    """
    return {
        "format": 1,
        "model": model,
        "subject": subject_of(model),
        "texts": texts.origin,
        "config": recorded_config(config),
        "scores": scores,
        "started": started.isoformat(timespec="seconds"),
        "seconds": (datetime.now(UTC) - started).total_seconds(),
        "command": shlex.join(this_command()),
        "commit": source_commit(),
        "versions": versions(),
        "machine": asdict(this_machine()),
    }


def recorded_config(of: DictionaryRunConfig | Path) -> dict[str, Any]:
    """A configuration as JSON values, or the one that a dictionary's folder says.

    Raises:
        RunError: If the folder does not say one.
    """
    if isinstance(of, DictionaryRunConfig):
        plain = {**asdict(of), "kind": own_config(_shape(1, of))["kind"]}
        return json.loads(json.dumps(plain))
    try:
        return json.loads((of / RECORD).read_text())["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{of / RECORD} does not say how the dictionary was learned: {error!r}"
        ) from None


def refuse_taken(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        InputError: If it does.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already; name a folder that does not exist yet")


def kept_in(out: Path) -> Path:
    """Where an unfinished dictionary is kept."""
    return out.with_name(f".{out.name}.learning")


def steps_kept(out: Path) -> int:
    """How many steps an unfinished dictionary has behind it."""
    path = kept_in(out) / STEPS
    return len(path.read_text().splitlines()) if path.is_file() else 0


def _begun(
    model: LanguageModel, texts: Texts, out: Path, config: DictionaryRunConfig
) -> tuple[DictionaryTrainer, list[DictionaryStep]]:
    """A trainer at its first step, or at the last that was kept."""
    refuse_taken(out)
    plan = {**recorded_config(config), "texts": texts.origin, "windows": len(texts.learn)}
    path = kept_in(out) / _PLAN
    if path.is_file() and json.loads(path.read_text()) != plan:
        raise InputError(
            f"{kept_in(out)} keeps an unfinished dictionary of other settings; give the same to go "
            "on with it, remove it, or name another --out"
        )
    sample = _sample(model, texts, config)
    chance = torch.Generator().manual_seed(config.seed)
    dictionary = Dictionary(_shape(sample.shape[1], config), generator=chance)
    dictionary.fit_scale(sample)
    trainer = DictionaryTrainer(dictionary, config.training)
    if not path.is_file():
        kept_in(out).mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(plan, indent=1))
    if not (kept_in(out) / _STATE).is_file():
        return trainer, []
    try:
        trainer.load_state_dict(safetensors.torch.load_file(kept_in(out) / _STATE))
    except SafetensorError as error:
        raise RunError(
            f"{kept_in(out) / _STATE} is damaged ({error}); remove that folder"
        ) from None
    lines = (kept_in(out) / STEPS).read_text().splitlines()[: trainer.step]
    return trainer, [DictionaryStep(**json.loads(line)) for line in lines]


def _shape(width: int, config: DictionaryRunConfig) -> DictionaryConfig:
    return DictionaryConfig(
        d_in=width, num_latents=config.num_latents, kind=config.kind, value=config.value
    )


def _sample(
    model: LanguageModel, texts: Texts, config: DictionaryRunConfig, *, rows: int = 8192
) -> Float[Tensor, "row d_in"]:
    """Some rows, by which values are scaled and which are looked at before anything is learned."""
    count = -(-rows // max(texts.context - SKIP, 1))
    windows = texts.shuffled(first=0, count=count, seed=config.seed)
    sample = harvest_all(model, windows, config.value, skip=SKIP)[config.value].float()
    if not bool(sample.isfinite().all()):
        raise InputError(
            f"{config.value} holds NaN or infinity on {texts.origin}; look for the run that made "
            "the weights"
        )
    if bool((sample == sample[0]).all()):
        raise InputError(f"{config.value} is the same on every token of {texts.origin}")
    return sample


def _stretch(
    model: LanguageModel, texts: Texts, config: DictionaryRunConfig, number: int
) -> Generator[Tensor, None, None]:
    """The batches of one stretch, which nothing but the seed and the number decides."""
    rows = config.batch_rows * (config.save_every + 1)
    windows = -(-rows // max(texts.context - SKIP, 1))
    ids = texts.shuffled(first=number * windows, count=windows, seed=config.seed)
    chunks = (part[config.value].float() for part in harvest(model, ids, config.value, skip=SKIP))
    yield from streamed_batches(
        chunks,
        config.batch_rows,
        buffer_rows=config.buffer_batches * config.batch_rows,
        seed=config.seed * 1_000_003 + number,
    )


def _first(batches: Iterator[Tensor], count: int) -> Iterator[Tensor]:
    """The first so many."""
    for _ in range(count):
        yield next(batches)


def _keep(out: Path, trainer: DictionaryTrainer, done: list[DictionaryStep]) -> None:
    """Keep everything that the next step depends on; the state comes last."""
    folder = kept_in(out)
    lines = "".join(json.dumps(asdict(step)) + "\n" for step in done)
    write_atomically(folder / STEPS, lines)
    state = {name: value.contiguous().clone() for name, value in trainer.state_dict().items()}
    write_atomically(folder / _STATE, lambda draft: safetensors.torch.save_file(state, draft))
