"""Which layers look back a short way only: `layer_types` of config.json, and ours."""

from collections.abc import Callable

from glasshouse.models.config import LocalConfig, TransformerConfig
from glasshouse.models.huggingface.settings import Settings


def sliding_layers(
    settings: Settings, num_layers: int, default: Callable[[int], bool]
) -> list[bool]:
    """Whether each layer has a window.

    Args:
        settings: The config; its `layer_types`, if it has them, count.
        num_layers: Layers of the model.
        default: The family's rule.

    Raises:
        RunError: If `layer_types` names another kind of attention, or another number of layers.
    """
    kinds = settings.fields.get("layer_types")
    if kinds is None:
        return [default(layer) for layer in range(num_layers)]
    if not isinstance(kinds, list) or not set(kinds) <= {"full_attention", "sliding_attention"}:
        raise settings.unknown("layer_types")
    if len(kinds) < num_layers:
        raise settings.wrong("layer_types", f"a list of {num_layers}")
    return [kind == "sliding_attention" for kind in kinds[:num_layers]]


def local_layers(
    window: int, sliding: list[bool], *, rotary_base: float | None = None
) -> LocalConfig | None:
    """Our words for it; None if no layer has a window."""
    if not any(sliding):
        return None
    others = tuple(layer for layer, is_sliding in enumerate(sliding) if not is_sliding)
    return LocalConfig(window=window, global_layers=others, rotary_base=rotary_base)


def layer_types(config: TransformerConfig) -> list[str]:
    """Their words for it."""
    return [
        "sliding_attention" if config.is_local(layer) else "full_attention"
        for layer in range(config.num_layers)
    ]
