"""`glasshouse align merge`: work adapters into the model that they belong to."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from glasshouse.cli.console import data, shown_path, talk
from glasshouse.cli.look.subject import Model
from glasshouse.cli.options import named_path
from glasshouse.errors import InputError


def merge(
    model: Model,
    out: Annotated[
        Path, typer.Option(parser=named_path, metavar="PATH", help="The folder to make.")
    ],
) -> None:
    """Work low-rank adapters into the matrices beside which they were trained.

    MODEL is a run of `align sft --lora` or `align dpo --lora`, a folder of `align pm --lora`, or
    adapters as peft saves them. What is made is a model directory, or a preference model, as if all
    of it had been trained: transformers loads it, and our Transformer computes it where it knows
    the architecture.

    [green]glasshouse align merge runs/assistant --out models/assistant[/green]
    """
    from glasshouse.align import has_adapters, merged
    from glasshouse.align.judges.model import is_preference_model, merge_preference_model
    from glasshouse.models import LanguageModel
    from glasshouse.training.run_folder import refuse_taken

    refuse_taken(out)
    if is_preference_model(Path(model)):
        merge_preference_model(Path(model), out)
        talk(f"Score others: glasshouse align compare {quote(shown_path(out))} --pairs FILE")
    else:
        whole = LanguageModel.load(model)
        if not has_adapters(whole):
            raise InputError(f"{model} has no adapters to merge; it is whole already")
        merged(whole).save(out)
        talk(f"Talk to it: glasshouse generate {quote(shown_path(out))} --prompt '…'")
    data(shown_path(out))
