"""`glasshouse align dpo`: teach a policy from comparisons, without a preference model."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.adapters import (
    Lora,
    LoraAlpha,
    LoraDropout,
    TargetModules,
    load_for_training,
    lora_config,
    tell_trained,
)
from glasshouse.cli.align.layouts import LayoutName, chosen_layout
from glasshouse.cli.align.pairs import held_out_pairs, read_pairs
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.options import AsJson, Seed, Settings, Shard, named_path
from glasshouse.cli.overrides import apply_overrides
from glasshouse.cli.processes import several_processes
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.align import Comparison, DpoConfig, DpoStep, Layout
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    Comparison = DpoConfig = DpoStep = LanguageModel = Layout = Tensor = Any


def dpo(
    model: Model,
    pairs: Annotated[
        Path,
        typer.Option(parser=named_path, metavar="PATH", help="JSON lines of comparisons."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="The run's folder; one that was stopped goes on.",
        ),
    ],
    test: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Comparisons to measure on; by default a tenth of --pairs, left out of training.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="What the policy is held near; by default MODEL as it is."
        ),
    ] = None,
    layout: LayoutName = None,
    lora: Lora = None,
    lora_alpha: LoraAlpha = None,
    lora_dropout: LoraDropout = None,
    target_modules: TargetModules = None,
    seed: Seed = 0,
    settings: Settings = None,
    shard: Shard = False,
    json: AsJson = False,
) -> None:
    """Teach a policy from comparisons: more of what is preferred, held near where it began.

    Comparisons are read as `align pm` reads them. The folder holds metrics.jsonl and checkpoints,
    and loads as any run does; with --lora its checkpoints are adapters alone. Fields for --set:
    beta, label_smoothing, length_normalised, epochs, batch, schedule.peak_lr, …

    [green]glasshouse align dpo runs/assistant --pairs train.jsonl --out dpo[/green]
    """
    from glasshouse.align import DpoConfig, reply_logprobs, train_dpo
    from glasshouse.align.direct import num_steps
    from glasshouse.models import LanguageModel

    adapters = lora_config(lora, lora_alpha, lora_dropout, target_modules)
    config = apply_overrides(DpoConfig(seed=seed), settings or ())
    with several_processes(shard=shard) as processes:
        learned, measured = held_out_pairs(
            read_pairs(pairs), None if test is None else read_pairs(test)
        )
        policy = load_for_training(model, adapters, seed=seed)
        tell_trained(policy)
        _, writes = chosen_layout(layout, policy)
        learned, measured = _fitting(policy, writes, learned), _fitting(policy, writes, measured)
        held = None if reference is None else LanguageModel.load(reference)
        before = None
        if processes.is_first:  # the only one that measures, and says what came of it
            before = reply_logprobs(held or policy, measured, writes)
        run = train_dpo(policy, learned, writes, config, reference=held, folder=out)
        try:
            last = _train(run, num_steps(sum(one.weight > 0 for one in learned), config), json=json)
        except KeyboardInterrupt:
            raise Stopped("stopped; the same command goes on with it") from None
    if before is None:
        return
    found = _measured(reply_logprobs(policy, measured, writes) - before, measured)
    if json:
        json_line({"path": shown_path(out), **found})
        return
    cost = (
        "" if last is None else f"; the last batch cost {last.loss:.3f} nats a pair (a coin: 0.693)"
    )
    talk(
        f"on {found['pairs']} comparisons it has not seen, {found['accuracy']:.3f} of the replies "
        f"that are preferred gained on the others, by {found['gain']:.2f} nats on average{cost}"
    )
    talk(f"Talk to it: glasshouse generate {quote(shown_path(out))} --prompt '…'")
    data(shown_path(out))


def _fitting(policy: LanguageModel, layout: Layout, pairs: list[Comparison]) -> list[Comparison]:
    """Those that the policy can read; what is too long is counted and told.

    Raises:
        InputError: If none is short enough.
    """
    from glasshouse.align.pairs.rows import encode_pair

    context, found = policy.network.config.context, []
    for one in pairs:
        try:
            encode_pair(layout, one, context)
        except InputError:
            continue
        found.append(one)
    if not found:
        raise InputError(
            f"every comparison has a reply as long as the context of {context} tokens; take a "
            "model with a longer one"
        )
    if len(found) < len(pairs):
        talk(
            f"{len(pairs) - len(found)} of {len(pairs)} comparisons left out, whose reply fills "
            f"the context of {context} tokens"
        )
    return found


def _train(run: Generator[DpoStep, None, None], total: int, *, json: bool) -> DpoStep | None:
    """Train to the end; returns the last step, or None where nothing was left to do."""
    from glasshouse.cli.progress import progress_bar

    last = None
    with progress_bar("a policy") as bar, closing(run) as training:
        for step in training:
            last = step
            bar(step.step, total, f"loss {step.loss:.3f}, prefers {step.accuracy:.2f}")
            if json:
                json_line(step)
    return last


def _measured(gain: Tensor, pairs: list[Comparison]) -> dict[str, Any]:
    """By how much the preferred replies gained on the others."""
    import torch

    p_first = torch.tensor([one.p_first for one in pairs])
    towards = torch.where(p_first >= 0.5, gain[:, 0] - gain[:, 1], gain[:, 1] - gain[:, 0])
    counted = towards[p_first != 0.5]
    right = (counted > 0).float() + 0.5 * (counted == 0).float()
    return {
        "pairs": len(counted),
        "accuracy": right.mean().item() if len(counted) else 0.5,
        "gain": counted.mean().item() if len(counted) else 0.0,
    }
