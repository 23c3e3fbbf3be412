"""`glasshouse align rl`: a policy learns from its own replies what a preference model likes."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.layouts import LayoutName, chosen_layout
from glasshouse.cli.align.left_out import kept_lines
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.options import AsJson, Seed, Settings, named_path
from glasshouse.cli.overrides import apply_overrides
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align.policies import PolicyConfig, PolicyStep, Reply, Stop, Watch
    from glasshouse.models import LanguageModel
    from glasshouse.world.requests import Request
else:
    # all import torch, which `--help` has no time for
    LanguageModel = PolicyConfig = PolicyStep = Reply = Request = Any
    Stop = Watch = Any

WORLD = "world"
_WORLD_REQUESTS = 1024
"""Requests of the toy world that training draws from, half of them harmful."""


def rl(
    model: Model,
    judge: Annotated[
        Path,
        typer.Option(
            parser=named_path, metavar="PATH", help="The preference model: a folder of `align pm`."
        ),
    ],
    prompts: Annotated[
        str,
        typer.Option(
            metavar="FILE|world",
            help="JSON lines of prompts or dialogues; or `world`: requests of the toy world, whose "
            "gold reward is then told beside the judge's.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="The folder to make; one that was stopped is gone on with.",
        ),
    ],
    algorithm: Annotated[
        str, typer.Option(help="What replies are compared with: ppo, grpo, rloo or reinforce.")
    ] = "ppo",
    world_seed: Annotated[
        int, typer.Option(metavar="SEED", help="Which toy world --prompts world means.")
    ] = 0,
    kl_budget: Annotated[
        float | None,
        typer.Option(metavar="NATS", help="Stop once the policy is so far from where it began."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            help="With --prompts world: stop when gold reward has not risen for so many steps.",
        ),
    ] = None,
    retokenise: Annotated[
        bool,
        typer.Option("--retokenise", help="Let a judge of another tokenizer read the words."),
    ] = False,
    layout: LayoutName = None,
    seed: Seed = 0,
    settings: Settings = None,
    json: AsJson = False,
) -> None:
    """Train a policy on its own replies, rewarded by a preference model and held near its start.

    Lines of a file hold `prompt`, or dialogues as `align sft` reads them, whose last reply is left
    out. The folder holds metrics.jsonl and checkpoints, and loads as any run does. Fields for
    --set: steps, prompts_per_step, replies_per_prompt, kl_weight, max_new_tokens,
    schedule.peak_lr, update.epochs, rewards.kl, …

    [green]glasshouse align rl runs/assistant --judge pm --prompts world --out runs/rl[/green]
    """
    from glasshouse.align import load_preference_model
    from glasshouse.align.policies import PolicyConfig, judge_reward, train_policy
    from glasshouse.models import LanguageModel

    if algorithm not in ("ppo", "grpo", "rloo", "reinforce"):
        raise InputError(f"--algorithm {algorithm!r} must be one of ppo, grpo, rloo, reinforce")
    config = apply_overrides(PolicyConfig(algorithm=algorithm, seed=seed), settings or ())
    policy = LanguageModel.load(model)
    reward = judge_reward(load_preference_model(judge), policy=policy, retokenise=retokenise)
    stops = _stops(kl_budget, patience, is_world=prompts == WORLD)
    asked, watch = (
        _world_prompts(policy, world_seed, config)
        if prompts == WORLD
        else (_file_prompts(policy, Path(prompts), layout, config), None)
    )
    steps = train_policy(policy, asked, reward, config, watch=watch, stop=stops, folder=out)
    try:
        with closing(steps):
            found = _train(steps, config, json=json)
    except KeyboardInterrupt:
        raise Stopped("stopped; the same command goes on with it") from None
    _tell(out, found, json=json)


def _stops(kl_budget: float | None, patience: int | None, *, is_world: bool) -> list[Stop]:
    from glasshouse.align.policies import GoldPeak, KlBudget

    if patience is not None and not is_world:
        raise InputError(
            f"--patience {patience} waits for gold reward, which only --prompts world has; use "
            "--kl-budget"
        )
    found: list[Stop] = []
    if kl_budget is not None:
        found.append(KlBudget(kl_budget))
    if patience is not None:
        found.append(GoldPeak(patience))
    return found


def _world_prompts(
    policy: LanguageModel, seed: int, config: PolicyConfig
) -> tuple[list[list[int]], Watch]:
    """Requests of a toy world, and what watches their gold reward."""
    from glasshouse.world import World

    world = World(seed)
    vocabulary = policy.tokenizer.core.get_vocab()
    if any(vocabulary.get(word) != place for place, word in enumerate(world.vocabulary.words)):
        raise InputError(
            f"the model does not speak the words of world {seed}; name its world with "
            "--world-seed, or prompts of its own with --prompts FILE"
        )
    asked: dict[tuple[int, ...], Request] = {}
    for number in range(_WORLD_REQUESTS):
        request = world.request(("helpful", "harmful")[number % 2], number, "train")
        asked[tuple(map(int, world.prompt_ids(request)))] = request
    found = _fitting([list(prompt) for prompt in asked], policy, config, "requests")

    def watch(replies: Sequence[Reply]) -> Mapping[str, float]:
        golds = [world.gold(asked[tuple(reply.prompt)], reply.ids) for reply in replies]
        return {
            "gold": sum(gold.reward for gold in golds) / len(golds),
            "evasive": sum(gold.evasive for gold in golds) / len(golds),
        }

    return found, watch


def _file_prompts(
    policy: LanguageModel, path: Path, layout: str | None, config: PolicyConfig
) -> list[list[int]]:
    """Prompts of a file, in the layout that the policy reads.

    Raises:
        InputError: If the file cannot be read, or no line of it is a prompt that fits.
    """
    from glasshouse.align.talks.files import split_prompts

    _, writes = chosen_layout(layout, policy)
    found = [writes(one, opens_reply=True).ids for one in kept_lines(path, split_prompts(path))]
    return _fitting(found, policy, config, str(path))


def _fitting(
    prompts: list[list[int]], policy: LanguageModel, config: PolicyConfig, what: str
) -> list[list[int]]:
    """Prompts that leave room for a reply; others are counted and told.

    Raises:
        InputError: If none does.
    """
    context = policy.network.config.context
    found = [p for p in prompts if len(p) + config.max_new_tokens <= context + 1]
    if not found:
        raise InputError(
            f"{what}: no prompt leaves room for max_new_tokens={config.max_new_tokens} in the "
            f"context of {context} tokens; lower it with --set, or take a model with a longer one"
        )
    if len(found) < len(prompts):
        talk(
            f"{what}: {len(prompts) - len(found)} of {len(prompts)} prompts left out, which leave "
            f"no room for {config.max_new_tokens} tokens in the context of {context}"
        )
    return found


def _train(steps: Any, config: PolicyConfig, *, json: bool) -> list[PolicyStep]:
    """Train to the end; returns what the steps told."""
    from glasshouse.align.policies.keeping import plain
    from glasshouse.cli.progress import progress_bar

    found: list[PolicyStep] = []
    with progress_bar("a policy") as bar:
        for step in steps:
            found.append(step)
            gold = f", gold {step.watched['gold']:.3f}" if "gold" in step.watched else ""
            bar(step.step, config.steps, f"reward {step.reward:.3f}{gold}, {step.kl:.2f} nats")
            if json:
                json_line(plain(step))
    return found


def _tell(out: Path, found: list[PolicyStep], *, json: bool) -> None:
    folder = shown_path(out)
    if not found:
        talk(f"{folder} is finished")
    else:
        first, last = found[0], found[-1]
        gold = ""
        if "gold" in last.watched:
            gold = f", gold reward from {first.watched['gold']:.3f} to {last.watched['gold']:.3f}"
        talk(
            f"reward from {first.reward:.3f} to {last.reward:.3f}{gold}, {last.kl:.2f} nats from "
            f"where it began; {last.ended:.0%} of replies end, after {last.length:.1f} tokens on "
            "average"
        )
        if last.stopped:
            talk(f"stopped at step {last.step}: {last.stopped}")
    talk(f"Talk to it: glasshouse generate {quote(folder)} --prompt '…'")
    if not json:
        data(folder)
