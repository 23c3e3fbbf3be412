"""What was to be shown, with thresholds that stand before anything is measured."""

from glasshouse.studies.claims import Claim

_SOURCE = "Hernandez et al. 2021 (2102.01293)"

WORTH = Claim(
    id="worth-many-times-the-data",
    claim="Where code is scarce, having read prose is worth many times as much code.",
    source=f"{_SOURCE}, section 1",
    paper="about 1,000 times, 40M parameters on 300,000 characters of Python",
    threshold=10.0,
    direction="above",
    no_effect=1.0,
    threshold_text="D_E over 10 times D_F on the least code, geometric mean over sizes",
    note="The control has read the same prose with the characters of every window dealt anew, "
    "which leaves their frequencies and nothing else.",
)
LAW = Claim(
    id="power-law",
    claim="The data that pretraining is worth follow D_T = k · D_F^alpha · N^beta.",
    source=f"{_SOURCE}, section 1",
    paper="a figure: lines in logarithms; k 1.9e4, alpha 0.18, beta 0.38 from text to Python",
    threshold=0.9,
    direction="above",
    no_effect=0.0,
    threshold_text="R² of log D_T over 0.9, in the low-data regime, after prose",
)
ALPHA = Claim(
    id="grows-with-data",
    claim="Data transferred grow with the data of the target: alpha is positive.",
    source=f"{_SOURCE}, section 1",
    paper="0.18 after text, 0.096 after text and other code",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="alpha over 0, after prose; that it is below 1 is told by the multiplier's fall",
)
BETA = Claim(
    id="grows-with-size",
    claim="Data transferred grow with the size of the model: beta is positive.",
    source=f"{_SOURCE}, section 1",
    paper="0.38",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="beta over 0, after prose",
)
SIZE = Claim(
    id="multiplier-grows-with-size",
    claim="Pretraining multiplies the data of larger models more.",
    source=f"{_SOURCE}, section 3",
    paper="N^0.38",
    threshold=0.8,
    direction="above",
    no_effect=0.5,
    threshold_text="over 80% of neighbours in size, on as much code, both pretrained arms",
)
FALLS = Claim(
    id="multiplier-falls-with-data",
    claim="Pretraining multiplies more data less.",
    source=f"{_SOURCE}, section 3",
    paper="1 / D_F^(1 - alpha)",
    threshold=0.8,
    direction="above",
    no_effect=0.5,
    threshold_text="over 80% of neighbours in data, of one size, both pretrained arms",
)
CLOSER = Claim(
    id="closer-is-worth-more",
    claim="Pretraining on what is closer to the target is worth more data.",
    source=f"{_SOURCE}, section 3",
    paper="k 2.1e5 and not 1.9e4: 3 to 4 times as much at 1e5 to 1e6 characters",
    threshold=1.5,
    direction="above",
    no_effect=1.0,
    threshold_text="D_T over 1.5 times as much after prose and other code as after prose, "
    "geometric mean over cells",
)
CLOSER_K = Claim(
    id="closer-k-larger",
    claim="What is closer has a larger factor k.",
    source=f"{_SOURCE}, section 1",
    paper="11 times: 2.1e5 and 1.9e4",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="logarithm of the ratio over 0",
    note="k is D_T at one character and one parameter, far from everything measured; where alpha "
    "or beta differ as well, it says little.",
)
CLOSER_ALPHA = Claim(
    id="closer-alpha-smaller",
    claim="What is closer has a smaller exponent of data.",
    source=f"{_SOURCE}, section 1",
    paper="0.096 and 0.18",
    threshold=0.0,
    direction="below",
    no_effect=0.0,
    threshold_text="difference of alpha below 0",
)
SAME_BETA = Claim(
    id="same-beta",
    claim="The exponent of size does not depend on what was read before.",
    source=f"{_SOURCE}, section 1",
    paper="0.38 both times",
    threshold=0.1,
    direction="below",
    no_effect=0.38,
    threshold_text="the exponents differ by less than 0.1; 0.38 would be as much as beta itself",
)
OSSIFIES = Claim(
    id="small-models-ossify",
    claim="Pretraining is of no use to a small model that learns from much code, and may hurt it.",
    source=f"{_SOURCE}, section 5",
    paper="a figure: small models, above 1e8 characters, do worse than from scratch",
    threshold=-0.01,
    direction="above",
    no_effect=-0.03,
    threshold_text="loss of the smallest size after prose at most 1% below that from scratch, on "
    "the most code; 3% below would be use",
)
HURTS = Claim(
    id="pretraining-hurts",
    claim="Pretraining hurts a small model that learns from much code.",
    source=f"{_SOURCE}, section 5",
    paper="a figure: small models, above 1e8 characters, do worse than from scratch",
    threshold=0.005,
    direction="above",
    no_effect=0.0,
    threshold_text="loss of the smallest size after prose over 0.5% above that from scratch, on "
    "the most code; the stricter reading of the claim before",
)
LARGE = Claim(
    id="large-models-still-gain",
    claim="A larger model still gains from pretraining on as much code.",
    source=f"{_SOURCE}, section 5",
    paper="a figure: large models stay better",
    threshold=-0.01,
    direction="below",
    no_effect=0.0,
    threshold_text="loss of the largest size after prose over 1% below that from scratch, on the "
    "most code",
)
COMPUTE = Claim(
    id="fewer-steps",
    claim="A pretrained model needs fewer steps to the same loss.",
    source=f"{_SOURCE}, section 4",
    paper="a figure: fine-tuning stays on the compute frontier, pretraining not counted",
    threshold=0.8,
    direction="above",
    no_effect=0.5,
    threshold_text="over 80% of sizes and amounts of code: fewer steps to the best loss of the "
    "model from scratch on the same code",
)
UNIFIED = Claim(
    id="unified-law",
    claim="L(N, D) with D_T in the place of D foretells the loss of pretrained models.",
    source=f"{_SOURCE}, section 4, where it is called tentative",
    paper="a figure",
    threshold=0.05,
    direction="below",
    no_effect=0.15,
    threshold_text="error below 5% for sizes that neither law was fitted to, each held out in turn",
    note="The control is L(N, D) with D_F in the place of D, as though nothing were transferred.",
)

ALL = (
    WORTH,
    LAW,
    ALPHA,
    BETA,
    SIZE,
    FALLS,
    CLOSER,
    CLOSER_K,
    CLOSER_ALPHA,
    SAME_BETA,
    OSSIFIES,
    HURTS,
    LARGE,
    COMPUTE,
    UNIFIED,
)
"""In the order of the report."""
