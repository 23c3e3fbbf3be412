"""A learned dictionary: sparse autoencoders, transcoders and crosscoders are one module.

What goes in and what must come out are chosen by whoever fetches them. The same value on both sides
makes an autoencoder, two values a transcoder, several values laid side by side a crosscoder, whose
`parts` say where one ends.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.fused import encode_topk, select
from glasshouse.interpret.dictionaries.kinds import BatchTopK, Gated, JumpReLU, Kind, ReLU, TopK


@dataclass(frozen=True, kw_only=True, slots=True)
class DictionaryConfig:
    """The shape of a dictionary."""

    d_in: int
    """Width of the value that is encoded."""
    num_latents: int
    """How many latents it has."""
    kind: Kind
    """What makes its codes sparse."""
    d_out: int | None = None
    """Width of the value that is rebuilt, where that is another one; None: the same value."""
    value: str = ""
    """Name of the value it was made for, such as `blocks.3.resid_post`; empty: not said."""
    target: str = ""
    """Name of the value that comes out, where that is another one."""
    parts: tuple[int, ...] = ()
    """Widths of the values that lie side by side in what comes out, for a crosscoder; each has a
    scale of its own, and a length of its own in penalties. Empty: one value."""

    def __post_init__(self) -> None:
        if self.d_in < 1 or self.num_latents < 1 or (self.d_out is not None and self.d_out < 1):
            raise InputError(
                f"d_in={self.d_in}, d_out={self.d_out} and num_latents={self.num_latents} must be "
                "at least 1"
            )
        width = self.d_in if self.d_out is None else self.d_out
        if self.parts and (sum(self.parts) != width or min(self.parts) < 1):
            raise InputError(f"parts={self.parts} must be widths that add up to {width}")
        if isinstance(self.kind, TopK | BatchTopK) and self.kind.k > self.num_latents:
            raise InputError(
                f"k={self.kind.k} active latents cannot be had of num_latents={self.num_latents}"
            )
        if isinstance(self.kind, ReLU) and self.kind.decoder == "tied" and not self.is_autoencoder:
            raise InputError("a tied decoder rebuilds the value that it reads; leave d_out out")

    @property
    def is_autoencoder(self) -> bool:
        """Whether it rebuilds what it reads."""
        return self.d_out is None


class Dictionary(nn.Module):
    """Encodes a value in few latents and rebuilds it, or another one, from their directions.

    Values are scaled before anything else, so that penalties and thresholds mean the same for every
    value; `encode` takes values and `decode` gives them as the model has them.
    """

    def __init__(
        self, config: DictionaryConfig, *, generator: torch.Generator | None = None
    ) -> None:
        """Draw the weights.

        Decoder rows are random directions, of length one where that is the constraint, else of
        length 0.1; the encoder begins as their transpose where both have one width.
        """
        super().__init__()
        self.config = config
        d_out = config.d_in if config.d_out is None else config.d_out
        rows = torch.randn(config.num_latents, d_out, generator=generator)
        length = 1.0 if self.has_unit_decoder else 0.1
        self.decoder = nn.Parameter(normalize(rows, dim=1) * length)
        self.decoder_bias = nn.Parameter(torch.zeros(d_out), requires_grad=not self.is_tied)
        self.encoder_bias = nn.Parameter(torch.zeros(config.num_latents))
        if not self.is_tied:
            own = torch.randn(config.num_latents, config.d_in, generator=generator)
            first = self.decoder.detach() if config.is_autoencoder else normalize(own, dim=1)
            self.encoder = nn.Parameter(first.clone())
        if isinstance(config.kind, JumpReLU):
            first_log = torch.tensor(config.kind.first_threshold).log()
            self.log_threshold = nn.Parameter(first_log.repeat(config.num_latents))
        if isinstance(config.kind, Gated):
            self.gate_bias = nn.Parameter(torch.zeros(config.num_latents))
            self.log_gain = nn.Parameter(torch.zeros(config.num_latents))
        outer = (d_out,) if config.parts else ()
        inner = outer if config.is_autoencoder else ()
        self.register_buffer("input_scale", torch.ones(inner))
        self.register_buffer("output_scale", torch.ones(outer))
        self.register_buffer("threshold", torch.zeros(()))
        self.input_scale: Tensor
        self.output_scale: Tensor
        self.threshold: Tensor

    @property
    def is_tied(self) -> bool:
        """Whether encoder and decoder are one matrix."""
        kind = self.config.kind
        return isinstance(kind, ReLU) and kind.decoder == "tied"

    @property
    def has_unit_decoder(self) -> bool:
        """Whether training keeps decoder rows at length one."""
        kind = self.config.kind
        return isinstance(kind, TopK | BatchTopK | Gated | JumpReLU) or (
            isinstance(kind, ReLU) and kind.decoder != "decoder-norm"
        )

    @property
    def num_latents(self) -> int:
        """How many latents it has."""
        return self.config.num_latents

    @property
    def directions(self) -> Float[Tensor, "latent d_out"]:
        """A unit vector for each latent."""
        return normalize(self.decoder.detach(), dim=1)

    def read_weights(self) -> Float[Tensor, "latent d_in"]:
        """What each latent is the product with."""
        return normalize(self.decoder, dim=1) if self.is_tied else self.encoder

    def write_weights(self) -> Float[Tensor, "latent d_out"]:
        """What each latent adds to the scaled reconstruction."""
        return normalize(self.decoder, dim=1) if self.is_tied else self.decoder

    def part_lengths(self) -> Float[Tensor, "latent part"]:
        """How strongly each latent writes to each value that comes out, of the scaled ones.

        A latent whose length is in one part alone belongs to that value alone: the layer, or the
        model, that a crosscoder has it from.

        Source:
            Lindsey et al. 2024, "Sparse crosscoders for cross-layer features and model diffing".
        """
        widths = self.config.parts or (self.decoder.shape[1],)
        return torch.stack(
            [part.norm(dim=1) for part in self.write_weights().split(widths, dim=1)], dim=1
        )

    def centred(self, scaled: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_in"]:
        """What the encoder reads: an autoencoder's value less the decoder's bias."""
        if not self.config.is_autoencoder or self.is_tied:
            return scaled
        return scaled - self.decoder_bias

    def latents(self, inputs: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch latent"]:
        """Latents of centred values, before the nonlinearity."""
        return torch.addmm(self.encoder_bias, inputs, self.read_weights().T)

    def encode(self, values: Float[Tensor, "... d_in"]) -> Float[Tensor, "... latent"]:
        """How active each latent is.

        Raises:
            InputError: If the value has another width.
        """
        rows = self._rows(values)
        kind = self.config.kind
        if isinstance(kind, TopK):
            found, places = encode_topk(rows, self.encoder, self.encoder_bias, kind.k)
            codes = torch.zeros(len(rows), self.num_latents, dtype=found.dtype, device=rows.device)
            codes.scatter_(1, places, found)
        else:
            latents = self.latents(rows)
            if isinstance(kind, BatchTopK):
                codes = torch.where(latents > self.threshold, latents, 0).relu()
            elif isinstance(kind, JumpReLU):
                codes = torch.where(latents > self.log_threshold.exp(), latents, 0)
            elif isinstance(kind, Gated):
                codes = gated_codes(self, rows)
            else:
                codes = latents.relu()
        return codes.view(*values.shape[:-1], self.num_latents)

    def encode_sparse(
        self, values: Float[Tensor, "batch d_in"]
    ) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
        """The active latents of each row, filled up with inactive ones at zero."""
        if isinstance(self.config.kind, TopK):
            rows = self._rows(values)
            return encode_topk(rows, self.encoder, self.encoder_bias, self.config.kind.k)
        codes = self.encode(values)
        most = int((codes > 0).sum(dim=1).max()) if len(codes) else 0
        return select(codes, max(most, 1))

    def decode(self, codes: Float[Tensor, "... latent"]) -> Float[Tensor, "... d_out"]:
        """The reconstruction, in the units of the value."""
        return (codes @ self.write_weights() + self.decoder_bias) / self.output_scale

    def forward(self, values: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        """Encode and decode."""
        return self.decode(self.encode(values))

    @torch.no_grad()
    def fit_scale(
        self,
        values: Float[Tensor, "row d_in"],
        targets: Float[Tensor, "row d_out"] | None = None,
    ) -> None:
        """Scale values so that their mean squared length is their width; start from their mean.

        Args:
            values: Rows like those to come.
            targets: What should come out; None: the values.

        Raises:
            InputError: If rows are not finite or all zero, or of another width.
        """
        wanted = values if targets is None else targets
        if values.shape[1] != self.config.d_in or wanted.shape[1] != len(self.decoder_bias):
            raise InputError(
                f"values of width {values.shape[1]} do not fit a dictionary that reads width "
                f"{self.config.d_in}"
            )
        for name, rows, scale in (
            ("values", values, self.input_scale),
            ("targets", wanted, self.output_scale),
        ):
            widths = self.config.parts if scale.dim() else (rows.shape[1],)
            fitted = [_scale_of(part, name) for part in rows.split(widths, dim=1)]
            own = torch.cat([one.expand(w) for one, w in zip(fitted, widths, strict=True)])
            scale.copy_(own if scale.dim() else fitted[0])
        if not self.is_tied:  # which has no bias but the encoder's
            self.decoder_bias.copy_(wanted.float().mean(dim=0) * self.output_scale)

    @torch.no_grad()
    def canonical(self) -> "Dictionary":
        """The same function with decoder rows of length one, so that activations are comparable.

        Kinds whose decoder is kept at length one while it is trained are returned as they are.
        """
        if self.has_unit_decoder:
            return self
        lengths = self.decoder.norm(dim=1).clamp(min=1e-12)
        twin = Dictionary(self.config).to(self.decoder)
        twin.load_state_dict(self.state_dict())
        twin.decoder.div_(lengths[:, None])
        for name in ("encoder_bias", "gate_bias"):
            if hasattr(twin, name):
                getattr(twin, name).mul_(lengths)
        twin.encoder.mul_(lengths[:, None])
        if isinstance(self.config.kind, JumpReLU):
            twin.log_threshold.add_(lengths.log())
        return twin

    def _rows(self, values: Tensor) -> Tensor:
        if values.shape[-1] != self.config.d_in:
            made_for = f" (made for {self.config.value})" if self.config.value else ""
            raise InputError(
                f"the dictionary{made_for} reads values of width {self.config.d_in}, and this one "
                f"has width {values.shape[-1]}"
            )
        flat = values.reshape(-1, self.config.d_in).to(self.decoder.dtype)
        return self.centred(flat * self.input_scale)


def _scale_of(rows: Tensor, name: str) -> Tensor:
    """What rows are multiplied by to have a mean squared length of their width."""
    length = rows.float().square().sum(dim=1).mean()
    if not length > 0 or not length.isfinite():
        raise InputError(f"the {name} are all zero, or hold NaN or infinity")
    return (rows.shape[1] / length).sqrt()


def gated_codes(
    dictionary: Dictionary, inputs: Float[Tensor, "batch d_in"]
) -> Float[Tensor, "batch latent"]:
    """Codes of a gated dictionary: magnitude where the gate is open."""
    raw = inputs @ dictionary.encoder.T
    magnitude = (raw * dictionary.log_gain.exp() + dictionary.encoder_bias).relu()
    return magnitude * (raw + dictionary.gate_bias > 0)
