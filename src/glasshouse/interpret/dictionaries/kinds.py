"""What makes codes sparse, as it is named in the papers.

A kind says how latents become codes and what is added to the reconstruction error in training.
"""

from dataclasses import dataclass
from typing import Literal

from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class ReLU:
    """Positive latents are active, and a penalty on their sum keeps them few.

    Source:
        `decoder-norm`: Templeton et al. 2024, "Scaling monosemanticity": lambda times the sum of
        f_i |W_dec,i|; needs no constraint on the decoder. A crosscoder's |W_dec,i| is the sum over
        its parts (Lindsey et al. 2024, "Sparse crosscoders"). `unit`: Bricken et al. 2023, "Towards
        monosemanticity": decoder rows of length one. `tied`: Cunningham et al. 2023 (2309.08600):
        the encoder is the decoder, whose rows are normalised in the forward pass.
    """

    penalty: float = 5.0
    """Lambda, for values scaled to a mean squared length of d and errors summed over dimensions."""
    decoder: Literal["decoder-norm", "unit", "tied"] = "decoder-norm"
    """What keeps codes from shrinking while the decoder grows."""
    reduction: Literal["sum", "mean"] = "sum"
    """Whether the error is summed over dimensions, as in the papers, or averaged, as in the code of
    2309.08600: a penalty there is d times as strong as the same number here."""

    def __post_init__(self) -> None:
        _at_least("penalty", self.penalty, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TopK:
    """The k largest latents of each row are active.

    Source:
        Gao et al. 2024 (2406.04093), section 2.3 and appendix A.2 for the auxiliary loss. Nested
        prefixes: Bussmann et al. 2025, "Learning multi-level features with Matryoshka SAEs".
    """

    k: int
    """Active latents of a row."""
    auxiliary: float = 1 / 32
    """Weight of the error that dead latents make when they rebuild what the living missed."""
    auxiliary_k: int | None = None
    """Dead latents that may take part in a row; None: half of the value's width."""
    prefixes: tuple[float, ...] = ()
    """Matryoshka: shares of the latents, rising and below 1, that must rebuild the value alone."""

    def __post_init__(self) -> None:
        _at_least("k", self.k, 1)
        _at_least("auxiliary", self.auxiliary, 0)
        _check_prefixes(self.prefixes)


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchTopK:
    """The largest latents of a batch are active, k a row on average.

    After training a threshold, estimated on the way, takes the batch's place.

    Source:
        Bussmann et al. 2024, "BatchTopK sparse autoencoders" (2412.06410).
    """

    k: int
    """Active latents of a row, on average."""
    auxiliary: float = 1 / 32
    """As in `TopK`."""
    auxiliary_k: int | None = None
    """As in `TopK`."""
    prefixes: tuple[float, ...] = ()
    """As in `TopK`."""
    memory: float = 0.99
    """Share of the threshold's estimate that stays from step to step."""

    def __post_init__(self) -> None:
        _at_least("k", self.k, 1)
        _at_least("auxiliary", self.auxiliary, 0)
        _check_prefixes(self.prefixes)


@dataclass(frozen=True, kw_only=True, slots=True)
class JumpReLU:
    """A latent is active above a threshold of its own; their number is what is penalised.

    Source:
        Rajamanoharan et al. 2024, "Jumping ahead" (2407.14435), sections 3 and 4: decoder rows of
        length one, gradients to thresholds through a rectangular kernel; a wanted number as in
        section 6. Differs: a wider kernel and higher thresholds at the start, which settle in a
        thousand steps, where the paper's need a hundred times as many.
    """

    penalty: float = 0.3
    """On the number of active latents, for values scaled to a mean squared length of d."""
    bandwidth: float = 1.0
    """Width of the kernel, in units of latents of such values: what a latent varies by at first."""
    first_threshold: float = 1.0
    """All thresholds to begin with, in these units."""
    target: float | None = None
    """Active latents of a row that are wanted: the penalty is on (L0 / target - 1) squared, and 10
    is a strong one. None: on L0."""

    def __post_init__(self) -> None:
        _at_least("penalty", self.penalty, 0)
        if self.target is not None and not self.target > 0:
            raise InputError(f"target={self.target} must be positive")
        if self.bandwidth <= 0 or self.first_threshold <= 0:
            raise InputError(
                f"bandwidth={self.bandwidth} and first_threshold={self.first_threshold} must be "
                "positive"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated:
    """One half decides which latents are active, the other how much; only the first is penalised.

    Source:
        Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders"
        (2404.16014), section 3.2: tied up to a scale, decoder rows of length one, with an auxiliary
        error of the gates through a decoder that does not learn from it.
    """

    penalty: float = 2.0
    """On the positive part of gates, for values scaled to a mean squared length of d."""

    def __post_init__(self) -> None:
        _at_least("penalty", self.penalty, 0)


Kind = ReLU | TopK | BatchTopK | JumpReLU | Gated
"""All kinds."""


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise InputError(f"{name}={value} must be at least {least}")


def _check_prefixes(prefixes: tuple[float, ...]) -> None:
    if list(prefixes) != sorted(set(prefixes)) or any(not 0 < share < 1 for share in prefixes):
        raise InputError(
            f"prefixes={prefixes} must rise and lie between 0 and 1; (0.25, 0.5) is common"
        )
