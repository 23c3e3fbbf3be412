"""Low-rank adapters: of a frozen network, thin products beside its matrices are trained.

The adapters are those of the `peft` library, so that what is saved here loads there and the other
way round. A checkpoint of transformers is computed by transformers then, whose modules they are
named for; our Transformer takes them as it is. A run of a model with adapters keeps those alone,
and `LanguageModel.load` reads it with the model that they belong to, which nothing changes.

Source:
    Hu et al. 2021, "LoRA" (2106.09685), section 4.1.
"""

from dataclasses import replace
from pathlib import Path

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.models import AsIs, LanguageModel, adapters
from glasshouse.models.adapter_files import is_adapter_folder, read_adapters, write_adapters
from glasshouse.models.adapters import LoraConfig, add_adapters, merge_adapters
from glasshouse.models.files import read_model_settings
from glasshouse.models.find import find_model


def load_with_adapters(
    where: str | Path, config: LoraConfig, *, seed: int = 0, device: str = "cpu"
) -> LanguageModel:
    """Load a model for adapters to be trained beside it, which change nothing yet.

    Args:
        where: A run, a model directory or a hub id.
        config: Which adapters.
        seed: What they begin as is drawn from it.
        device: Where the weights go.

    Raises:
        RunError: If what is there cannot be read.
        InputError: As `with_adapters`.
    """
    folder = find_model(where)
    is_ours = is_adapter_folder(folder) or read_model_settings(folder).model_type == "glasshouse"
    model = LanguageModel.load(
        folder, device=device, implementation="auto" if is_ours else "transformers"
    )
    return with_adapters(model, config, seed=seed)


def with_adapters(model: LanguageModel, config: LoraConfig, *, seed: int = 0) -> LanguageModel:
    """The model with new adapters, which change nothing yet, and everything else frozen.

    The network is shared with `model`, and has them from now on.

    Raises:
        InputError: If peft is not installed, the network has adapters or no module of a target's
            name, or it is a checkpoint of another family that our Transformer computes: its
            modules are not those that peft's files name.
    """
    if model.checkpoint is not None and not isinstance(model.network, AsIs):
        raise InputError(
            f"adapters are named for the modules of {model.checkpoint.family} as transformers "
            "computes it; load the checkpoint with implementation='transformers'"
        )
    place = Path(model.origin)
    base = str(place.resolve()) if place.is_dir() else model.origin
    add_adapters(model.network, config, base=base, seed=seed)
    return model


def save_adapters(model: LanguageModel, directory: str | Path) -> None:
    """Write adapters alone, as peft does; the folder is whole or absent.

    Raises:
        InputError: If the model has none, or the folder holds something.
        OSError: If the disk is full.
    """
    folder = Path(directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already; choose a new folder to save into")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(folder) as draft:
        write_adapters(draft, model.network)


def load_adapters(model: LanguageModel, directory: str | Path) -> LanguageModel:
    """The model with adapters that were saved, here or by peft, whatever model they belong to.

    The network is shared with `model`, and has them from now on.

    Raises:
        InputError: If peft is not installed, or the model has adapters.
        RunError: If the folder holds no adapters, or they are another network's.
    """
    read_adapters(Path(directory), model.network)
    return model


def merged(model: LanguageModel) -> LanguageModel:
    """The model with its adapters worked into its matrices; it is then as any other.

    The network is shared with `model`. Where matrices are bf16, sums are rounded to that.

    Raises:
        InputError: If it has none, or a matrix that has one is the embedding as well.
    """
    merge_adapters(model.network)
    return replace(model, origin=f"{model.origin}, merged")


def has_adapters(model: LanguageModel) -> bool:
    """Whether a model has adapters beside its matrices."""
    return adapters.has_adapters(model.network)
