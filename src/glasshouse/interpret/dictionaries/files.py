"""Dictionaries on disk: our own layout, SAELens' and sparsify's.

Ours is `dictionary.json`, the configuration, and `dictionary.safetensors`. The layouts of others
know no scale of values, so it is folded into the weights; what they hold gives the same codes and
reconstructions. A folder is told by what lies in it.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically
from glasshouse.interpret.dictionaries.dictionary import Dictionary, DictionaryConfig
from glasshouse.interpret.dictionaries.kinds import BatchTopK, Gated, JumpReLU, Kind, ReLU, TopK

FORMAT = 1
Layout = Literal["glasshouse", "saelens", "sparsify"]
"""Whose files."""

_KINDS: dict[str, type] = {
    "relu": ReLU,
    "topk": TopK,
    "batchtopk": BatchTopK,
    "jumprelu": JumpReLU,
    "gated": Gated,
}
_OWN = ("dictionary.json", "dictionary.safetensors")
_SAELENS = ("cfg.json", "sae_weights.safetensors")
_SPARSIFY = ("cfg.json", "sae.safetensors")


def save_dictionary(
    dictionary: Dictionary, directory: str | Path, *, layout: Layout = "glasshouse"
) -> None:
    """Write a dictionary, whole or not at all.

    Args:
        dictionary: What to write.
        directory: The folder to make; it must not exist, or be empty.
        layout: Whose files to write.

    Raises:
        InputError: If the layout has no word for this kind, or the folder holds something.
        OSError: If the disk is full; no folder is left.
    """
    folder = Path(directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already; name a folder that does not exist yet")
    if layout == "glasshouse":
        tensors, config = dict(dictionary.state_dict()), own_config(dictionary.config)
        names = _OWN
    elif layout == "saelens":
        tensors, config, names = *_to_saelens(dictionary), _SAELENS
    else:
        tensors, config, names = *_to_sparsify(dictionary), _SPARSIFY
    kept = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(folder) as draft:
        (draft / names[0]).write_text(json.dumps(config, indent=1) + "\n")
        safetensors.torch.save_file(kept, draft / names[1])


def load_dictionary(directory: str | Path, *, value: str | None = None) -> Dictionary:
    """Read a dictionary of any layout.

    Args:
        directory: The folder.
        value: The name of the value that it will be used on; None: do not ask.

    Raises:
        RunError: If the folder is missing, damaged or of no known layout.
        InputError: If it was made for a value of another name, or is of a kind that is not known.
    """
    folder = Path(directory)
    if (folder / _OWN[0]).is_file():
        found = _from_own(folder)
    elif (folder / _SAELENS[1]).is_file():
        found = _from_saelens(folder)
    elif (folder / _SPARSIFY[1]).is_file():
        found = _from_sparsify(folder)
    else:
        raise RunError(
            f"{folder} holds no dictionary: neither {_OWN[0]} nor {_SAELENS[1]} nor {_SPARSIFY[1]}"
        )
    made_for = found.config.value
    if value is not None and made_for and made_for != value:
        raise InputError(f"{folder} was made for {made_for}, not for {value}; name that value")
    return found.eval()


def own_name(hook: str) -> str:
    """Our name of a value that others call by a hook's: `blocks.3.hook_resid_post`."""
    plain = hook.replace("hook_", "")
    return plain.replace(".mlp_out", ".mlp.out").replace(".attn_out", ".attn.out")


def own_config(config: DictionaryConfig) -> dict[str, Any]:
    """A configuration as plain values."""
    plain = asdict(config)
    name = next(n for n, kind in _KINDS.items() if isinstance(config.kind, kind))
    return {"format": FORMAT, **plain, "kind": {"name": name, **plain["kind"]}}


def config_of(plain: dict[str, Any]) -> DictionaryConfig:
    """A configuration from plain values.

    Raises:
        RunError: If they are of another format.
    """
    if plain.get("format") != FORMAT:
        raise RunError(f"the dictionary has format {plain.get('format')}, not {FORMAT}")
    try:
        kind = dict(plain["kind"])
        made = _KINDS[kind.pop("name")]
        if "prefixes" in kind:
            kind["prefixes"] = tuple(kind["prefixes"])
        rest = {key: plain[key] for key in ("d_in", "num_latents", "d_out", "value", "target")}
        parts = tuple(plain.get("parts", ()))
        return DictionaryConfig(kind=made(**kind), parts=parts, **rest)
    except (KeyError, TypeError) as error:
        raise RunError(f"the dictionary's configuration is damaged: {error!r}") from None


def _from_own(folder: Path) -> Dictionary:
    dictionary = Dictionary(config_of(_json(folder / _OWN[0])))
    return _filled(dictionary, _tensors(folder / _OWN[1]), folder)


def _filled(dictionary: Dictionary, tensors: dict[str, Tensor], folder: Path) -> Dictionary:
    state = {**dictionary.state_dict(), **tensors}
    try:
        dictionary.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise RunError(f"the weights in {folder} do not fit its configuration: {first}") from None
    return dictionary


def _folded(dictionary: Dictionary) -> dict[str, Tensor]:
    """Weights for values as the model has them."""
    if not dictionary.config.is_autoencoder or dictionary.config.parts:
        raise InputError(
            "this layout is for autoencoders; write transcoders and crosscoders in our own"
        )
    scale, bias = dictionary.input_scale, dictionary.decoder_bias / dictionary.output_scale
    return {
        "encoder": dictionary.read_weights() * scale,
        "encoder_bias": dictionary.encoder_bias,
        "decoder": dictionary.write_weights() / dictionary.output_scale,
        "decoder_bias": bias,
    }


def _to_saelens(dictionary: Dictionary) -> tuple[dict[str, Tensor], dict[str, Any]]:
    kind, weights = dictionary.config.kind, _folded(dictionary)
    tensors = {
        "W_enc": weights["encoder"].T,
        "b_enc": weights["encoder_bias"],
        "W_dec": weights["decoder"],
        "b_dec": weights["decoder_bias"],
    }
    config: dict[str, Any] = {
        "d_in": dictionary.config.d_in,
        "d_sae": dictionary.num_latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": not dictionary.is_tied,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"hook_name": dictionary.config.value},
    }
    if isinstance(kind, TopK):
        # Latents are compared as they are; rescaling by the decoder's lengths would reorder them.
        config |= {"architecture": "topk", "k": kind.k, "rescale_acts_by_decoder_norm": False}
    elif isinstance(kind, BatchTopK | JumpReLU):
        # Outside of training, a batch's threshold is a threshold like any other.
        alone = isinstance(kind, JumpReLU)
        threshold = dictionary.log_threshold.exp() if alone else dictionary.threshold
        tensors["threshold"] = threshold.expand(dictionary.num_latents)
        config["architecture"] = "jumprelu"
    elif isinstance(kind, Gated):
        tensors["b_mag"] = tensors.pop("b_enc")
        tensors |= {"b_gate": dictionary.gate_bias, "r_mag": dictionary.log_gain}
        config["architecture"] = "gated"
    else:
        config["architecture"] = "standard"
    return tensors, config


def _from_saelens(folder: Path) -> Dictionary:
    config, tensors = _json(folder / _SAELENS[0]), _tensors(folder / _SAELENS[1])
    architecture = config.get("architecture", "standard")
    kinds: dict[str, Kind] = {
        "standard": ReLU(),
        "topk": TopK(k=max(int(config.get("k", 0)), 1)),
        "jumprelu": JumpReLU(),
        "gated": Gated(),
    }
    if architecture not in kinds:
        raise InputError(
            f"{folder} is of SAELens' architecture {architecture!r}; there are {', '.join(kinds)}"
        )
    if architecture == "topk" and not config.get("k"):
        raise RunError(f"{folder / _SAELENS[0]} does not say how many latents are active (k)")
    for key in ("normalize_activations", "reshape_activations"):
        if config.get(key, "none") not in ("none", None):
            raise InputError(f"{folder} has {key}={config[key]!r}; fold it into the weights first")
    try:
        weights = {
            "encoder": tensors["W_enc"].T.contiguous(),
            "encoder_bias": tensors["b_mag" if architecture == "gated" else "b_enc"],
            "decoder": tensors["W_dec"],
            "decoder_bias": tensors["b_dec"],
        }
        if architecture == "jumprelu":
            weights["log_threshold"] = tensors["threshold"].clamp(min=1e-12).log()
        if architecture == "gated":
            weights |= {"gate_bias": tensors["b_gate"], "log_gain": tensors["r_mag"]}
    except KeyError as error:
        raise RunError(f"the weights in {folder} lack {error}") from None
    if not config.get("apply_b_dec_to_input", True):
        # x W + b = (x - c) W + (b + c W): what is not subtracted is added again.
        shift = weights["encoder"] @ weights["decoder_bias"]
        for name in ("encoder_bias", "gate_bias"):
            if name in weights:
                gain = (
                    weights["log_gain"].exp()
                    if architecture == "gated" and name == "encoder_bias"
                    else 1.0
                )
                weights[name] = weights[name] + shift * gain
    if config.get("rescale_acts_by_decoder_norm", False):
        lengths = weights["decoder"].norm(dim=1)
        weights["encoder"] = weights["encoder"] * lengths[:, None]
        weights["encoder_bias"] = weights["encoder_bias"] * lengths
        weights["decoder"] = weights["decoder"] / lengths.clamp(min=1e-12)[:, None]
    hook = str((config.get("metadata") or {}).get("hook_name") or config.get("hook_name") or "")
    return _plain(kinds[architecture], weights, own_name(hook), folder)


def _to_sparsify(dictionary: Dictionary) -> tuple[dict[str, Tensor], dict[str, Any]]:
    kind, weights = dictionary.config.kind, _folded(dictionary)
    if not isinstance(kind, TopK):
        raise InputError("sparsify's layout is for TopK dictionaries")
    tensors = {
        "encoder.weight": weights["encoder"],
        "encoder.bias": weights["encoder_bias"],
        "W_dec": weights["decoder"],
        "b_dec": weights["decoder_bias"],
    }
    config = {
        "activation": "topk",
        "expansion_factor": 32,
        "normalize_decoder": True,
        "num_latents": dictionary.num_latents,
        "k": kind.k,
        "multi_topk": False,
        "skip_connection": False,
        "transcode": False,
        "d_in": dictionary.config.d_in,
    }
    return tensors, config


def _from_sparsify(folder: Path) -> Dictionary:
    config, tensors = _json(folder / _SPARSIFY[0]), _tensors(folder / _SPARSIFY[1])
    for key, plain in (("activation", "topk"), ("transcode", False), ("skip_connection", False)):
        if config.get(key, plain) != plain:
            raise InputError(f"{folder} has {key}={config[key]!r}; only {plain!r} is known")
    try:
        weights = {
            "encoder": tensors["encoder.weight"],
            "encoder_bias": tensors["encoder.bias"],
            "decoder": tensors["W_dec"],
            "decoder_bias": tensors["b_dec"],
        }
        kind = TopK(k=int(config["k"]))
    except KeyError as error:
        raise RunError(f"the files in {folder} lack {error}") from None
    return _plain(kind, weights, "", folder)


def _plain(kind: Kind, weights: dict[str, Tensor], value: str, folder: Path) -> Dictionary:
    """A dictionary of weights that know no scale."""
    latents, width = weights["encoder"].shape
    config = DictionaryConfig(d_in=width, num_latents=latents, kind=kind, value=value)
    full = {name: value.float() for name, value in weights.items()}
    return _filled(Dictionary(config), full, folder)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise RunError(f"{path} is no configuration of a dictionary")
    return found


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
