"""What a task file says of scoring: its metrics, how answers are written and how they are read."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.tasks import (
    METRICS,
    FilterStep,
    Generation,
    Metric,
    OutputType,
    Pipeline,
)

_AGGREGATION = {"perplexity": "perplexity"}
"""How metrics are averaged, where it is not by their mean."""
_MAX_TOKENS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names of one setting, the first that is given counting."""
_STEPS = ("regex", "lowercase", "uppercase", "remove_whitespace", "take_first")

Scoring = tuple[tuple[Metric, ...], tuple[Pipeline, ...], Generation | None]


def read_scoring(config: Mapping[str, Any], kind: OutputType) -> Scoring:
    """Read what is measured, through which filters, and how answers are written.

    Raises:
        InputError: If something is outside of the subset that is read; the sentence names it.
    """
    metrics = tuple(_metric(entry, kind) for entry in _list(config, "metric_list"))
    pipelines = tuple(_pipeline(entry) for entry in _list(config, "filter_list"))
    generation = None
    if config.get("generation_kwargs") is not None:
        if kind != "generate_until":
            raise InputError(f"generation_kwargs: {kind} writes nothing; leave them out")
        generation = _generation(config)
    return metrics, pipelines or (Pipeline(),), generation


def _list(config: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = config.get(key)
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{key}: {entries!r} must be a list of mappings")
    return entries


def _metric(entry: Mapping[str, Any], kind: OutputType) -> Metric:
    name = entry.get("metric")
    known = METRICS[kind]
    if not isinstance(name, str) or name not in known:
        raise InputError(
            f"metric_list: the metric {name!r} is outside of the subset for {kind}, which is "
            f"{', '.join(known)}"
        )
    averaged = _AGGREGATION.get(name, "mean")
    if entry.get("aggregation", averaged) != averaged:
        raise InputError(f"metric_list: {name} is averaged by {averaged}, not by anything else")
    if entry.get("higher_is_better", known[name]) != known[name]:
        raise InputError(f"metric_list: higher_is_better of {name} is {known[name]}")
    settings = {
        key: value
        for key, value in entry.items()
        if key not in ("metric", "aggregation", "higher_is_better")
        and not (key == "hf_evaluate" and not value)
    }
    allowed = (
        {field.name for field in fields(Metric)} - {"name"} if name == "exact_match" else set()
    )
    beyond = sorted(set(settings) - allowed)
    if beyond:
        raise InputError(f"metric_list: {beyond[0]} of {name} is outside of the subset")
    patterns = settings.pop("regexes_to_ignore", None) or ()
    for pattern in patterns:
        _check_pattern(pattern)
    flags = {key: bool(value) for key, value in settings.items()}
    return Metric(name=name, regexes_to_ignore=tuple(patterns), **flags)


def _pipeline(entry: Mapping[str, Any]) -> Pipeline:
    steps = entry.get("filter")
    if "name" not in entry or not isinstance(steps, list):
        raise InputError("filter_list: each entry has a name and a list called filter")
    read = tuple(_step(step) for step in steps)
    if not any(step.function == "take_first" for step in read):
        raise InputError(
            f"filter_list: {entry['name']!r} keeps all answers of a question, which is outside of "
            "the subset; end it with take_first"
        )
    return Pipeline(name=str(entry["name"]), steps=read)


def _step(step: Any) -> FilterStep:
    settings = dict(step) if isinstance(step, dict) else {}
    function = settings.pop("function", None)
    if function not in _STEPS:
        raise InputError(
            f"filter_list: the filter {function!r} is outside of the subset, which is "
            f"{', '.join(_STEPS)}"
        )
    if set(settings) - {"regex_pattern", "group_select", "fallback"} or (
        settings and function != "regex"
    ):
        raise InputError(f"filter_list: {function} has no setting {sorted(settings)[0]!r}")
    if "regex_pattern" in settings:
        _check_pattern(settings["regex_pattern"])
    return FilterStep(function=function, **settings)


def _check_pattern(pattern: Any) -> None:
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InputError(f"the pattern {pattern!r} cannot be read: {error}") from None


def _generation(config: Mapping[str, Any]) -> Generation:
    kwargs = dict(config["generation_kwargs"])
    until = kwargs.pop("until", [config.get("fewshot_delimiter", "\n\n")])
    lengths = [kwargs.pop(name, None) for name in _MAX_TOKENS]
    most = next((length for length in lengths if length is not None), None)
    if kwargs.pop("do_sample", False) or float(kwargs.pop("temperature", 0) or 0):
        raise InputError(
            "generation_kwargs: sampled answers are outside of the subset; set do_sample: false"
        )
    if kwargs:
        raise InputError(f"generation_kwargs.{sorted(kwargs)[0]}: outside of the subset")
    strings = [until] if isinstance(until, str) else until
    if not isinstance(strings, list) or not all(isinstance(text, str) for text in strings):
        raise InputError(f"generation_kwargs.until: {until!r} must be texts")
    if most is not None and (not isinstance(most, int) or most < 1):
        raise InputError(f"generation_kwargs.max_gen_toks: {most!r} must be a whole number from 1")
    return Generation(until=tuple(strings), max_tokens=most)
