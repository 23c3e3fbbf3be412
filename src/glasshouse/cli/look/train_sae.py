"""`glasshouse look train-sae`: learn a dictionary of a value, and say how good it is."""

import shlex
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import (
    HeldOutTokens,
    Model,
    TextPath,
    ValueName,
    least,
    open_subject,
)
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, Settings, named_path
from glasshouse.cli.overrides import apply_overrides
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.interpret.dictionaries import Dictionary
    from glasshouse.interpret.dictionary_run import DictionaryRunConfig
    from glasshouse.interpret.texts import Texts
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    Dictionary = DictionaryRunConfig = LanguageModel = Texts = Any

KINDS = ("topk", "batchtopk", "matryoshka", "relu", "jumprelu", "gated")
_COUNTED = KINDS[:3]
"""Kinds whose sparsity is a number of latents; that of the others is a penalty."""
_PREFIXES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Shares of a Matryoshka dictionary's latents that must rebuild the value alone."""


def train_sae(
    model: Model,
    value: ValueName,
    out: Annotated[
        Path,
        typer.Option(parser=named_path, metavar="PATH", help="Folder of the dictionary to write."),
    ],
    latents: Annotated[
        int, typer.Option(parser=least(1), metavar="N", help="How many latents it has.")
    ] = 512,
    kind: Annotated[
        str, typer.Option(help=f"What makes its codes sparse: {', '.join(KINDS)}.")
    ] = "topk",
    k: Annotated[
        int | None,
        typer.Option(
            parser=least(1),
            metavar="N",
            help=f"Active latents of a token, for {', '.join(_COUNTED)}; 16 unless you say so.",
        ),
    ] = None,
    penalty: Annotated[
        float | None,
        typer.Option(help=f"Price of being active, for {', '.join(KINDS[3:])}."),
    ] = None,
    steps: Annotated[
        int, typer.Option(parser=least(1), metavar="N", help="Optimizer steps.")
    ] = 2000,
    text: TextPath = None,
    tokens: HeldOutTokens = 50_000,
    seed: Seed = 0,
    settings: Settings = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Learn a sparse dictionary of a value while the model runs, and score it on held-out text.

    Learns from the documents that the run was grown on, or from nine tenths of --text. On the toy
    world every token's true features are known: they score the dictionary and never train it. Stop
    with Ctrl-C; the same command goes on. Fields for --set: training.lr, batch_rows, save_every, …

    [green]glasshouse look train-sae run:book --value blocks.1.resid_post --out dictionary[/green]
    """
    started = datetime.now(UTC)
    chosen = _kind(kind, k, penalty)
    from glasshouse.interpret.dictionaries import DictionaryTrainingConfig
    from glasshouse.interpret.dictionary_run import DictionaryRunConfig, refuse_taken

    config = apply_overrides(
        DictionaryRunConfig(
            value=value,
            num_latents=latents,
            kind=chosen,
            training=DictionaryTrainingConfig(steps=steps, seed=seed),
            seed=seed,
        ),
        settings or (),
    )
    refuse_taken(out)
    loaded, texts = open_subject(model, text, tokens=tokens, value=value)
    try:
        dictionary = _learn(loaded, texts, out, config)
    except KeyboardInterrupt:
        raise Stopped(_how_to_go_on(out, config.training.steps)) from None
    _finish(dictionary, loaded, texts, out, config, model=model, started=started, json=json)
    from glasshouse.notebook.importing import import_dictionary

    Notes(notebook, project).write(
        lambda opened: import_dictionary(opened, out),
        instead=f"`glasshouse import {shown_path(out)}` brings the dictionary in later",
    )


def _kind(name: str, k: int | None, penalty: float | None) -> Any:
    """What makes codes sparse, from what was asked for.

    Raises:
        InputError: If there is no such kind, or a number is given that it has no use for.
    """
    if name not in KINDS:
        raise InputError(f"--kind {name!r} must be one of {', '.join(KINDS)}")
    if name in _COUNTED and penalty is not None:
        raise InputError(f"--penalty has no meaning for --kind {name}; give --k")
    if name not in _COUNTED and k is not None:
        raise InputError(f"--k has no meaning for --kind {name}; give --penalty")
    from glasshouse.interpret.dictionaries import BatchTopK, Gated, JumpReLU, ReLU, TopK

    count = 16 if k is None else k
    if name == "topk":
        return TopK(k=count)
    if name in _COUNTED:
        return BatchTopK(k=count, prefixes=_PREFIXES if name == "matryoshka" else ())
    made = {"relu": ReLU, "jumprelu": JumpReLU, "gated": Gated}[name]
    return made() if penalty is None else made(penalty=penalty)


def _learn(
    loaded: LanguageModel, texts: Texts, out: Path, config: DictionaryRunConfig
) -> Dictionary:
    """Learn to the end, showing how it goes."""
    from glasshouse.cli.progress import progress_bar
    from glasshouse.interpret.dictionary_run import learn_dictionary, steps_kept

    total, kept = config.training.steps, steps_kept(out)
    if kept:
        talk(f"going on after step {kept} of {total}")
    with (
        progress_bar(f"a dictionary of {config.value}") as bar,
        closing(learn_dictionary(loaded, texts, out, config)) as learning,
    ):
        for step in learning:
            told = f"explained {step.explained_variance:.3f}, L0 {step.l0:.1f}"
            bar(step.step, total, f"{told}, dead {step.dead_share:.0%}")
    return learning.dictionary


def _finish(
    dictionary: Dictionary,
    loaded: LanguageModel,
    texts: Texts,
    out: Path,
    config: DictionaryRunConfig,
    *,
    model: str,
    started: datetime,
    json: bool,
) -> None:
    """Score the dictionary, write it, and say how good it is."""
    from glasshouse.interpret.dictionary_run import dictionary_record, write_dictionary
    from glasshouse.interpret.dictionary_scores import measure_dictionary

    talk("scoring it on held-out text")
    scores = measure_dictionary(loaded, texts, dictionary, config.value)
    record = dictionary_record(config, texts, scores.plain(), model=model, started=started)
    write_dictionary(dictionary, out, record)
    if json:
        json_line({"path": shown_path(out), **record["scores"]})
        return
    for line in score_lines(record["scores"]):
        talk(line)
    talk(f"Its latents: glasshouse look features {model} {shlex.quote(shown_path(out))}")
    data(shown_path(out))


def score_lines(scores: dict[str, Any]) -> list[str]:
    """Scores in words."""
    recovered = scores["ce_recovered"]
    worth = "nothing to recover" if recovered is None else f"{recovered:.1%}"
    lines = [
        f"L0 {scores['l0']:.1f}; explained variance {scores['explained_variance']:.3f}; dead "
        f"latents {scores['dead_share']:.1%}; cross-entropy recovered {worth}",
    ]
    ledger = scores.get("ledger")
    if ledger is None:
        return lines
    axes = scores["axes"]
    lines.append(
        f"of {ledger['features']} true features {ledger['found_share']:.0%} have a latent with F1 "
        f"above 0.7; mean F1 {ledger['mean_f1']:.3f}, mean AUROC {ledger['mean_auroc']:.3f} (the "
        f"value's own axes: {axes['mean_f1']:.3f}, {axes['mean_auroc']:.3f})"
    )
    for name in ("best", "worst"):
        shown = (f"{one['feature']} (latent {one['latent']}, {one['f1']:.2f})"
                 for one in ledger[name][:5])  # fmt: skip
        lines.append(f"{name} found: {', '.join(shown)}")
    return lines


def _how_to_go_on(out: Path, steps: int) -> str:
    """What to tell whoever pressed Ctrl-C."""
    from glasshouse.interpret.dictionary_run import kept_in, steps_kept

    kept = steps_kept(out)
    if not kept:
        return "stopped before anything was kept; nothing was written"
    return (
        f"stopped; step {kept} of {steps} is kept in {shown_path(kept_in(out))}, and the same "
        "command goes on from there"
    )
