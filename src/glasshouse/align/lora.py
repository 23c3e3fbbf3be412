"""Low-rank adapters: of a frozen network, thin products beside its matrices are trained.

The adapters are those of the `peft` library, so that what is saved here loads there and the other
way round. They fit networks that transformers computes; load a checkpoint of a known architecture
with `implementation="transformers"`.

Source:
    Hu et al. 2021, "LoRA" (2106.09685), section 4.1.
"""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically
from glasshouse.models import AsIs, LanguageModel


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
    """Names of the modules that get one, as `c_attn`; None: what peft knows of the architecture."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise InputError(
                f"rank={self.rank} must be at least 1, alpha={self.alpha} positive and dropout="
                f"{self.dropout} in [0, 1)"
            )


def with_adapters(model: LanguageModel, config: LoraConfig) -> LanguageModel:
    """The model with new adapters, which change nothing yet, and everything else frozen.

    The network is shared with `model`, which is frozen with it.

    Raises:
        InputError: If the network is not one of transformers, peft is not installed, or it finds
            no module of a target's name.
    """
    network = _as_is(model)
    peft = _peft()
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=None if config.targets is None else list(config.targets),
        fan_in_fan_out=_is_transposed(network.inner),
    )
    try:
        inner = peft.get_peft_model(network.inner, settings)
    except ValueError as error:
        raise InputError(
            f"peft finds nothing to adapt in {network.config.architecture}: {error}; name modules "
            "with targets"
        ) from None
    return _around(model, inner.eval())


def save_adapters(model: LanguageModel, directory: str | Path) -> None:
    """Write adapters alone, as peft does; the folder is whole or absent.

    Raises:
        InputError: If the model has none, or the folder holds something.
        OSError: If the disk is full.
    """
    inner, folder = _adapted(model), Path(directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already; choose a new folder to save into")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(folder) as draft:
        inner.save_pretrained(draft)


def load_adapters(
    model: LanguageModel, directory: str | Path, *, is_trainable: bool = False
) -> LanguageModel:
    """The model with adapters that were saved, here or by peft.

    Args:
        model: What they were trained beside.
        directory: The folder.
        is_trainable: Whether training goes on with them.

    Raises:
        InputError: If the network is not one of transformers, or peft is not installed.
        RunError: If the folder holds no adapters, or they are another network's.
    """
    network, peft = _as_is(model), _peft()
    try:
        inner = peft.PeftModel.from_pretrained(
            network.inner, str(directory), is_trainable=is_trainable
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RunError(f"{directory} holds no adapters for this model: {reason}") from None
    return _around(model, inner.eval())


def merged(model: LanguageModel) -> LanguageModel:
    """The model with its adapters worked into its matrices; it is then as any other.

    Raises:
        InputError: If it has none.
    """
    return _around(model, _adapted(model).merge_and_unload().eval())


def has_adapters(model: LanguageModel) -> bool:
    """Whether a model has adapters beside its matrices."""
    return isinstance(model.network, AsIs) and hasattr(model.network.inner, "merge_and_unload")


def _around(model: LanguageModel, inner: Any) -> LanguageModel:
    network = _as_is(model)
    changed = AsIs(inner, network.config)
    # What wraps a network takes its arguments without naming them.
    changed.takes_positions = network.takes_positions
    return replace(model, network=changed)


def _as_is(model: LanguageModel) -> AsIs:
    if not isinstance(model.network, AsIs):
        raise InputError(
            "adapters need a network that transformers computes; load the checkpoint with "
            "implementation='transformers'"
        )
    return model.network


def _is_transposed(inner: Any) -> bool:
    """Whether matrices are kept as GPT-2 keeps them, inputs first."""
    return any(type(module).__name__ == "Conv1D" for module in inner.modules())


def _adapted(model: LanguageModel) -> Any:
    if not has_adapters(model):
        raise InputError("the model has no adapters; give it some with with_adapters")
    return _as_is(model).inner


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError:
        raise InputError(
            "adapters need peft; install it with `pip install glasshouse[lora]`"
        ) from None
