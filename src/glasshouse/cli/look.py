"""`glasshouse look`: see what goes on inside a model, as values and as a page."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.models import LanguageModel
    from glasshouse.report.look import Look
else:
    # both import torch, which `--help` has no time for
    LanguageModel = Look = Any

LOOKS = Path("looks")
"""Where looks go when nobody says."""
DEFAULT_FETCH = ("**.pattern",)
"""What is fetched when nobody says: where every head looks."""


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
            help="A value, or pattern of values, to keep, as 'blocks.*.attn.z[head=5, pos=-1]'; "
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
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="Folder to write; by default one under looks/."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Look inside a model: fetch any value, feed any value, and see it on a page.

    Writes values.safetensors, whose keys are the addresses of values, and look.html: the prompt
    with attention, logit lens, and what feeding changed. The answer is where they are; with --json
    one record for each prompt and each value, or, with --names, each name.

    [green]glasshouse look runs/book --prompt 'It was' --fetch 'blocks.*.attn.pattern'[/green]

    [green]glasshouse look runs/book --prompt 'It was' --feed 'blocks.1.attn.z[head=2]=zero'[/green]
    """
    started = datetime.now(UTC)
    if names:
        _list_names(model, fetch or ["**"], json=json)
        return
    if not prompt or not all(prompt):
        raise InputError("--prompt is missing or empty; give the model something to read")
    from glasshouse.models import LanguageModel
    from glasshouse.report import gather_provenance
    from glasshouse.report.look import Question, check_out, parse_feeding, write_look
    from glasshouse.report.look import look as look_inside

    feedings = tuple(parse_feeding(text) for text in feed or ())
    folder = out or default_folder(model)
    check_out(folder)
    loaded = LanguageModel.load(model)
    question = Question(
        prompts=tuple(prompt), fetch=tuple(fetch or DEFAULT_FETCH), feedings=feedings
    )
    found = look_inside(loaded, question, name=model)
    command = ["glasshouse", "look", model]
    for option, words in (("--prompt", prompt), ("--fetch", fetch), ("--feed", feed)):
        command += [word for one in words or () for word in (option, one)]
    provenance = gather_provenance(command=shlex.join(command), started=started)
    write_look(found, folder, tokenizer=loaded.tokenizer, provenance=provenance)
    _report(found, folder, json=json)


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
            talk(f"after “{one.read.prompt}”: {likely}")
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
