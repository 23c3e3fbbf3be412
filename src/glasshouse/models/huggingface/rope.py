"""Rotary positions as config.json describes them, in the older words and in the newer ones."""

from typing import Any

from glasshouse.models.config import PositionConfig, RotaryScaling
from glasshouse.models.huggingface.settings import Settings


def read_rotary(
    settings: Settings,
    *,
    base: float = 10_000.0,
    fraction: float = 1.0,
    names: tuple[str, str] = ("rope_theta", "partial_rotary_factor"),
) -> PositionConfig:
    """Read base, fraction and scaling.

    Args:
        settings: The whole config: `rope_parameters`, or the older `rope_scaling` and names.
        base: Where the config names none.
        fraction: The same.
        names: Older names of base and fraction, which stand beside `rope_scaling`.

    Raises:
        RunError: If the kind of scaling is none of ours, or a field is no number.
    """
    older_base = settings.number(names[0], base)
    older_fraction = settings.number(names[1], fraction)
    rope = settings.part("rope_scaling") or settings.part("rope_parameters")
    rope = rope or Settings(settings.path, {})
    return PositionConfig(
        kind="rotary",
        rotary_base=rope.number("rope_theta", older_base),
        rotary_fraction=rope.number("partial_rotary_factor", older_fraction),
        rotary_scaling=read_scaling(rope, context=settings.whole("max_position_embeddings", 2048)),
    )


def read_scaling(rope: Settings, *, context: int) -> RotaryScaling | None:
    """Read how rotary positions are slowed; None if they are not.

    Raises:
        RunError: If it is a kind that our Transformer does not compute, or a field is missing.
    """
    name = "rope_type" if rope.has("rope_type") else "type"
    match rope.word(name, "default"):
        case "default":
            return None
        case "linear":
            return RotaryScaling(kind="linear", factor=rope.number("factor"))
        case "llama3":
            return RotaryScaling(
                kind="llama3",
                factor=rope.number("factor"),
                low=rope.number("low_freq_factor"),
                high=rope.number("high_freq_factor"),
                original_context=rope.whole("original_max_position_embeddings", context),
            )
        case _:
            raise rope.unknown(name)


def write_rotary(positions: PositionConfig) -> dict[str, Any]:
    """Describe base and scaling in the older words, which every version understands."""
    return {
        "rope_theta": positions.rotary_base,
        "rope_scaling": write_scaling(positions.rotary_scaling),
    }


def write_scaling(scaling: RotaryScaling | None) -> dict[str, Any] | None:
    """Describe how rotary positions are slowed."""
    if scaling is None:
        return None
    if scaling.kind == "linear":
        return {"rope_type": "linear", "factor": scaling.factor}
    return {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low,
        "high_freq_factor": scaling.high,
        "original_max_position_embeddings": scaling.original_context,
    }
