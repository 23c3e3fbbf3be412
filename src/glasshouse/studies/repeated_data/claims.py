"""The paper's claims about repeated data, with thresholds set before anything was measured."""

from glasshouse.studies.claims import Claim

PAPER = "Hernandez et al. 2022 (2205.10487)"

WORST_BETWEEN = Claim(
    id="worst-in-between",
    claim="Test loss is worst where a subset is read neither few nor very many times.",
    source=f"{PAPER}, section 2",
    paper="double descent in the number of repeats",
    threshold=2.0,
    direction="above",
    no_effect=0.0,
    threshold_text="at a 90 % share, some count between is worse than both ends by more than 2 "
    "standard deviations of runs that differ in nothing but their seed",
)

RISES = Claim(
    id="rises-in-training",
    claim="At the worst count test loss rises again while the model trains.",
    source=f"{PAPER}, section 2",
    paper="double descent in training time",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="at a 90 % share and the worst count, test loss rises by more than 0.05 nats "
    "above the lowest it had been",
)

WORST_MOVES = Claim(
    id="worst-count-falls",
    claim="The worst count is smaller for larger models.",
    source=f"{PAPER}, section 2",
    paper="read off a figure",
    threshold=-0.5,
    direction="below",
    no_effect=0.0,
    threshold_text="from the smallest to the largest size the worst count falls by more than half "
    "a doubling for each doubling of size",
    note="Tokens are the same for all sizes; along compute-optimal runs the worst count is said "
    "to grow (a later paper on repetition, by its abstract).",
)

WORTH_HALF = Claim(
    id="worth-half",
    claim="A tenth of the data read again and again can cost half of the model.",
    source=f"{PAPER}, section 1",
    paper="800M parameters are worth 400M",
    threshold=0.7,
    direction="below",
    no_effect=1.0,
    threshold_text="at a 10 % share and the worst count, the loss is that of a clean model of at "
    "most 0.7 of the size",
)

COPYING = Claim(
    id="copying-hit-harder",
    claim="Copying suffers more than the rest.",
    source=f"{PAPER}, section 3",
    paper="up to 3 times in size for copying, at most 15 % for test loss, at a 3 % share",
    threshold=1.2,
    direction="above",
    no_effect=1.0,
    threshold_text="at a 10 % share and the worst count, size is divided by over 1.2 times as much "
    "on copied tokens as on all tokens",
)

HEADS = Claim(
    id="induction-heads-weaker",
    claim="Heads that copy are weaker.",
    source=f"{PAPER}, section 3",
    paper="prefix matching is 32 % lower, at a 3 % share",
    threshold=0.2,
    direction="above",
    no_effect=0.0,
    threshold_text="at a 10 % share and the worst count, mean prefix matching of the heads of the "
    "last layer is over 20 % lower",
)

ELSEWHERE = Claim(
    id="harm-elsewhere",
    claim="The harm reaches what was not repeated: a language that is learned afterwards.",
    source=f"{PAPER}, section 4",
    paper="mainly at shares of 50 to 90 %",
    threshold=1.0,
    direction="above",
    no_effect=0.0,
    threshold_text="at a 90 % share and the worst count, loss on another language after the same "
    "fine-tuning is higher by over 1 standard deviation of runs",
)

CLAIMS = (WORST_BETWEEN, RISES, WORST_MOVES, WORTH_HALF, COPYING, HEADS, ELSEWHERE)
"""All of them, in the order of the paper."""
