"""Reads the task files of lm-eval that ask local data, and refuses by name what is beyond that.

What is read: `task`, `dataset_path: json|csv` with `dataset_kwargs.data_files`, the splits,
`output_type` (`multiple_choice`, `loglikelihood`, `generate_until`), `doc_to_text`,
`doc_to_target` and `doc_to_choice` as columns or Jinja, `description`, the delimiters,
`num_fewshot`, `fewshot_split`, `fewshot_config` (sampler, split), `metric_list`,
`generation_kwargs` and `filter_list`. Prompts, answers and shots are lm-eval 0.4.13's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.harness.files import Row, read_splits
from glasshouse.evaluate.few_shot.harness.scoring import read_scoring
from glasshouse.evaluate.few_shot.harness.templates import as_list, is_column, reader, render
from glasshouse.evaluate.few_shot.tasks import METRICS, LazySamples, OutputType, Sample, Task

_READ = frozenset(
    "task task_alias tag dataset_path dataset_name dataset_kwargs training_split validation_split "
    "test_split fewshot_split doc_to_text doc_to_target doc_to_choice description target_delimiter "
    "fewshot_delimiter fewshot_config num_fewshot metric_list output_type generation_kwargs "
    "repeats filter_list metadata should_decontaminate unsafe_code".split()
)
"""Keys of a task file that are understood."""


class _Loader(yaml.SafeLoader):
    """YAML without objects; what a task file adds to it is refused by name."""


def _refuse_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value = getattr(node, "value", "")
    raise InputError(
        f"the tag !{suffix} {value if isinstance(value, str) else ''} runs code of its own, which "
        "is outside of the subset that is read; write the rows out to a file as they should be"
    )


_Loader.add_multi_constructor("!", _refuse_tag)


class Rows(LazySamples):
    """Questions that are read from their rows when they are asked for, each once."""

    def __init__(self, rows: Sequence[Row], asks: "Asks", where: str) -> None:
        self._rows, self._asks, self._where = rows, asks, where
        self._known: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def make(self, place: int) -> Sample:
        """Read one question.

        Raises:
            InputError: If its row cannot be one; the sentence names the row.
        """
        if place not in self._known:
            try:
                self._known[place] = self._asks.sample(self._rows[place])
            except InputError as error:
                raise InputError(f"row {place + 1} of {self._where}: {error}") from None
        return self._known[place]


class Asks:
    """How a task file turns a row into a question."""

    def __init__(
        self, config: Mapping[str, Any], columns: frozenset[str], kind: OutputType
    ) -> None:
        self._kind, self._columns = kind, columns
        self._has_choices = config.get("doc_to_choice") is not None
        self._text = reader(_needed(config, "doc_to_text"), columns, "doc_to_text")
        self._target_is_column = is_column(_needed(config, "doc_to_target"), columns)
        self._target = self._target_reader(config["doc_to_target"])
        self._choices = self._choice_reader(config.get("doc_to_choice"))

    def sample(self, row: Row) -> Sample:
        """The question of a row.

        Raises:
            InputError: If a field is missing, or the label names no choice.
        """
        text = self._text(row)
        if not isinstance(text, str):
            raise InputError(f"doc_to_text gives {text!r}, which is no text")
        if self._has_choices and text.isdigit():
            raise InputError(
                f"doc_to_text gives {text!r}, a choice of questions, which is outside of the "
                "subset that is read"
            )
        target = self._target(row)
        choices = self._choices(row) if self._choices else ()
        if isinstance(target, list):
            raise InputError("a list of right answers is outside of the subset that is read")
        if self._kind == "multiple_choice" or (choices and isinstance(target, int)):
            gold = _label(target, choices)
            return Sample(
                input=text,
                target=choices[gold],
                choices=choices,
                gold=gold,
                label=target,
                doc=row,
            )
        if self._kind == "loglikelihood" and not isinstance(target, str):
            raise InputError(f"doc_to_target gives {target!r}, which is no text")
        return Sample(input=text, target=str(target), label=target, doc=row)

    def _target_reader(self, what: Any) -> Any:
        if isinstance(what, int) and not isinstance(what, bool):
            return lambda row: what
        if isinstance(what, list):
            raise InputError(
                "doc_to_target: a list of right answers is outside of the subset that is read"
            )
        read = reader(what, self._columns, "doc_to_target")
        return read if self._target_is_column else lambda row: self._from_template(read(row))

    def _from_template(self, text: str) -> Any:
        """What a template's text stands for: a label, a list or itself."""
        if text.isdecimal() and self._has_choices:
            return int(text)
        if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
            try:
                return as_list(text)
            except InputError:
                return text
        return text

    def _choice_reader(self, what: Any) -> Any:
        if what is None:
            if self._kind == "multiple_choice":
                raise InputError("doc_to_choice is missing, and output_type is multiple_choice")
            return None
        if isinstance(what, list | dict):
            given = list(what.values()) if isinstance(what, dict) else what
            return lambda row: _texts(given)
        read = reader(what, self._columns, "doc_to_choice")
        if is_column(what, self._columns):
            return lambda row: _texts(read(row))
        return lambda row: _texts(as_list(read(row)))


def read_task(path: Path) -> Task:
    """Read a task file.

    Args:
        path: A YAML file; data files are looked for from the current folder, then beside it.

    Raises:
        InputError: If the file or its data is missing or damaged, a field is missing, or it asks
            for something outside of the subset; the sentence names it.
    """
    try:
        return _read_task(path)
    except InputError as error:
        said = str(error)
        raise InputError(said if str(path) in said else f"{path}: {said}") from None


def _read_task(path: Path) -> Task:
    config = _load(path)
    _refuse_beyond(config)
    kind: OutputType = config.get("output_type", "generate_until")
    if kind not in METRICS:
        raise InputError(
            f"output_type: {kind!r} is outside of the subset that is read, which is "
            f"{', '.join(METRICS)}"
        )
    splits = _splits(config, path.parent)
    asked = _split(config, "test_split") or _split(config, "validation_split")
    if asked is None:
        raise InputError("test_split (or validation_split) is missing; name what is asked")
    settings = config.get("fewshot_config") or {}
    from_split = settings.get("split", config.get("fewshot_split"))
    shots = from_split or _split(config, "training_split") or _split(config, "validation_split")
    rows = _of(splits, asked)
    columns = frozenset(key for row in rows for key in row)
    asks = Asks(config, columns, kind)
    metrics, pipelines, generation = read_scoring(config, kind)
    samples = Rows(rows, asks, f"the split {asked!r} of {path}")
    pool = samples
    if shots not in (None, asked):
        pool = Rows(_of(splits, str(shots)), asks, f"the split {shots!r} of {path}")
    return Task(
        name=str(_needed(config, "task")),
        samples=samples,
        shots=pool,
        output_type=kind,
        metrics=metrics,
        pipelines=pipelines,
        generation=generation,
        description=_description(config.get("description") or "", rows, columns),
        target_delimiter=_string(config, "target_delimiter", " "),
        fewshot_delimiter=_string(config, "fewshot_delimiter", "\n\n"),
        num_fewshot=_whole(config, "num_fewshot"),
        sampler=settings.get("sampler", "default"),
        # lm-eval leaves the question out where both splits have one name, even if that is none.
        shots_are_samples=from_split == _split(config, "test_split"),
        version=(config.get("metadata") or {}).get("version", "Yaml"),
        config={**config, "task_file_sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise InputError(f"there is no task file {path}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"it is not UTF-8 (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise InputError(f"it is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise InputError("it is no task: a mapping with task, dataset_path and doc_to_text is")
    return config


def _refuse_beyond(config: Mapping[str, Any]) -> None:
    """Refuse what would change the task and is not understood.

    Raises:
        InputError: If there is something; it is named.
    """
    beyond = sorted(str(key) for key, value in config.items() if key not in _READ and value)
    if beyond:
        raise InputError(f"{', '.join(beyond)}: outside of the subset of task files that is read")
    for key, only in (("repeats", 1), ("should_decontaminate", False), ("unsafe_code", False)):
        if config.get(key, only) != only:
            raise InputError(f"{key}: {config[key]!r} is outside of the subset; leave it {only!r}")
    settings = config.get("fewshot_config") or {}
    beyond = sorted(set(settings) - {"sampler", "split"})
    if beyond:
        raise InputError(f"fewshot_config.{beyond[0]}: outside of the subset, sampler and split")
    if settings.get("sampler", "default") not in ("default", "first_n"):
        raise InputError(f"fewshot_config.sampler: {settings['sampler']!r}; default or first_n")


def _splits(config: Mapping[str, Any], beside: Path) -> dict[str, list[Row]]:
    kind = _needed(config, "dataset_path")
    if kind not in ("json", "csv"):
        raise InputError(
            f"dataset_path: {kind!r} is outside of the subset; only json and csv over local files "
            "are read, and nothing is downloaded"
        )
    if config.get("dataset_name"):
        raise InputError(f"dataset_name: {config['dataset_name']!r}; local files have none")
    kwargs = _needed(config, "dataset_kwargs")
    if not isinstance(kwargs, dict) or "data_files" not in kwargs:
        raise InputError("dataset_kwargs.data_files is missing; name the local files")
    beyond = sorted(set(kwargs) - {"data_files"})
    if beyond:
        raise InputError(f"dataset_kwargs.{beyond[0]}: outside of the subset, which is data_files")
    return read_splits(kind, kwargs["data_files"], beside)


def _split(config: Mapping[str, Any], key: str) -> str | None:
    return None if config.get(key) is None else str(config[key])


def _of(splits: Mapping[str, list[Row]], name: str) -> list[Row]:
    if name not in splits:
        raise InputError(f"the split {name!r} is none of the data's: {', '.join(splits)}")
    return splits[name]


def _description(what: str, rows: Sequence[Row], columns: frozenset[str]) -> str:
    """The description, which must be the same for all rows."""
    if what not in columns and "{" not in what:
        return what
    read = reader(what, columns, "description") if what in columns else None
    written = {str(read(row)) if read else render(what, row) for row in rows}
    if len(written) != 1:
        raise InputError("description: one that differs from row to row is outside of the subset")
    return written.pop()


def _label(target: Any, choices: Sequence[str]) -> int:
    """Place of the right choice.

    Raises:
        InputError: If there is none.
    """
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
        return target
    if isinstance(target, str) and target in choices:
        return choices.index(target)
    raise InputError(
        f"the label {target!r} names none of its {len(choices)} choices; labels count from 0, or "
        "are a choice's text"
    )


def _texts(choices: Any) -> tuple[str, ...]:
    if not isinstance(choices, list | tuple) or not choices:
        raise InputError(f"doc_to_choice gives {choices!r}, which is no list of choices")
    for choice in choices:
        if not isinstance(choice, str) or not choice:
            raise InputError(f"doc_to_choice gives the choice {choice!r}, which is no text")
    return tuple(choices)


def _needed(config: Mapping[str, Any], key: str) -> Any:
    if config.get(key) is None:
        raise InputError(f"{key} is missing")
    return config[key]


def _string(config: Mapping[str, Any], key: str, default: str) -> str:
    value = config.get(key, default)
    if not isinstance(value, str):
        raise InputError(f"{key}: {value!r} must be a text")
    return value


def _whole(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key) or 0
    if not isinstance(value, int) or value < 0:
        raise InputError(f"{key}: {value!r} must be a whole number from 0")
    return value
