"""Low-rank adapters on the command line: `--lora RANK`, and what else peft lets one say of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import talk
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import LoraConfig
    from glasshouse.models import LanguageModel
else:
    # both import torch, which `--help` has no time for
    LanguageModel = LoraConfig = Any

Lora = Annotated[
    int | None,
    typer.Option(
        "--lora",
        metavar="RANK",
        help="Train low-rank adapters of this rank (peft's r), and leave the model's own weights "
        "as they are. What is kept is the adapters, as peft has them.",
    ),
]
LoraAlpha = Annotated[
    float | None,
    typer.Option(
        metavar="ALPHA",
        help="With --lora: adapters count ALPHA / RANK times; by default twice.",
    ),
]
LoraDropout = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="With --lora: share of adapters' inputs that is dropped."),
]
TargetModules = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="With --lora: which modules have one, as q_proj,v_proj; all-linear: every matrix but "
        "the unembedding. By default what peft does with the architecture, and q,v in our own.",
    ),
]


def lora_config(
    rank: int | None, alpha: float | None, dropout: float | None, targets: str | None
) -> LoraConfig | None:
    """What was asked for; None without --lora.

    Raises:
        InputError: If it contradicts itself.
    """
    if rank is None:
        said = {"--lora-alpha": alpha, "--lora-dropout": dropout, "--target-modules": targets}
        for option, value in said.items():
            if value is not None:
                raise InputError(f"{option} {value} says how --lora RANK is done; give a rank")
        return None
    from glasshouse.align import LoraConfig

    names = None if targets is None else tuple(name.strip() for name in targets.split(","))
    return LoraConfig(
        rank=rank,
        alpha=2.0 * rank if alpha is None else alpha,
        dropout=dropout or 0.0,
        targets=names,
    )


def load_for_training(model: str, lora: LoraConfig | None, *, seed: int) -> LanguageModel:
    """Load what is to be trained: the whole of it, or adapters beside it.

    Raises:
        InputError: As `load_with_adapters`.
    """
    from glasshouse.align import load_with_adapters
    from glasshouse.models import LanguageModel

    if lora is None:
        return LanguageModel.load(model)
    return load_with_adapters(model, lora, seed=seed)


def lora_recipe(lora: LoraConfig | None) -> dict[str, Any]:
    """What run.json keeps of it."""
    from dataclasses import asdict

    return {} if lora is None else {"lora": asdict(lora)}


def tell_trained(model: LanguageModel) -> None:
    """Say how much of a model with adapters is trained; nothing of one without."""
    from glasshouse.align import has_adapters

    if not has_adapters(model):
        return
    sizes = [(p.numel(), p.requires_grad) for p in model.network.parameters()]
    total, own = sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)
    talk(f"{own:,} numbers of adapters are trained, beside {total - own:,} that stay")
