"""`glasshouse generate`: let a model speak."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.models import SamplingConfig
    from glasshouse.models.language_model import Completion
    from glasshouse.notebook import Transcript
else:
    Completion = SamplingConfig = Transcript = Any


def generate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run folder, run:NAME, a model directory, or a hub id."
        ),
    ],
    prompt: Annotated[
        list[str], typer.Option(help="The words to continue; may be given again, for a batch.")
    ],
    num: Annotated[int, typer.Option("-n", "--num", min=1, help="Completions of each prompt.")] = 1,
    temperature: Annotated[
        float, typer.Option(help="0 always takes the likeliest token, 1 samples as learned.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option(help="Sample from the likeliest tokens of this probability together.")
    ] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longest completion, in tokens.")] = 100,
    seed: Seed = 0,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Continue prompts with a model; the same seed gives the same words.

    With --json each completion is a record of its prompt, text, token ids and log-probabilities.

    [green]glasshouse generate runs/book --prompt 'Once upon a time' -n 3 --temperature 0.8[/green]
    """
    if not all(prompt):
        raise InputError("--prompt '' is empty; give the model something to continue")
    from glasshouse.models import LanguageModel, SamplingConfig

    speaker = LanguageModel.load(model)
    end = speaker.tokenizer.end_id
    sampling = SamplingConfig(
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        stop_ids=() if end is None else (end,),
    )
    prompts = [one for one in prompt for _ in range(num)]
    completions = speaker.generate(prompts, sampling, seed=seed)
    for number, (words, completion) in enumerate(zip(prompts, completions, strict=True)):
        if json:
            json_line({"prompt": words, "completion": completion})
            continue
        if number:
            data("")
        data(f"{words}{completion.text}")
    Notes(notebook, project).write(
        lambda opened: opened.add(*_transcripts(model, prompts, completions, sampling, seed))
    )


def _transcripts(
    model: str,
    prompts: list[str],
    completions: Sequence[Completion],
    sampling: SamplingConfig,
    seed: int,
) -> list[Transcript]:
    """What the notebook takes down of completions."""
    from dataclasses import asdict

    from glasshouse.notebook import Transcript, Turn, new_id
    from glasshouse.notebook.importing import subject_of

    now, subject = datetime.now(UTC), subject_of(model)
    return [
        Transcript(
            id=new_id(),
            kind="completion",
            created=now,
            turns=[
                Turn(role="prompt", text=words),
                Turn(role="model", text=completion.text, extra={"finish": completion.finish}),
            ],
            model=subject,
            seed=seed,
            sampling=asdict(sampling),
            token_ids=completion.ids,
            logprobs=completion.logprobs,
            extra={"model": model},
        )
        for words, completion in zip(prompts, completions, strict=True)
    ]
