"""`glasshouse look`: see what goes on inside a model, as values and as a page."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.dataflow.explain import Explanation
    from glasshouse.models import LanguageModel
    from glasshouse.report.look import Look, Question
else:
    # all import torch, which `--help` has no time for
    Explanation = LanguageModel = Look = Question = Any

LOOKS = Path("looks")
"""Where looks go when nobody says."""


def look(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run folder, run:NAME, a model directory, or a hub id."
        ),
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="What the model reads; may be given again, for a batch."),
    ] = None,
    fetch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A value, or pattern of values, to keep, as 'blocks.*.attn.z\\[head=5, pos=-1]'; "
            "may be given again. By default every attention pattern.",
        ),
    ] = None,
    feed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=VALUE",
            help="Put something in a value's place: zero, a number, mean, x0.5, "
            "FILE.safetensors:KEY, or 'from another prompt'; '+' before it adds. May be given "
            "again.",
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="List the values that the model has, and stop.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would be computed and its cost, and stop.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Measure how far the logits are from transformers' own."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="Folder to write; by default one under looks/."
        ),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Look inside a model: fetch any value, feed any value, and see it on a page.

    Writes values.safetensors, whose keys are the addresses of values, and look.html: the prompt
    with attention, logit lens, and what feeding changed. The answer is where they are; with --json
    one record for each prompt and each value, or, with --names, each name.

    [green]glasshouse look runs/book --prompt 'It was' --fetch 'blocks.*.attn.pattern'[/green]

    [green]glasshouse look runs/book --prompt 'It' --feed 'blocks.1.attn.z\\[head=2]=zero'[/green]
    """
    started = datetime.now(UTC)
    if names:
        _list_names(model, fetch or ["**"], json=json)
        return
    if not prompt or not all(prompt):
        raise InputError("--prompt is missing or empty; give the model something to read")
    from glasshouse.models import LanguageModel
    from glasshouse.report.look import Question, check_out, parse_feeding

    question = Question(
        prompts=tuple(prompt),
        fetch=tuple(fetch) if fetch else None,
        feedings=tuple(parse_feeding(text) for text in feed or ()),
    )
    folder = out or default_folder(model)
    check_out(folder)
    loaded = LanguageModel.load(model, verify=verify)
    if explain:
        _explain(loaded, question, json=json)
        return
    _look(loaded, question, folder, name=model, started=started, json=json)
    from glasshouse.notebook.importing import import_look

    Notes(notebook, project).write(
        lambda opened: import_look(opened, folder),
        instead=f"`glasshouse import {shown_path(folder)}` brings the look in later",
    )


def _look(
    loaded: LanguageModel,
    question: Question,
    folder: Path,
    *,
    name: str,
    started: datetime,
    json: bool,
) -> None:
    """Look, write, and say where it is."""
    from glasshouse.report import gather_provenance
    from glasshouse.report.look import look as look_inside
    from glasshouse.report.look import write_look

    found = look_inside(loaded, question, name=name)
    command = ["glasshouse", "look", name]
    feeds = tuple(feeding.text for feeding in question.feedings)
    for option, words in (
        ("--prompt", question.prompts),
        ("--fetch", question.fetch or ()),
        ("--feed", feeds),
    ):
        command += [word for one in words for word in (option, one)]
    provenance = gather_provenance(command=shlex.join(command), started=started)
    write_look(found, folder, tokenizer=loaded.tokenizer, provenance=provenance)
    _report(found, folder, json=json)


def _explain(loaded: LanguageModel, question: Question, *, json: bool) -> None:
    """Print what would be computed."""
    from glasshouse.dataflow.explain import amount
    from glasshouse.report.look import explain

    fetched, page = explain(loaded, question)
    if json:
        json_line({"kind": "fetched", **_cost_record(fetched)})
        json_line({"kind": "page", **_cost_record(page)})
        return
    data(str(fetched))
    more = "" if not fetched.flops else f" ({page.flops / fetched.flops:.2f} times the above)"
    data(
        f"with what the page shows as well: {len(page.fetched)} values, "
        f"{amount(page.flops, 'FLOP')}{more}, peak {amount(page.peak_bytes, 'B')}"
    )


def _cost_record(cost: Explanation) -> dict[str, Any]:
    """An explanation as plain values."""
    return {
        "fetched": cost.fetched,
        "fed": cost.fed,
        "computed": cost.computed,
        "operations": cost.num_operations,
        "flops": cost.flops,
        "bytes_moved": cost.bytes_moved,
        "weight_bytes": cost.weight_bytes,
        "peak_bytes": cost.peak_bytes,
    }


def default_folder(model: str) -> Path:
    """Where a look goes when nobody says: named for the model, never an existing one."""
    stem = re.sub(r"[^\w.-]+", "-", Path(model.removeprefix("run:")).name).strip(".-") or "model"
    folder, number = LOOKS / stem, 2
    while folder.exists():
        folder, number = LOOKS / f"{stem}-{number}", number + 1
    return folder


def _list_names(model: str, patterns: list[str], *, json: bool) -> None:
    """Print the values that a model has, those that a pattern finds."""
    from glasshouse.dataflow.address import matching_names
    from glasshouse.models import LanguageModel

    graph = LanguageModel.load(model).graph()
    found = {name for pattern in patterns for name in matching_names(pattern, graph.names)}
    for name in graph.names:
        if name not in found:
            continue
        value = graph.value(name)
        dtype = str(value.dtype).removeprefix("torch.")
        if json:
            json_line({"name": name, "axes": value.axes, "shape": value.shape, "dtype": dtype})
        else:
            data(str(value))


def _report(found: Look, folder: Path, *, json: bool) -> None:
    """Say what was found, and where it is."""
    from glasshouse.report.look import PAGE, VALUES

    talk(found.numerics)
    for note in found.notes:
        talk(note)
    for one in found.prompts:
        likely = ", ".join(f"{n.token} {n.probability:.2f}" for n in one.following[:3])
        if likely:
            talk(f"after “{_end_of(one.read.prompt)}”: {likely}")
    if not json:
        data(shown_path(folder / PAGE))
        data(shown_path(folder / VALUES))
        return
    for one in found.prompts:
        json_line({"kind": "prompt", **_prompt_record(one)})
    for address, value in found.values.items():
        dtype = str(value.dtype).removeprefix("torch.")
        json_line(
            {
                "kind": "value",
                "address": address,
                "axes": found.axes(address),
                "shape": tuple(value.shape),
                "dtype": dtype,
            }
        )
    json_line(
        {"kind": "files", "page": shown_path(folder / PAGE), "values": shown_path(folder / VALUES)}
    )


def _prompt_record(one: Any) -> dict[str, Any]:
    """A prompt and what comes next, as plain values."""
    return {
        "prompt": one.read.prompt,
        "ids": one.read.ids,
        "tokens": one.read.tokens,
        "next": [
            {"token": n.token, "probability": n.probability, "without": n.before}
            for n in one.following
        ],
        "changed_nats": None if one.changed is None else one.changed.tolist(),
    }


def _end_of(prompt: str, most: int = 60) -> str:
    """The last words of a prompt, on one line."""
    words = " ".join(prompt.split())
    return words if len(words) <= most else "…" + words[1 - most :]
