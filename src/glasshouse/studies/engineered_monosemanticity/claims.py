"""The paper's claims, with thresholds that were set before any seed was judged."""

from glasshouse.studies.claims import Claim

_SOURCE = "Jermyn, Schiefer & Hubinger 2022"

EQUAL_LOSS = 0.10
"""Two learning rates count as equally good when their losses differ by less than this share."""

LEARNING_RATE = Claim(
    id="learning-rate-alone",
    claim="Models of equal loss can be monosemantic to very different degrees, by their learning "
    "rate alone.",
    source=f"{_SOURCE}, learning-rate sweeps",
    paper="a figure: equal loss curves, counts of monosemantic neurons far apart",
    threshold=0.3,
    direction="above",
    no_effect=0.0,
    threshold_text="monosemantic neurons by feature over 0.3 apart, at two rates whose losses "
    "differ by under 10%",
)

LEVER = Claim(
    id="lever-more-monosemantic",
    claim="Biases that begin at -1 and decay make a model more monosemantic.",
    source=f"{_SOURCE}, bias sweeps",
    paper="a figure: monosemantic neurons rise as the initial bias falls",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="over 0.1 more monosemantic neurons by feature than the plain model",
    note="The offset has to be gone by mid-training: the decay is set from the number of steps, "
    "not taken from the paper's runs, which are twenty times longer.",
)

LEVER_COST = Claim(
    id="lever-costs-no-loss",
    claim="The lever costs no loss.",
    source=f"{_SOURCE}, bias sweeps",
    paper="a figure: the losses coincide",
    threshold=0.05,
    direction="below",
    no_effect=0.25,
    threshold_text="loss at most 5% above the plain model's; a quarter more would be a cost",
)

MONO_BIAS = Claim(
    id="mono-bias-negative",
    claim="Monosemantic neurons sit at a moderately negative bias.",
    source=f"{_SOURCE}, biases by neuron",
    paper="a figure: monosemantic neurons at a moderate negative bias",
    threshold=-0.1,
    direction="below",
    no_effect=0.0,
    threshold_text="mean bias of monosemantic neurons below -0.1, in models without the lever",
)

POLY_BIAS = Claim(
    id="poly-bias-higher",
    claim="Polysemantic neurons sit at higher biases than monosemantic ones.",
    source=f"{_SOURCE}, biases by neuron",
    paper="a figure: polysemantic neurons at a small positive bias",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="mean bias over 0.05 above that of monosemantic neurons, without the lever",
)

NEURONS = Claim(
    id="more-neurons",
    claim="More neurons make a model more monosemantic.",
    source=f"{_SOURCE}, sweep of neurons",
    paper="a figure: towards one monosemantic neuron a feature, little gain in loss",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="monosemantic neurons by feature rise at every step from N to 4N neurons",
)

RESIDUAL = Claim(
    id="residual-low-rank",
    claim="The polysemantic neurons that remain compute something of low rank.",
    source=f"{_SOURCE}, the remaining neurons",
    paper="in words: a low-rank correction of confidence",
    threshold=0.5,
    direction="above",
    no_effect=0.35,
    threshold_text="over half of the squared norm in the three largest singular values; as many "
    "monosemantic neurons had 0.35 on the seed of the trials",
)


def variant_claim(name: str, what: str) -> Claim:
    """The claim that the lever works in another setting as well."""
    return Claim(
        id=f"holds-for-{name}",
        claim=f"The lever makes models more monosemantic {what} as well.",
        source=f"{_SOURCE}, other settings",
        paper="a figure: the same effect",
        threshold=0.02,
        direction="above",
        no_effect=0.0,
        threshold_text="over 0.02 more monosemantic neurons by feature (by feature and sign for "
        "absolute values) than the plain model",
    )


VARIANT_CLAIMS = {
    "power-law": variant_claim("power-law", "where feature frequencies follow a power law"),
    "gelu": variant_claim("gelu", "with GeLU neurons"),
    "abs": variant_claim("abs", "where absolute values are asked for"),
    "re-projector": variant_claim("re-projector", "where another projection is asked for"),
}
"""By name of the setting."""
