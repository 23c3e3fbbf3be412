"""Architectures that our Transformer does not compute, run by transformers' own code.

Only code that transformers itself ships is run, never code that a checkpoint brings along.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.errors import InputError, RunError
from glasshouse.models.huggingface.settings import Settings
from glasshouse.models.huggingface.shards import INDEX, WEIGHTS, refuse_pickles

AFTER_UNEMBEDDING = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Fields of configs whose architectures compute something behind their unembedding."""
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


@dataclass(frozen=True, kw_only=True, slots=True)
class AsIsConfig:
    """What the laboratory must know of a network that it runs as it is."""

    architecture: str
    """Its class in transformers."""
    vocab_size: int
    """Number of token ids."""
    d_model: int
    """Width of what its unembedding reads."""
    context: int
    """Most tokens it is made to see at once; sys.maxsize if its config names no limit."""


class AsIs(nn.Module):
    """A causal language model of transformers behind the one method that every network has.

    Its values have the paths of transformers' modules as names, not the canonical ones.
    """

    def __init__(self, inner: nn.Module, config: AsIsConfig) -> None:
        super().__init__()
        self.inner: Any = inner
        self.config = config
        self.takes_positions = "position_ids" in inspect.signature(inner.forward).parameters

    def forward(
        self, ids: Int[Tensor, "batch seq"], *, starts: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch seq vocab"]:
        """Logits of the token after each token.

        Args:
            ids: Token ids.
            starts: First real token of each row that is padded on the left; None: no padding.
                Logits of padding mean nothing.
        """
        return self.inner(**self.arguments(ids, starts), use_cache=False).logits

    def features(
        self, ids: Int[Tensor, "batch seq"], *, starts: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch seq d_model"]:
        """Normed final residual stream: what the unembedding, or a reward head, reads."""
        body = self.inner.base_model
        return body(**self.arguments(ids, starts), use_cache=False).last_hidden_state

    @property
    def has_features(self) -> bool:
        """Whether its body can be run without its unembedding."""
        return self.inner.base_model is not self.inner

    def unembed(self, features: Float[Tensor, "... d_model"]) -> Float[Tensor, "... vocab"]:
        """Logits of features.

        Raises:
            InputError: If the architecture changes what its unembedding gives.
        """
        config = self.inner.config.get_text_config()
        odd = [name for name in AFTER_UNEMBEDDING if getattr(config, name, None) not in (None, 1)]
        if odd:
            raise InputError(
                f"{self.config.architecture} changes its logits ({odd[0]}), so that they are to be "
                "had from the whole network alone"
            )
        return self.inner.get_output_embeddings()(features)

    def arguments(
        self, ids: Int[Tensor, "batch seq"], starts: Int[Tensor, " batch"] | None
    ) -> dict[str, Tensor]:
        """The same in transformers' words."""
        if starts is None:
            return {"input_ids": ids}
        here = torch.arange(ids.shape[1], device=ids.device)
        arguments = {"input_ids": ids, "attention_mask": (here >= starts[:, None]).long()}
        if self.takes_positions:
            arguments["position_ids"] = (here - starts[:, None]).clamp(min=0)
        return arguments


class AsIsReading:
    """Rows that an `AsIs` has read, and reads on one token at a time.

    Keys and values are kept by transformers where the architecture keeps any; where it does not,
    every step reads the whole text again.
    """

    def __init__(
        self,
        network: AsIs,
        ids: Int[Tensor, "batch seq"],
        starts: Int[Tensor, " batch"] | None,
    ) -> None:
        self.network, self.ids = network, ids
        self.starts = torch.zeros_like(ids[:, 0]) if starts is None else starts
        self.past: Any = None

    def begin(self) -> Float[Tensor, "batch vocab"]:
        """Read the prompts; return the logits of what follows them."""
        arguments = self.network.arguments(self.ids, self.starts)
        output = self.network.inner(**arguments, use_cache=True)
        self.past = getattr(output, "past_key_values", None)
        return output.logits[:, -1]

    def step(self, token: Int[Tensor, "batch 1"]) -> Float[Tensor, "batch vocab"]:
        """Read one token more a row; return the logits of the next."""
        self.ids = torch.cat([self.ids, token], dim=1)
        arguments = self.network.arguments(self.ids, self.starts)
        if self.past is None:
            return self.network.inner(**arguments, use_cache=False).logits[:, -1]
        arguments |= {
            name: arguments[name][:, -1:]
            for name in ("input_ids", "position_ids")
            if name in arguments
        }
        output = self.network.inner(**arguments, past_key_values=self.past, use_cache=True)
        self.past = output.past_key_values
        return output.logits[:, -1]

    def keep(self, rows: Int[Tensor, " row"]) -> None:
        """Go on with some rows only."""
        self.ids, self.starts = self.ids[rows], self.starts[rows]
        if self.past is not None:
            self.past.batch_select_indices(rows)


def read_as_is(
    directory: Path,
    settings: Settings,
    *,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
) -> AsIs:
    """Load a checkpoint with transformers.

    Args:
        directory: The checkpoint.
        settings: Its config.json.
        dtype: Precision of the weights; None: as config.json says.
        allow_pickle: Whether old pickled weights may be read, with torch's `weights_only`.

    Raises:
        InputError: If transformers is not installed.
        RunError: If transformers does not know the architecture, or weights are missing, damaged
            or pickled.
    """
    transformers = import_transformers(f"{directory} is of type {settings.model_type!r}, which")
    if not allow_pickle and not any((directory / name).is_file() for name in (WEIGHTS, INDEX)):
        refuse_pickles(directory)
    try:
        with quietly(transformers):
            inner, report = transformers.AutoModelForCausalLM.from_pretrained(
                directory,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=None if allow_pickle else True,
                dtype="auto" if dtype is None else dtype,
                output_loading_info=True,
            )
    except Exception as error:  # transformers raises many kinds, RuntimeError among them
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise RunError(f"transformers cannot load {directory}: {reason}") from error
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])[0]
        raise RunError(f"{directory} does not fit its config.json: it lacks weight {missing!r}")
    inner.config.use_cache = False
    return AsIs(inner.eval(), config_of(inner))


def write_as_is(
    directory: Path, network: AsIs, layout: Literal["glasshouse", "huggingface"]
) -> None:
    """Let transformers write its own network.

    Raises:
        InputError: If another layout is asked for.
    """
    if layout != "huggingface":
        raise InputError(
            f"a network captured as it is ({network.config.architecture}) has no layout of "
            "glasshouse; save it with layout='huggingface'"
        )
    with quietly(import_transformers("saving this network")):
        network.inner.save_pretrained(directory)


def config_of(inner: Any) -> AsIsConfig:
    """Read off a network of transformers what the laboratory must know of it."""
    config = inner.config.get_text_config()
    sizes = [getattr(config, name, None) for name in CONTEXT_NAMES]
    return AsIsConfig(
        architecture=type(inner).__name__,
        vocab_size=inner.get_input_embeddings().num_embeddings,
        d_model=_width(inner),
        context=next((size for size in sizes if isinstance(size, int) and size > 0), sys.maxsize),
    )


def _width(inner: Any) -> int:
    unembedding = inner.get_output_embeddings()
    if unembedding is None:
        return inner.config.get_text_config().hidden_size
    return unembedding.weight.shape[-1]


def import_transformers(what: str) -> Any:
    """Import transformers when it is needed, which is seldom.

    Raises:
        InputError: If it is not installed; the message begins with `what`.
    """
    try:
        import transformers
    except ImportError:
        raise InputError(
            f"{what} needs transformers; install it with `pip install glasshouse[hf]`"
        ) from None
    return transformers


@contextmanager
def quietly(transformers: Any) -> Iterator[None]:
    """Keep transformers from drawing progress bars and logging warnings."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
