"""Names of activations: theirs and ours."""

from glasshouse.models.config import Activation
from glasshouse.models.huggingface.settings import Settings

PLAIN: dict[str, Activation] = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
GATED: dict[str, Activation] = {
    "silu": "swiglu",
    "swish": "swiglu",
    "gelu_pytorch_tanh": "geglu",
    "gelu_new": "geglu",
    "gelu_fast": "geglu",
}


def read_activation(
    settings: Settings, name: str, default: str, known: dict[str, Activation]
) -> Activation:
    """Translate an activation's name.

    Raises:
        RunError: If it is none of the known.
    """
    found = known.get(settings.word(name, default))
    if found is None:
        raise settings.unknown(name)
    return found


def write_activation(activation: Activation, known: dict[str, Activation]) -> str:
    """Their first name for an activation; that of the other table if theirs has none."""
    names = [name for name, ours in known.items() if ours == activation]
    return names[0] if names else activation
