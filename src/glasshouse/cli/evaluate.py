"""`glasshouse evaluate`: few-shot tasks, of task files or made here, put to a model."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, table_console, talk
from glasshouse.cli.look.subject import Model, least
from glasshouse.cli.options import AsJson, named_path, whole_number
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.evaluate.few_shot import Outcome, Task
    from glasshouse.evaluate.few_shot.contamination import Overlap
    from glasshouse.evaluate.few_shot.generators import Materials
else:
    # all import torch, which `--help` has no time for
    Materials = Outcome = Overlap = Task = Any

app = typer.Typer(
    help="Put few-shot tasks to a model: task files of lm-eval over local data, or made here.",
    no_args_is_help=True,
)

_WORLD_HELP = "Seed of the world whose facts the tasks world_* ask."

Tasks = Annotated[
    str,
    typer.Option(
        "--tasks",
        metavar="NAMES",
        help="Task files (*.yaml) and names from `glasshouse evaluate ls`, with commas between.",
    ),
]
OneTask = Annotated[
    str, typer.Argument(metavar="TASK", help="A task file (*.yaml), or a name from `ls`.")
]
Limit = Annotated[
    int | None,
    typer.Option(parser=least(1), metavar="N", help="Ask the first N questions of each task."),
]
Shots = Annotated[
    int | None,
    typer.Option(
        "--num-fewshot",
        parser=least(0),
        metavar="K",
        help="Examples before each question; by default as many as the task says.",
    ),
]
ShotSeed = Annotated[
    int,
    typer.Option(
        parser=whole_number, metavar="N", help="Chooses examples; by default as lm-eval does."
    ),
]
Words = Annotated[
    Path | None,
    typer.Option(
        "--words",
        parser=named_path,
        metavar="PATH",
        help="A UTF-8 text that unscrambling and cloze take words from; by default Python's help.",
    ),
]
WorldSeed = Annotated[int, typer.Option(parser=whole_number, metavar="N", help=_WORLD_HELP)]
Against = Annotated[
    Path | None,
    typer.Option(
        "--trained-on",
        parser=named_path,
        metavar="PATH",
        help="A UTF-8 text (or a folder of *.txt) to look for the questions in.",
    ),
]
Ngram = Annotated[
    int,
    typer.Option(parser=least(1), metavar="N", help="Words of a run that counts as an overlap."),
]


@app.command("run")
def run(
    model: Model,
    tasks: Tasks,
    num_fewshot: Shots = None,
    limit: Limit = None,
    seed: ShotSeed = 1234,
    words: Words = None,
    world_seed: WorldSeed = 0,
    trained_on: Against = None,
    ngram: Ngram = 13,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--output-path",
            parser=named_path,
            metavar="PATH",
            help="Folder for results.json, with lm-eval's keys.",
        ),
    ] = None,
    log_samples: Annotated[
        bool, typer.Option("--log-samples", help="Write every question's line as well.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Put tasks to a model and tell how many answers are right.

    Prompts that do not fit the model's context lose whole examples from the left; how many did is
    said.

    [green]glasshouse evaluate run gpt2 --tasks arithmetic_2da,mine.yaml --num-fewshot 5[/green]
    """
    from glasshouse.evaluate.few_shot import (
        FewShotConfig,
        evaluate,
        results_of,
        write_results,
    )
    from glasshouse.models import LanguageModel

    if log_samples and out is None:
        raise InputError("--log-samples writes into a folder; name one with --out")
    asked = _tasks(tasks, _materials(words, world_seed))
    texts = None if trained_on is None else _texts(trained_on)
    loaded = LanguageModel.load(model)
    config = FewShotConfig(num_fewshot=num_fewshot, limit=limit, seed=seed)
    outcomes, overlaps = [], {}
    from glasshouse.cli.progress import progress_bar

    for task in asked:
        with progress_bar(task.name) as bar:
            outcome = evaluate(
                loaded, task, config, progress=lambda done, of, bar=bar: bar(done, of, "")
            )
        outcomes.append(outcome)
        _say_what_was_cut(outcome)
        if texts is not None:
            overlaps[task.name] = _overlap(outcome, texts, ngram)
    results = results_of(outcomes, model=model)
    results["contamination"] = {name: _plain(found) for name, found in overlaps.items()}
    if out is not None:
        for path in write_results(out, results, outcomes, samples=log_samples):
            talk(f"wrote {shown_path(path)}")
    if json:
        for name, means in results["results"].items():
            json_line({"task": name, "num_fewshot": results["n-shot"][name], **means})
        return
    _print(outcomes, overlaps)


@app.command("ls")
def ls(json: AsJson = False) -> None:
    """List the tasks that are made here.

    [green]glasshouse evaluate ls[/green]
    """
    from glasshouse.evaluate.few_shot.generators import task_names

    names = task_names()
    if json:
        for name, said in names.items():
            json_line({"task": name, "asks": said})
        return
    width = max(map(len, names))
    for name, said in names.items():
        data(f"{name:{width}}  {said}")


@app.command("validate")
def validate(
    task: OneTask,
    num_fewshot: Shots = None,
    seed: ShotSeed = 1234,
    words: Words = None,
    world_seed: WorldSeed = 0,
) -> None:
    """Read a task whole, refuse what is wrong with it, and show its first prompt.

    [green]glasshouse evaluate validate mine.yaml --num-fewshot 2[/green]
    """
    from glasshouse.evaluate.few_shot import write_prompts

    (one,) = _tasks(task, _materials(words, world_seed))
    for place in range(len(one.samples)):
        _ = one.samples[place]
    shots = one.num_fewshot if num_fewshot is None else num_fewshot
    prompt = write_prompts(one, num_fewshot=shots, seed=seed, limit=1)[0]
    first = one.samples[0]
    metrics = ", ".join(metric.name for metric in one.measured)
    talk(f"{one.name}: {len(one.samples)} questions, {one.output_type}, measured by {metrics}")
    talk(f"the first prompt, {shots} examples, then its answer {first.target!r}:")
    data(prompt.text)


@app.command("write")
def write(
    task: OneTask,
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="Folder to fill.")],
    words: Words = None,
    world_seed: WorldSeed = 0,
    num: Annotated[
        int | None,
        typer.Option(parser=least(1), metavar="N", help="Questions; by default the task's own."),
    ] = None,
    seed: Annotated[
        int, typer.Option(parser=whole_number, metavar="N", help="Draws the questions.")
    ] = 0,
) -> None:
    """Write a task as files that lm-eval reads too, without the metrics it does not know.

    [green]glasshouse evaluate write arithmetic_3da --out tasks[/green]
    """
    from glasshouse.evaluate.few_shot import write_task

    (one,) = _tasks(task, _materials(words, world_seed, num=num, seed=seed))
    path = write_task(one, out, for_lm_eval=True)
    talk(f"lm-eval looks for the data in its own folder: run it in {shown_path(out)}")
    data(shown_path(path))


@app.command("overlap")
def overlap(
    task: OneTask,
    trained_on: Annotated[
        Path,
        typer.Option(
            "--trained-on",
            parser=named_path,
            metavar="PATH",
            help="A UTF-8 text (or a folder of *.txt) to look in.",
        ),
    ],
    ngram: Ngram = 13,
    words: Words = None,
    world_seed: WorldSeed = 0,
    json: AsJson = False,
) -> None:
    """Tell how many questions of a task stand in a training text.

    [green]glasshouse evaluate overlap mine.yaml --trained-on corpus.txt --ngram 8[/green]
    """
    from glasshouse.evaluate.few_shot.contamination import overlap_with_text

    (one,) = _tasks(task, _materials(words, world_seed))
    found = overlap_with_text(one.samples[:], _texts(trained_on), n=ngram)
    if json:
        json_line({"task": one.name, **_overlap_plain(found)})
        return
    data(f"{one.name}: {found.sentence}")


def _materials(
    words: Path | None, world_seed: int, *, num: int | None = None, seed: int = 0
) -> Materials:
    """What tasks are made of."""
    from glasshouse.evaluate.few_shot.generators import Materials, Size, standard_prose
    from glasshouse.world import World

    text = standard_prose() if words is None else "\n\n".join(_texts(words))
    size = Size(num_samples=num, seed=seed) if num else Size(seed=seed) if seed else None
    return Materials(text=text, world=World(world_seed), size=size)


def _tasks(names: str, materials: Materials) -> list[Task]:
    """The tasks of a list of names and files.

    Raises:
        InputError: If one is neither, or two have one name.
    """
    from glasshouse.evaluate.few_shot import read_task
    from glasshouse.evaluate.few_shot.generators import make_task

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise InputError("--tasks names no task; `glasshouse evaluate ls` lists those made here")
    tasks = [
        read_task(Path(name)) if name.endswith((".yaml", ".yml")) else make_task(name, materials)
        for name in wanted
    ]
    called = [task.name for task in tasks]
    twins = sorted({name for name in called if called.count(name) > 1})
    if twins:
        raise InputError(f"two tasks are called {twins[0]!r}; results would hide one")
    return tasks


def _texts(path: Path) -> list[str]:
    """A training text, in files that runs do not reach across.

    Raises:
        InputError: If there is none, or it is not UTF-8.
    """
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"the folder {path} holds no *.txt file")
    texts = []
    for file in files:
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"there is no text {file}") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8 (byte {error.start})") from None
    return texts


def _overlap(outcome: Outcome, texts: list[str], ngram: int) -> tuple[Overlap, Any]:
    """Which questions stand in a text, and the scores with and without them."""
    from glasshouse.evaluate.few_shot.contamination import compare, overlap_with_text

    found = overlap_with_text([one.sample for one in outcome.answered], texts, n=ngram)
    talk(f"{outcome.task.name}: {found.sentence}")
    metric = next((key for key in outcome.estimates if key[0] in ("acc", "exact_match")), None)
    return found, None if metric is None else compare(outcome, found, *metric)


def _overlap_plain(found: Overlap) -> dict[str, Any]:
    return {
        "n": found.n,
        "questions": len(found.dirty),
        "dirty": found.num_dirty,
        "shorter_than_n": int(found.short.sum()),
        "examples": list(found.examples),
    }


def _plain(both: tuple[Overlap, Any]) -> dict[str, Any]:
    import msgspec

    found, compared = both
    scores = {} if compared is None else msgspec.to_builtins(compared)
    return {**_overlap_plain(found), **scores}


def _say_what_was_cut(outcome: Outcome) -> None:
    if outcome.num_cut_prompts:
        talk(
            f"{outcome.task.name}: {outcome.num_cut_shots} examples of "
            f"{outcome.num_cut_prompts} of {len(outcome.answered)} prompts did not fit the model's "
            "context and were cut, the first ones first"
        )


def _print(outcomes: list[Outcome], overlaps: dict[str, tuple[Overlap, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("task")
    for name in ("examples", "questions"):
        table.add_column(name, justify="right")
    table.add_column("metric")
    table.add_column("filter")
    for name in ("value", "± error"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        for (metric, pipeline), found in outcome.estimates.items():
            known = not math.isnan(found.stderr)
            table.add_row(
                outcome.task.name,
                str(outcome.num_fewshot),
                str(len(outcome.answered)),
                metric,
                pipeline,
                f"{found.value:.4f}",
                f"{found.stderr:.4f}" if known else "",
            )
        _, compared = overlaps.get(outcome.task.name, (None, None))
        if compared is None:
            continue
        for label in ("clean", "dirty"):
            rate = getattr(compared, label)
            table.add_row(
                outcome.task.name,
                str(outcome.num_fewshot),
                str(rate.count),
                f"{compared.metric}, {label}",
                "",
                "" if math.isnan(rate.value) else f"{rate.value:.4f}",
                "" if math.isnan(rate.value) else f"{rate.low:.2f} to {rate.high:.2f}",
            )
    table_console().print(table)
