"""A plan as a small file: sizes, data, learning rates and a budget, in TOML, YAML or JSON."""

import difflib
import json
import math
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from glasshouse.errors import InputError
from glasshouse.scaling.plans import (
    Counting,
    Schedule,
    Shape,
    SweepPlan,
    Trial,
    frontier_trials,
    grid,
    isoflop_grid,
)

Kind = Literal["grid", "isoflop", "frontier"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSizes:
    """The sizes of a sweep: every width with every depth, or the nearest to some counts."""

    widths: tuple[int, ...] = ()
    """Widths of the residual stream."""
    params: tuple[float, ...] = ()
    """Parameters without embeddings; the nearest width is taken. Give these or widths."""
    layers: tuple[int, ...] = (2,)
    """Depths, each with every width."""
    d_head: int = 8
    """Width of a head."""
    base_width: int | None = None
    """Width at which the learning rates were chosen; None: the least."""
    init_std: float | None = None
    """Spread of first weights at the base width; None: 0.5 / sqrt(base width), at least 0.02."""

    def __post_init__(self) -> None:
        if bool(self.widths) == bool(self.params):
            raise InputError("give either model.widths or model.params, as widths = [8, 16, 32]")
        if not self.layers:
            raise InputError("model.layers must name at least one depth, as layers = [2]")
        for name in ("widths", "params", "layers"):
            _refuse_not_positive(f"model.{name}", getattr(self, name))
        for name in ("d_head", "base_width", "init_std"):
            value = getattr(self, name)
            _refuse_not_positive(f"model.{name}", () if value is None else (value,))

    def shapes(self, vocab_size: int, context: int) -> tuple[list[Shape], int]:
        """Every model, and the base width."""
        pairs = [(width, depth) for width in self.widths for depth in self.layers]
        pairs += [
            (self.d_head * max(1, round(math.sqrt(count / (12 * depth)) / self.d_head)), depth)
            for count in self.params
            for depth in self.layers
        ]
        base = self.base_width or min(width for width, _ in pairs)
        std = self.init_std or max(0.02, round(0.5 / math.sqrt(base), 4))
        return [
            Shape(
                d_model=width,
                num_layers=depth,
                vocab_size=vocab_size,
                context=context,
                d_head=self.d_head,
                init_std=std,
            )
            for width, depth in dict.fromkeys(pairs)
        ], base


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How each size is trained."""

    tokens: tuple[float, ...] = ()
    """Of a grid: amounts of data."""
    steps: tuple[int, ...] = ()
    """Of a grid: the same in optimizer steps. Give these or tokens."""
    computes: tuple[float, ...] = ()
    """Of profiles of equal compute: operations of one run of each."""
    levels: int = 5
    """Of a frontier: runs, each with `ratio` times the compute of the one before."""
    ratio: float = 2.0
    """Of a frontier."""
    tokens_per_param: float = 20.0
    """Of a frontier: what size a level takes."""
    batches: tuple[int, ...] = (8,)
    """Windows a step."""
    lrs: tuple[float, ...] = (1e-2,)
    """Peak learning rates at the base width."""
    seeds: tuple[int, ...] = (0,)
    """First weights and order of data."""
    schedule: Schedule = "cosine"
    """Cosine to zero; or constant, whose every moment counts."""

    def __post_init__(self) -> None:
        for name in ("batches", "lrs", "seeds"):
            if not getattr(self, name):
                raise InputError(f"train.{name} must name at least one")
        for name in ("tokens", "steps", "computes", "batches", "lrs"):
            _refuse_not_positive(f"train.{name}", getattr(self, name))
        for name in ("levels", "tokens_per_param"):
            _refuse_not_positive(f"train.{name}", (getattr(self, name),))
        if not 1 < self.ratio < math.inf:
            raise InputError(f"train.ratio={self.ratio:g} must be above 1")
        if min(self.seeds) < 0:
            raise InputError(f"train.seeds={min(self.seeds)} must be at least 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepConfig:
    """A sweep as a file says it."""

    budget: float
    """Most operations that all trials together may cost."""
    model: ModelSizes
    """Which sizes."""
    train: Amounts
    """On how much, how fast."""
    kind: Kind = "grid"
    """All with all; profiles of equal compute; or one run a level of compute."""
    data: dict[str, Any] = field(default_factory=dict)
    """`domain` names what is trained on; the rest are its own fields."""
    counting: Counting = "kaplan_6N"
    """What counts as an operation."""

    def __post_init__(self) -> None:
        if not 0 < self.budget < math.inf:
            raise InputError(f"budget={self.budget} must be a positive number of FLOP, as 1e12")
        one_of_each = {"isoflop": ("batches", "lrs"), "frontier": ("batches", "lrs", "seeds")}
        for name in one_of_each.get(self.kind, ()):
            if len(getattr(self.train, name)) != 1:
                raise InputError(f"kind {self.kind} takes one value for train.{name}")
        if self.kind == "grid" and bool(self.train.tokens) == bool(self.train.steps):
            raise InputError("a grid needs either train.tokens or train.steps, as steps = [200]")
        if self.kind == "isoflop" and not self.train.computes:
            raise InputError("kind isoflop needs train.computes, as computes = [1e9, 4e9]")


def _refuse_not_positive(name: str, values: Sequence[float]) -> None:
    for value in values:
        if not 0 < value < math.inf:
            raise InputError(f"{name}={value:g} must be positive")


def plan_of(config: SweepConfig, *, vocab_size: int, context: int) -> SweepPlan:
    """The plan that a file describes, on data of one vocabulary and context.

    Raises:
        InputError: If it costs more than its budget, or gives no trial.
    """
    shapes, base = config.model.shapes(vocab_size, context)
    return SweepPlan(
        trials=_trials(config, shapes),
        budget=config.budget,
        base_width=base,
        counting=config.counting,
        schedule=config.train.schedule,
    )


def _trials(config: SweepConfig, shapes: list[Shape]) -> tuple[Trial, ...]:
    train = config.train
    match config.kind:
        case "isoflop":
            return isoflop_grid(
                shapes,
                computes=train.computes,
                batch=train.batches[0],
                lr=train.lrs[0],
                seeds=train.seeds,
                counting=config.counting,
            )
        case "frontier":
            return frontier_trials(
                shapes,
                budget=config.budget,
                levels=train.levels,
                batch=train.batches[0],
                lr=train.lrs[0],
                tokens_per_param=train.tokens_per_param,
                ratio=train.ratio,
                seed=train.seeds[0],
            )
    if train.tokens:
        return grid(
            shapes,
            tokens=train.tokens,
            batches=train.batches,
            lrs=train.lrs,
            seeds=train.seeds,
        )
    return tuple(
        Trial(shape=shape, steps=steps, batch=batch, lr=lr, seed=seed)
        for shape in shapes
        for steps in train.steps
        for batch in train.batches
        for lr in train.lrs
        for seed in train.seeds
    )


def read_plan_file(path: Path) -> dict[str, Any]:
    """The content of a plan file, not yet looked at.

    Raises:
        InputError: If it is not there, or neither TOML, YAML nor JSON.
    """
    readers = {".toml": tomllib.loads, ".json": json.loads}
    readers |= {".yaml": yaml.safe_load, ".yml": yaml.safe_load}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} must be called .toml, .yaml or .json, by what is in it")
    try:
        found = reader(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"{path} is not {path.suffix[1:].upper()}: {told}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold names and values, as budget = 1e12")
    return found


def sweep_config(plain: Mapping[str, Any]) -> SweepConfig:
    """A config from what a file holds.

    Raises:
        InputError: If a name is unknown, a value does not fit, or what is needed is missing.
    """
    if "budget" not in plain:
        raise InputError("a plan needs a budget of FLOP, as budget = 1e12")
    whole = {"model": {}, "train": {}, **plain}
    return from_plain(SweepConfig, whole, where="")


def from_plain(kind: Any, plain: Any, *, where: str) -> Any:
    """A dataclass from names and values, with those inside it; an unknown name is refused.

    Raises:
        InputError: If a name is unknown, or a value does not fit.
    """
    if not isinstance(plain, Mapping):
        raise InputError(f"{where.rstrip('.') or 'the plan'} must hold names and values")
    hints = typing.get_type_hints(kind)
    known = [one.name for one in fields(kind)]
    values: dict[str, Any] = {}
    for name, value in plain.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            way = f"did you mean {where}{near[0]}?" if near else f"there are {', '.join(known)}"
            raise InputError(f"{where}{name}: there is no such field; {way}")
        if is_dataclass(hints[name]):
            values[name] = from_plain(hints[name], value, where=f"{where}{name}.")
            continue
        single = typing.get_origin(hints[name]) is tuple and not isinstance(value, list | tuple)
        try:
            values[name] = msgspec.convert([value] if single else value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            told = str(error).split(" - at ")[0]
            raise InputError(f"{where}{name}={value!r} does not fit: {told}") from None
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where.rstrip('.') or 'the plan'}: {error}") from None
