"""A whole checkpoint of a known family: a directory to our Transformer, and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch

from glasshouse.errors import InputError, RunError
from glasshouse.models.config import TransformerConfig
from glasshouse.models.huggingface.convert import to_ours, to_theirs
from glasshouse.models.huggingface.families import FAMILIES
from glasshouse.models.huggingface.family import Family
from glasshouse.models.huggingface.gemma import GEMMA3, GEMMA3_DEFAULTS, GEMMA3_WITH_EYES
from glasshouse.models.huggingface.settings import Settings
from glasshouse.models.huggingface.shards import WEIGHTS, read_tensors
from glasshouse.models.transformer import Transformer

CARRIED = (
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
"""Small files beside the weights that are given back as they came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a Hugging Face directory held besides the weights, kept for saving it again."""

    family: str
    """The model_type whose names the weights had."""
    settings: Mapping[str, Any]
    """Its config.json."""
    carried: Mapping[str, bytes]
    """Its small files, by name."""

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Tokens that end what it generates."""
        generation = self.carried.get("generation_config.json", b"{}")
        try:
            found = json.loads(generation).get("eos_token_id", self.settings.get("eos_token_id"))
        except (ValueError, AttributeError):
            found = None  # a damaged file that only transformers reads is not our concern
        ids = found if isinstance(found, list) else [found]
        return tuple(i for i in ids if isinstance(i, int) and not isinstance(i, bool))


def read_checkpoint(
    directory: Path, settings: Settings, *, allow_pickle: bool = False
) -> tuple[Transformer, Checkpoint]:
    """Read a checkpoint of a known family.

    Args:
        directory: Its folder.
        settings: Its config.json.
        allow_pickle: Whether old pickled weights may be read (see `read_tensors`).

    Raises:
        RunError: If the config lacks a field or asks for what our Transformer does not compute, or
            if weights are missing, damaged, pickled or of other shapes.
    """
    settings = language_part(settings)
    family = FAMILIES[settings.model_type]
    config = read_config(family, settings)
    tensors = read_tensors(directory, allow_pickle=allow_pickle)
    network = to_ours(family, config, tensors, directory)
    checkpoint = Checkpoint(
        family=family.model_type,
        settings=dict(settings.fields),
        carried=carried_files(directory),
    )
    return network, checkpoint


def carried_files(directory: Path) -> dict[str, bytes]:
    """The small files of a checkpoint."""
    paths = [directory / name for name in CARRIED]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def language_part(settings: Settings) -> Settings:
    """Of a Gemma 3 that also sees, the config of the part that reads and writes."""
    text = settings.part("text_config") if settings.model_type == GEMMA3_WITH_EYES else None
    if text is None:
        return settings
    shared = ("torch_dtype", "dtype", "eos_token_id", "bos_token_id", "pad_token_id")
    fields = {name: settings.fields[name] for name in shared if name in settings.fields}
    head = {"model_type": GEMMA3.model_type, "architectures": [GEMMA3.architecture]}
    return Settings(settings.path, GEMMA3_DEFAULTS | fields | dict(text.fields) | head)


def is_known(settings: Settings) -> bool:
    """Whether a config describes one of our families."""
    return language_part(settings).model_type in FAMILIES


def read_config(family: Family, settings: Settings) -> TransformerConfig:
    """Translate a config.

    Raises:
        RunError: If a field is missing or wrong, or fields contradict each other.
    """
    try:
        return family.read(settings)
    except RunError:
        raise
    except InputError as error:
        raise RunError(f"{settings.path} contradicts itself: {error}") from error


def write_checkpoint(
    directory: Path,
    network: Transformer,
    checkpoint: Checkpoint | None = None,
    *,
    end_id: int | None = None,
) -> None:
    """Write config.json and model.safetensors as transformers reads them.

    Args:
        directory: A folder that exists.
        network: The model.
        checkpoint: What it came from; None: the first family that can say what it is.
        end_id: The token that ends a text, for a network that came from no checkpoint.

    Raises:
        InputError: If no family, or not the one it came from, can say what the network is.
    """
    family, settings = describe(network.config, checkpoint)
    if checkpoint is None:  # transformers' defaults lie outside of small vocabularies
        settings |= {"bos_token_id": end_id, "eos_token_id": end_id, "pad_token_id": None}
    settings = with_dtype(settings, network)
    (directory / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    safetensors.torch.save_file(
        to_theirs(family, network), directory / WEIGHTS, metadata={"format": "pt"}
    )


def describe(
    config: TransformerConfig, checkpoint: Checkpoint | None
) -> tuple[Family, dict[str, Any]]:
    """Find a family whose config can say what ours says, and say it.

    What was written is read again, so a family is only taken if nothing is lost. A config that has
    not changed since it was read is given back word for word.

    Raises:
        InputError: If there is none; the message names what each would lose.
    """
    families, before = list(FAMILIES.values()), {}
    if checkpoint is not None:
        families = [FAMILIES[checkpoint.family]]
        before = dict(checkpoint.settings)
        if says(families[0], before) == resolved(config):
            return families[0], before
    lost = []
    for family in families:
        head = {"model_type": family.model_type, "architectures": [family.architecture]}
        told = before | head | family.write(config)
        again = says(family, told)
        if again != resolved(config):
            lost.append(f"{family.model_type} would lose {difference(again, resolved(config))}")
        elif family.whole_heads and config.d_model % config.attention.num_heads:
            heads = config.attention.num_heads
            lost.append(f"{family.model_type} takes no d_model={config.d_model} with {heads} heads")
        else:
            return family, told
    raise InputError(
        f"no Hugging Face layout can hold this network ({'; '.join(lost)}); "
        "save it with layout='glasshouse'"
    )


def says(family: Family, settings: dict[str, Any]) -> TransformerConfig | None:
    """What a config says in our words; None if it is not understood."""
    try:
        return resolved(family.read(Settings(Path("config.json"), settings)))
    except InputError:
        return None


def resolved(config: TransformerConfig) -> TransformerConfig:
    """The same network with every field spelled out that may be left to its default."""
    attention = replace(
        config.attention,
        num_kv_heads=config.num_kv_heads,
        d_head=config.d_head,
        qkv_bias=config.qkv_bias,
        out_bias=config.out_bias,
        scale=config.score_scale,
    )
    mlp = None if config.mlp is None else replace(config.mlp, bias=config.mlp_bias)
    # What is left for `bias` to say is whether LayerNorms have one; others have none.
    bias = config.bias and config.norm == "layer"
    return replace(config, attention=attention, mlp=mlp, bias=bias)


def difference(one: object, other: object) -> str:
    """Where the second of two configs first differs from the first, and its value there."""
    if is_dataclass(other) and type(one) is type(other):
        for field in fields(other):
            a, b = getattr(one, field.name), getattr(other, field.name)
            if a != b:
                inner = difference(a, b)
                return (
                    f"{field.name}.{inner}"
                    if is_dataclass(b) and "=" in inner
                    else f"{field.name}={b!r}"
                )
    return repr(other)


def with_dtype(settings: dict[str, Any], network: Transformer) -> dict[str, Any]:
    """A config that names the precision of the weights."""
    name = str(network.embed.weight.dtype).removeprefix("torch.")
    key = "dtype" if "dtype" in settings else "torch_dtype"
    return settings if settings.get(key) == name else settings | {key: name}
