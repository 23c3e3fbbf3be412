"""The paper's claims, with thresholds that were set before any seed was judged.

Where the specification of the study names a bare sign, a small margin was set, so that a control
can stay short of it.
"""

from glasshouse.studies.claims import Claim

_SOURCE = "Bai et al. 2022 (2204.05862)"

DATA = Claim(
    id="judges-log-linear-in-data",
    claim="Accuracy of preference models grows with the logarithm of comparisons.",
    source=f"{_SOURCE}, section 3.2, figures 2 and 7",
    paper="0.57 to 0.72 from a thousand to a hundred thousand comparisons (read off a figure)",
    threshold=0.8,
    direction="above",
    no_effect=0.0,
    threshold_text="R² of accuracy on log comparisons over 0.8, mean over sizes, all slopes "
    "positive (a slope whose sign is in doubt counts as R² = 0)",
)
SIZE = Claim(
    id="judges-grow-with-size",
    claim="Larger preference models are more accurate.",
    source=f"{_SOURCE}, section 3.2, figure 7",
    paper="about 0.007 a factor of e in parameters",
    threshold=0.01,
    direction="above",
    no_effect=0.0,
    threshold_text="largest over 0.01 more accurate than the smallest, on as many comparisons",
)
CALIBRATED = Claim(
    id="helpful-judge-calibrated",
    claim="A preference model of helpfulness is calibrated.",
    source=f"{_SOURCE}, section 3.3, figure 9",
    paper="a figure: accuracy follows 1 / (1 + exp(-score difference))",
    threshold=0.03,
    direction="below",
    no_effect=0.08,
    threshold_text="expected calibration error below 0.03, against the true probability of a "
    "preference; 0.08 would be miscalibrated",
    note="An error is never negative, so that chance adds to it, and resampling adds more: the "
    "interval lies high, by about 0.02 with 600 pairs.",
)
UNDER = Claim(
    id="mixed-judge-underconfident",
    claim="A preference model of helpfulness and harmlessness is slightly under-confident.",
    source=f"{_SOURCE}, section 3.3, figure 9",
    paper="a figure: accuracy slightly above the line",
    threshold=-0.01,
    direction="below",
    no_effect=0.0,
    threshold_text="claims over 0.01 less than it finds, both kinds of comparisons in equal parts",
)
HIGH_SCORES = Claim(
    id="worse-among-high-scores",
    claim="Preference models are less accurate where both replies score high.",
    source=f"{_SOURCE}, figure 25",
    paper="a figure: accuracy falls with the threshold that both scores exceed",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="over 0.05 less accurate on the half of pairs whose lower score is higher",
)
CROSS = Claim(
    id="worse-than-chance-across",
    claim="A preference model of one objective is worse than chance on the other.",
    source=f"{_SOURCE}, section 3.2, table 1 and figure 8",
    paper="about 0.35 to 0.38 (read off a figure)",
    threshold=0.47,
    direction="below",
    no_effect=0.5,
    threshold_text="both cross accuracies below 0.47",
)
MIXTURE = Claim(
    id="larger-judges-bear-mixtures",
    claim="Larger preference models lose less when one objective is weighed ten times.",
    source=f"{_SOURCE}, section 3.2",
    paper="lambda 1 to 10 costs 7.4% (13M) and 1.5% (52B) in error",
    threshold=0.01,
    direction="above",
    no_effect=0.0,
    threshold_text="relative rise of the helpful error over 0.01 less in the largest",
)
SQRT_KL = Claim(
    id="reward-linear-in-sqrt-kl",
    claim="Reward is linear in the square root of KL, early in training.",
    source=f"{_SOURCE}, section 4.3, figures 4 and 13",
    paper="a figure: approximately linear, slopes alike across sizes",
    threshold=0.95,
    direction="above",
    no_effect=0.0,
    threshold_text="R² over 0.95 until gold peaks, policy of the middle size",
    note="Gao et al. 2022 (2210.10760) fit d (alpha - beta log d), d the root; both fits of that "
    "paper are in the report.",
)
NOT_KL = Claim(
    id="better-than-linear-in-kl",
    claim="The square root of KL explains reward better than KL does.",
    source=f"{_SOURCE}, section 4.3",
    paper="a figure",
    threshold=0.01,
    direction="above",
    no_effect=0.0,
    threshold_text="R² over 0.01 higher than that of a line in KL, over the same steps",
)
SPLIT = Claim(
    id="train-and-test-judges-part",
    claim="Judges of two halves of the comparisons agree early and part late.",
    source=f"{_SOURCE}, section 4.2, figure 4",
    paper="a figure: they part after about 150 thousand samples",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="teaching judge over 0.1 nats above the other in the last quarter, each less "
    "its mean on the base's replies",
)
GOLD = Claim(
    id="gold-peaks-and-falls",
    claim="What the judge cannot see peaks and falls while the judge's score still rises.",
    source=f"{_SOURCE}, section 4.2 (there a test judge; here the gold reward)",
    paper="test scores plateau while train scores rise",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="gold over 0.1 lower in the last fifth than at its peak (both means over steps)",
)
ROBUST = Claim(
    id="larger-judges-more-robust",
    claim="Policies of larger preference models gain more of what counts.",
    source=f"{_SOURCE}, section 4.2, figure 4",
    paper="a figure: the slope of test against train score grows with the judge's size",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="gold over 0.05 higher at equal gain of the judge's own score, largest judge "
    "against smallest",
)
HARM_PERCENTILE = Claim(
    id="harmlessness-over-optimised",
    claim="Policies reach the top of the comparisons' scores in harmlessness.",
    source=f"{_SOURCE}, section 4.4, figure 14",
    paper="a figure: harmlessness at the top percentiles",
    threshold=90.0,
    direction="above",
    no_effect=50.0,
    threshold_text="mean score on harmful requests above 90% of the compared replies'",
)
HELP_PERCENTILE = Claim(
    id="helpfulness-left-behind",
    claim="The same policies stay far from the top in helpfulness.",
    source=f"{_SOURCE}, section 4.4, figure 14",
    paper="a figure: helpfulness well below",
    threshold=70.0,
    direction="below",
    no_effect=90.0,
    threshold_text="mean score on helpful requests below that of the best 30% of compared replies",
)
EVASIVE = Claim(
    id="policies-turn-evasive",
    claim="Policies learn to turn away from harmful requests without a reason.",
    source=f"{_SOURCE}, section 4.4",
    paper="in words: RLHF models were evasive",
    threshold=3.0,
    direction="above",
    no_effect=1.0,
    threshold_text="share of evasive replies over three times the base's",
)
ONLINE = Claim(
    id="online-beats-static",
    claim="Comparisons collected in rounds beat as many collected at once.",
    source=f"{_SOURCE}, section 4.5, figure 16",
    paper="final Elo about 295 against 230 to 260 (read off a figure)",
    threshold=0.55,
    direction="above",
    no_effect=0.5,
    threshold_text="share of duels won by gold over 0.55",
    note="The interval is over duels of one run. The control, other comparisons of the same kind, "
    "shows how much one run's luck is worth; read the two together.",
)
STRANGE = Claim(
    id="harmful-prompts-strange",
    claim="Activations tell harmful prompts without harmful data.",
    source=f"{_SOURCE}, section 5.4, figures 22 and 23",
    paper="AUROC about 0.85 at the best layer",
    threshold=0.8,
    direction="above",
    no_effect=0.5,
    threshold_text="AUROC over 0.8 at the best layer",
)
EXPOSED = Claim(
    id="ten-exposures-help",
    claim="Ten harmful prompts make it much better.",
    source=f"{_SOURCE}, section 5.4, table 4",
    paper="0.94 +- 0.02 (64 layers), 0.86 +- 0.01 (4 layers, 13M)",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="AUROC at the best layer over 0.05 higher",
)
TAX = Claim(
    id="tax-shrinks-with-size",
    claim="RLHF taxes small models and is a bonus for large ones.",
    source=f"{_SOURCE}, section 4.6, figures 3 and 28",
    paper="figures: zero-shot evaluations fall for small models and rise for large ones",
    threshold=0.01,
    direction="above",
    no_effect=0.0,
    threshold_text="mean change of the battery over 0.01 better in the largest than in the "
    "smallest; a tax to begin with",
    note="Measured after as many updates of each size, when smaller policies have moved farther "
    "in KL.",
)
WRITERS = Claim(
    id="crowd-prefers-model-to-writers",
    claim="People prefer the model to those who wrote replies by hand.",
    source=f"{_SOURCE}, section 5.1 (also the appendix on writers)",
    paper="56 to 57% (online, helpful and harmless), 51% (helpful)",
    threshold=0.55,
    direction="above",
    no_effect=0.5,
    threshold_text="reported only: share of duels that people gave the model",
)

ALL = (
    DATA,
    SIZE,
    CALIBRATED,
    UNDER,
    HIGH_SCORES,
    CROSS,
    MIXTURE,
    SQRT_KL,
    NOT_KL,
    SPLIT,
    GOLD,
    ROBUST,
    HARM_PERCENTILE,
    HELP_PERCENTILE,
    EVASIVE,
    ONLINE,
    STRANGE,
    EXPOSED,
    TAX,
    WRITERS,
)
"""In the paper's order."""
