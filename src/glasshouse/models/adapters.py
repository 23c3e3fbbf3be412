"""Low-rank adapters: of a frozen network, thin products beside its matrices are trained.

They are those of the `peft` library, put into a network where it stands: one of transformers keeps
its modules' names and peft's files fit it, and our Transformer stays one, with all that it can do.

Source:
    Hu et al. 2021, "LoRA" (2106.09685), section 4.1.
"""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from glasshouse.errors import InputError
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.models.parts import CappedUnembedding
from glasshouse.models.transformer import Transformer

ADAPTER = "default"
"""What peft calls the one adapter that we keep."""
ALL_LINEAR = "all-linear"
"""peft's word for every matrix but the unembedding."""
OUR_TARGETS = ("q", "v")
"""What has adapters in our Transformer unless it is told: what the paper's section 7.1 advises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """Which matrices get an adapter, and how thick it is."""

    rank: int = 8
    """Rank of each product."""
    alpha: float = 16.0
    """An adapter's product is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that is dropped in training."""
    targets: tuple[str, ...] | None = None
    """Names of the modules that get one, as `c_attn`; `all-linear`: every matrix but the
    unembedding; None: what peft knows of the architecture, and q and v in ours."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(
                f"rank={self.rank} of adapters must be at least 1; 8 is a common start"
            )
        if not self.alpha > 0 or not 0 <= self.dropout < 1:
            raise InputError(
                f"alpha={self.alpha} of adapters must be positive, and dropout={self.dropout} lie "
                "in [0, 1)"
            )
        if self.targets is not None and not (self.targets and all(self.targets)):
            raise InputError(
                f"target modules {','.join(self.targets)!r} want a name; give some as "
                "q_proj,v_proj, or leave them out"
            )


def add_adapters(
    network: Transformer | AsIs, config: LoraConfig, *, base: str, seed: int = 0
) -> None:
    """Give a network adapters, which change nothing yet, and freeze everything else, in place.

    Args:
        network: Ours, or one of transformers.
        config: Which adapters.
        base: The folder that the network came from, for whoever loads the adapters.
        seed: What they begin as is drawn from it.

    Raises:
        InputError: If peft is not installed, the network has adapters, or it has no matrix of a
            target's name.
    """
    peft = import_peft()
    if has_adapters(network):
        raise InputError(
            "the model has adapters already; train on with those, or merge them with "
            "`glasshouse align merge` first"
        )
    inner = inner_network(network)
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM" if isinstance(network, AsIs) else None,
        base_model_name_or_path=base,
        r=config.rank,
        lora_alpha=int(config.alpha) if config.alpha == int(config.alpha) else config.alpha,
        lora_dropout=config.dropout,
        target_modules=_targets(network, config.targets),
        fan_in_fan_out=any(_is_turned(module) for module in inner.modules()),
    )
    try:
        inject(network, settings, seed=seed)
    except ValueError as error:
        raise InputError(
            f"peft finds nothing to adapt in {_called(network)}: {_first_line(error)}; name "
            f"target modules, of which it has {_listed(network)}"
        ) from None


def inject(network: Transformer | AsIs, settings: Any, *, seed: int = 0) -> None:
    """Put adapters of peft's own config into a network, trainable and as if new.

    Raises:
        ValueError: peft's own, if they do not fit.
    """
    inner = inner_network(network)
    with torch.random.fork_rng(devices=[]), peft_quietly():
        torch.manual_seed(seed)
        import_peft().inject_adapter_in_model(settings, inner, ADAPTER)
    if isinstance(network, Transformer):
        for module in network.modules():
            if type(module) is _honest_linear().__base__:
                module.__class__ = _honest_linear()
    network.train(network.training)


def merge_adapters(network: Transformer | AsIs) -> None:
    """Work adapters into the matrices, in place; the network is then as any other.

    Raises:
        InputError: If it has none, a matrix that has one is also the embedding, or a sum is no
            number.
    """
    if not has_adapters(network):
        raise InputError("the model has no adapters; give it some with with_adapters")
    inner = inner_network(network)
    layer_kind = importlib.import_module("peft.tuners.tuners_utils").BaseTunerLayer
    found = {path: part for path, part in inner.named_modules() if isinstance(part, layer_kind)}
    tied = _tied(inner)
    for path, part in found.items():
        if id(part.get_base_layer().weight) in tied:
            raise InputError(
                f"{path} has an adapter and shares its matrix with another module, so that "
                "merging would change both; keep the adapters apart"
            )
    for path, part in found.items():
        try:
            with peft_quietly():
                part.merge(safe_merge=True)
        except ValueError as error:
            raise InputError(f"the adapter of {path} cannot be merged: {error}") from None
        parent, _, leaf = path.rpartition(".")
        setattr(inner.get_submodule(parent), leaf, part.get_base_layer())
    del inner.peft_config
    network.requires_grad_(True)
    network.train(network.training)


def has_adapters(network: nn.Module) -> bool:
    """Whether a network has adapters beside its matrices."""
    return hasattr(inner_network(network), "peft_config")


def adapter_settings(network: nn.Module) -> Any:
    """peft's own config of a network's adapters."""
    return inner_network(network).peft_config[ADAPTER]


def inner_network(network: nn.Module) -> Any:
    """What peft sees: transformers' own module, or ours."""
    return network.inner if isinstance(network, AsIs) else network


def import_peft() -> Any:
    """Import peft when it is needed, which is seldom.

    Raises:
        InputError: If it is not installed.
    """
    try:
        with peft_quietly():
            return importlib.import_module("peft")
    except ImportError:
        raise InputError(
            "adapters need peft; install it with `pip install glasshouse[lora]`"
        ) from None


@contextmanager
def peft_quietly() -> Iterator[None]:
    """Keep peft's advice to its developers, on what will change in others' code, from users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        # which of a network's matrices are turned is told of each by its class, and is set right
        warnings.filterwarnings("ignore", "fan_in_fan_out is set", UserWarning)
        yield


def _targets(network: Transformer | AsIs, asked: tuple[str, ...] | None) -> str | list[str] | None:
    """Target modules in peft's words.

    Raises:
        InputError: If a name that was asked for is no matrix.
    """
    is_ours = isinstance(network, Transformer)
    if asked is None:
        return list(OUR_TARGETS) if is_ours else None
    matrices = _matrices(network)
    if asked == (ALL_LINEAR,):
        # peft leaves the unembedding out by itself, where it knows which one that is.
        names = {_leaf(name) for name in matrices} - {"unembed"}
        return sorted(names) if is_ours else ALL_LINEAR
    for name in asked:
        if not any(one == name or one.endswith(f".{name}") for one in matrices):
            raise InputError(
                f"{name!r} names no matrix of {_called(network)} that can have an adapter; it has "
                f"{_listed(network)}"
            )
    return list(asked)


def _matrices(network: Transformer | AsIs) -> list[str]:
    """Paths of modules that can have an adapter: maps that nothing is done to, and of one user."""
    inner = inner_network(network)
    tied = _tied(inner)
    return [
        path
        for path, part in inner.named_modules()
        if (isinstance(part, nn.Linear) or _is_turned(part))
        and not isinstance(part, CappedUnembedding)
        and id(part.weight) not in tied
    ]


def _tied(inner: nn.Module) -> set[int]:
    """Parameters that several modules share, by identity."""
    seen: set[int] = set()
    twice: set[int] = set()
    for _, value in inner.named_parameters(remove_duplicate=False):
        (twice if id(value) in seen else seen).add(id(value))
    return twice


def _is_turned(module: nn.Module) -> bool:
    """Whether a matrix is kept as GPT-2 keeps them, inputs first."""
    return type(module).__name__ == "Conv1D"


def _listed(network: Transformer | AsIs) -> str:
    return ", ".join(sorted({_leaf(path) for path in _matrices(network)})) or "none"


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]


def _called(network: Transformer | AsIs) -> str:
    return network.config.architecture if isinstance(network, AsIs) else "our Transformer"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")


@cache
def _honest_linear() -> type:
    """peft's layer, whose `weight` is what it computes with.

    peft's own `weight` is the frozen matrix alone, and whatever reads weights (circuits, quick
    decoding) would take the model for the one that it was before.
    """
    kind = importlib.import_module("peft.tuners.lora").Linear

    class AdaptedLinear(kind):
        @property
        def weight(self) -> Any:
            frozen = self.base_layer.weight
            return frozen + self.get_delta_weight(ADAPTER).to(frozen.dtype)

    return AdaptedLinear
