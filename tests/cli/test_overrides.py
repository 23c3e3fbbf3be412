"""`--set` changes any field of a nested config by name and type, or says why not."""

from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.cli.overrides import apply_overrides, field_names
from glasshouse.errors import InputError


class Colour(StrEnum):
    """Two words."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """An inner config with a contradiction to refuse."""

    peak_lr: float = 1e-3
    warmup_steps: int = 0
    total_steps: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps} must lie in [0, {self.total_steps})"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """One field of every type a config may have."""

    steps: int = 5
    is_tied: bool = False
    name: str = "tiny"
    where: Path = Path("here")
    shape: Literal["cosine", "flat"] = "cosine"
    level: Literal[1, 2] = 1
    clip: float | None = 1.0
    seed: int | str = 0
    widths: tuple[int, ...] = (1, 2)
    pair: tuple[int, float] = (1, 0.5)
    names: list[str] = field(default_factory=list)
    colour: Colour = Colour.RED
    train: Schedule = field(default_factory=Schedule)
    other: Schedule | None = None


def changed(*settings: str) -> Config:
    return apply_overrides(Config(), settings)


class TestApplyOverrides:
    @pytest.mark.parametrize(
        ("setting", "name", "value"),
        [
            ("steps=7", "steps", 7),
            ("steps=20_000", "steps", 20_000),
            ("steps=2e4", "steps", 20_000),
            ("is_tied=yes", "is_tied", True),
            ("is_tied=False", "is_tied", False),
            ("name=a=b", "name", "a=b"),
            ("name=", "name", ""),
            ("where=/tmp/x", "where", Path("/tmp/x")),
            ("shape=flat", "shape", "flat"),
            ("level=2", "level", 2),
            ("clip=none", "clip", None),
            ("clip=2", "clip", 2.0),
            ("seed=3", "seed", 3),
            ("seed=lucky", "seed", "lucky"),
            ("widths=4,5,6", "widths", (4, 5, 6)),
            ("widths=(4, 5,)", "widths", (4, 5)),
            ("widths=", "widths", ()),
            ("pair=3,1e-2", "pair", (3, 0.01)),
            ("names=[a, b]", "names", ["a", "b"]),
            ("colour=blue", "colour", Colour.BLUE),
            (" steps = 9 ", "steps", 9),
        ],
    )
    def test_reads_a_value_by_the_type_of_its_field(self, setting, name, value):
        """A new field is never a new flag, so every type a config uses can be read."""
        found = getattr(changed(setting), name)
        assert found == value
        assert type(found) is type(value)

    def test_reaches_fields_inside(self):
        """`train.peak_lr` names a field of a field; what is not named stays."""
        config = changed("train.peak_lr=0.5", "steps=2")
        assert config == Config(steps=2, train=Schedule(peak_lr=0.5))

    def test_leaves_the_config_it_was_given(self):
        """Configs are values."""
        before = Config()
        apply_overrides(before, ["steps=9", "train.peak_lr=2"])
        assert before == Config()

    def test_judges_all_changes_together(self):
        """Neither order of these two is sensible on its own."""
        config = changed("train.warmup_steps=20", "train.total_steps=30")
        assert (config.train.warmup_steps, config.train.total_steps) == (20, 30)

    def test_turns_a_contradiction_into_a_sentence(self):
        """What `__post_init__` refuses is the user's mistake, not our bug."""
        with pytest.raises(InputError, match=r"warmup_steps=99 must lie in \[0, 10\)"):
            changed("train.warmup_steps=99")

    @pytest.mark.parametrize(
        ("setting", "sentence"),
        [
            ("steps", "must have the form field=value"),
            ("=3", "must have the form field=value"),
            ("step=3", "no such field; did you mean steps"),
            ("train.peek_lr=3", "did you mean train.peak_lr"),
            ("peak_lr=3", "did you mean train.peak_lr"),
            ("zzz=3", "there are steps, is_tied"),
            ("steps=ten", "steps must be a whole number"),
            ("steps=1.5", "steps must be a whole number"),
            ("steps=nan", "steps must be a whole number"),
            ("train.peak_lr=fast", "train.peak_lr must be a number"),
            ("is_tied=maybe", "is_tied must be true or false"),
            ("shape=round", "shape must be one of cosine, flat"),
            ("colour=pink", "colour must be one of red, blue"),
            ("clip=high", "clip must be a number"),
            ("pair=1", "pair must be 2 values"),
            ("widths=1,x", "widths must be a whole number"),
            ("train=fast", "train is a group; set its fields: train.peak_lr"),
            ("steps.x=1", "steps is 5 and has no fields of its own"),
            ("other.peak_lr=1", "other is None and has no fields of its own"),
            ("train.zzz.x=1", "train.zzz: there is no such field"),
        ],
    )
    def test_says_in_one_sentence_what_is_wrong(self, setting, sentence):
        """The argument, its value, the limit and the way out."""
        with pytest.raises(InputError) as refusal:
            changed(setting)
        assert sentence in str(refusal.value)
        assert "\n" not in str(refusal.value)

    def test_refuses_to_set_one_field_twice(self):
        """One of the two would be ignored in silence."""
        with pytest.raises(InputError, match="set twice"):
            changed("steps=1", "steps=2")

    @given(st.integers(), st.floats(allow_nan=False), st.booleans())
    def test_reads_back_what_python_writes(self, steps, peak_lr, is_tied):
        """What a report prints as a value can be pasted after `--set`."""
        config = changed(f"steps={steps}", f"train.peak_lr={peak_lr}", f"is_tied={is_tied}")
        assert (config.steps, config.train.peak_lr, config.is_tied) == (steps, peak_lr, is_tied)

    @given(st.text(max_size=30))
    def test_never_fails_with_anything_but_a_sentence(self, words):
        """Whatever is typed after `--set`."""
        with suppress(InputError):
            changed(words)


class TestFieldNames:
    def test_names_everything_that_can_be_set(self):
        """Fields inside are named with their path."""
        names = list(field_names(Config()))
        assert names[:3] == ["steps", "is_tied", "name"]
        assert "train.peak_lr" in names
        assert "train" not in names
