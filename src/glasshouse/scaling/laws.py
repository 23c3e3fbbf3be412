"""Scaling laws as data: one formula with slopes for all of them.

Every law here is L = E + (sum over its variables of (X_c / X)^p)^q, with or without E:

    L(N), L(D), L(C)     p = alpha, q = 1                       (Kaplan et al. 2020, eqs. 1.1-1.3)
    L(N, D)              p = alpha, beta, q = 1                 (Hoffmann et al. 2022, eq. 2)
    L(N, D) of Kaplan    p = alpha_N / alpha_D and 1, q = alpha_D          (Kaplan et al., eq. 1.5)
    L(N, S)              p = alpha_N, alpha_S, q = 1                       (Kaplan et al., eq. 1.6)

The papers of Kaplan et al. have no E; Henighan et al. 2020 (2010.14701) add it.

Unknowns are kept where fitting is easy: the logarithm of every factor, counted from the middle of
the data, so that a factor and its exponent hardly lean on each other. `readings` says them in the
papers' words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy.special import logsumexp

from glasshouse.errors import InputError

LawName = Literal["N", "D", "C", "ND", "ND-kaplan", "NS"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """One form, with or without a constant."""

    name: str
    """As the command line says it: `ND`."""
    formula: str
    """The law in the papers' letters, the constant left out."""
    variables: tuple[str, ...]
    """What the loss depends on: `("N", "D")`."""
    source: str
    """Paper and equation."""
    has_constant: bool = True
    """Whether an irreducible loss E is added."""
    is_joint: bool = False
    """Whether one exponent bends the whole sum (Kaplan's L(N, D)), rather than one a term."""

    @property
    def title(self) -> str:
        """`L(N) = E + (N_c/N)^alpha`."""
        constant = "E + " if self.has_constant else ""
        return f"L({', '.join(self.variables)}) = {constant}{self.formula}"

    @property
    def num_unknowns(self) -> int:
        """Factor and exponent of each variable, and the constant."""
        return 2 * len(self.variables) + self.has_constant

    @property
    def exponent_names(self) -> tuple[str, ...]:
        """What `readings` calls the exponents."""
        if len(self.variables) == 1:
            return ("alpha",)
        return tuple(f"alpha_{variable}" for variable in self.variables)

    def log_loss(
        self, unknowns: Float64[np.ndarray, "draw unknown"], x: Float64[np.ndarray, "run variable"]
    ) -> tuple[Float64[np.ndarray, "draw run"], Float64[np.ndarray, "draw run unknown"]]:
        """Logarithm of the loss of every run under every set of unknowns, and its slopes.

        Args:
            unknowns: Log factors, exponents and, if there is one, the logarithm of E.
            x: Logarithms of the variables, counted from the middle.
        """
        count = len(self.variables)
        factors, exponents = unknowns[:, None, :count], unknowns[:, None, count : 2 * count]
        bend = exponents[..., 1] if self.is_joint else np.ones_like(exponents[..., 0])
        powers = exponents
        if self.is_joint:
            powers = np.stack([exponents[..., 0] / bend, np.ones_like(bend)], axis=-1)
        terms = factors - powers * x  # draw run variable
        whole = np.asarray(logsumexp(terms, axis=-1))
        shares = np.exp(terms - whole[..., None])
        reducible = bend * whole
        slopes = np.empty((len(unknowns), len(x), self.num_unknowns))
        slopes[..., :count] = bend[..., None] * shares
        if self.is_joint:
            first = shares[..., 0] * x[:, 0]
            slopes[..., count] = -first
            slopes[..., count + 1] = whole + first * exponents[..., 0] / bend
        else:
            slopes[..., count : 2 * count] = -shares * x
        if not self.has_constant:
            return reducible, slopes
        constant = unknowns[:, None, -1]
        loss = np.logaddexp(constant, reducible)
        slopes[..., :-1] *= np.expand_dims(np.exp(reducible - loss), -1)
        slopes[..., -1] = np.exp(constant - loss)
        return loss, slopes

    def readings(
        self,
        unknowns: Float64[np.ndarray, "draw unknown"],
        middle: Float64[np.ndarray, " variable"],
    ) -> dict[str, Float64[np.ndarray, " draw"]]:
        """The unknowns in the papers' words: E, exponents, X_c, and A of A·X^-alpha.

        Args:
            unknowns: As `log_loss` takes them.
            middle: The logarithms that variables were counted from.
        """
        count = len(self.variables)
        found: dict[str, Float64[np.ndarray, " draw"]] = {}
        if self.has_constant:
            found["E"] = np.exp(unknowns[:, -1])
        exponents = unknowns[:, count : 2 * count]
        found |= {name: exponents[:, k] for k, name in enumerate(self.exponent_names)}
        bend = exponents[:, 1] if self.is_joint else np.ones(len(unknowns))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            for k, variable in enumerate(self.variables):
                power = exponents[:, k] / bend
                log_factor = unknowns[:, k] + power * middle[k]
                found[f"{variable}_c"] = np.exp(log_factor / power)
                if not self.is_joint:
                    found[f"{'AB'[k]}"] = np.exp(log_factor)
        return found

    def loss_at(
        self, readings: Mapping[str, float], values: Mapping[str, Float64[np.ndarray, " run"]]
    ) -> Float64[np.ndarray, " run"]:
        """The law itself, from numbers as a paper prints them: E (0 if absent), X_c, exponents.

        Args:
            readings: `{"alpha": 0.076, "N_c": 8.8e13}`.
            values: The variables of each run.

        Raises:
            InputError: If a number of the law is not given.
        """
        missing = [n for n in self._printed_names() if n not in readings]
        if missing:
            raise InputError(f"{self.title} needs {', '.join(missing)} as well")
        exponents = [readings[name] for name in self.exponent_names]
        bend = exponents[1] if self.is_joint else 1.0
        whole = np.zeros_like(values[self.variables[0]], dtype=np.float64)
        for variable, exponent in zip(self.variables, exponents, strict=True):
            power = exponent / bend
            whole = whole + (readings[f"{variable}_c"] / values[variable]) ** power
        return readings.get("E", 0.0) + whole**bend

    def _printed_names(self) -> list[str]:
        return [*self.exponent_names, *(f"{variable}_c" for variable in self.variables)]


_KAPLAN, _HOFFMANN = "Kaplan et al. 2020 (2001.08361)", "Hoffmann et al. 2022 (2203.15556)"

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law(name="N", formula="(N_c/N)^alpha", variables=("N",), source=f"{_KAPLAN}, equation 1.1"),
        Law(name="D", formula="(D_c/D)^alpha", variables=("D",), source=f"{_KAPLAN}, equation 1.2"),
        Law(name="C", formula="(C_c/C)^alpha", variables=("C",), source=f"{_KAPLAN}, equation 1.3"),
        Law(
            name="ND",
            formula="(N_c/N)^alpha_N + (D_c/D)^alpha_D",
            variables=("N", "D"),
            source=f"{_HOFFMANN}, equation 2",
        ),
        Law(
            name="ND-kaplan",
            formula="((N_c/N)^(alpha_N/alpha_D) + D_c/D)^alpha_D",
            variables=("N", "D"),
            source=f"{_KAPLAN}, equation 1.5",
            is_joint=True,
        ),
        Law(
            name="NS",
            formula="(N_c/N)^alpha_N + (S_c/S)^alpha_S",
            variables=("N", "S"),
            source=f"{_KAPLAN}, equation 1.6",
        ),
    )
}
"""The laws by the names that the command line offers, all with their constant."""


def named_law(name: str) -> Law:
    """The law of a name.

    Raises:
        InputError: If there is none.
    """
    if name not in LAWS:
        raise InputError(f"law {name!r} must be one of {', '.join(LAWS)}")
    return LAWS[name]
