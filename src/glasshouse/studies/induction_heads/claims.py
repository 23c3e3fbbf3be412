"""The paper's six lines of evidence as claims, with thresholds set before anything was measured.

The in-context-learning score (ICL) of a model is its mean loss on 8 late places of a text less that
on 8 early ones, in nats; more negative is better. A 1-layer model, which can only learn which words
a text uses, has a score of its own: a *gain* is how much lower than that a score is.
"""

from glasshouse.studies.claims import Claim

PAPER = "Olsson et al. 2022"

ABRUPT = Claim(
    id="abrupt-icl",
    claim="Models of two layers and more learn to learn in context abruptly, early in training, "
    "in a narrow window.",
    source=f"{PAPER}, argument 1",
    paper="over 75% of the final score forms in 2.5-5 of 10 billion tokens",
    threshold=0.6,
    direction="above",
    no_effect=0.25,
    threshold_text="over 60% of the gain over the 1-layer model forms within a quarter of the "
    "steps; an even fall would form 25%",
)

ABRUPT_MLP = Claim(
    id="abrupt-icl-mlp",
    claim="So do models with feed-forward layers.",
    source=f"{PAPER}, argument 1",
    paper="the same window with and without feed-forward layers",
    threshold=0.6,
    direction="above",
    no_effect=0.25,
    threshold_text=ABRUPT.threshold_text,
)

TOGETHER = Claim(
    id="heads-form-together",
    claim="Induction heads form at the moment at which in-context learning improves most.",
    source=f"{PAPER}, argument 1",
    paper="the same window, in a picture",
    threshold=1.5,
    direction="below",
    no_effect=5.0,
    threshold_text="prefix matching of the best head passes 0.5 within one look of the steepest "
    "change of the score (under 1.5 looks); moments drawn at random lie over 5 looks apart",
)

NOT_IN_ONE_LAYER = Claim(
    id="not-in-one-layer",
    claim="One-layer models never form induction heads.",
    source=f"{PAPER}, argument 1",
    paper="none, in a picture",
    threshold=0.15,
    direction="below",
    no_effect=0.5,
    threshold_text="prefix matching of the best head stays under 0.15 at every look",
)

BUMP = Claim(
    id="loss-bump",
    claim="The loss curve has a bump there: elsewhere it is convex.",
    source=f"{PAPER}, argument 1",
    paper="the only place where the loss curve is not convex, in a picture",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="the loss rises above the convex curve under it by over 10% of its whole fall, "
    "and bends from down to up (over log steps) inside the window; 0 if it bends elsewhere",
    note="The measure and its 10% were set on the tuning seed 101, which is not judged.",
)

PIVOT = Claim(
    id="trajectory-pivots",
    claim="The path of the losses on single tokens turns sharply where the window opens.",
    source=f"{PAPER}, argument 1",
    paper="a pivot in the plane of two principal components, in a picture",
    threshold=60.0,
    direction="above",
    no_effect=0.0,
    threshold_text="it turns by over 60 degrees more than that of the 1-layer model at the same "
    "steps, both in the plane of their principal components",
    note="On these texts both kinds of learning make the same late words cheaper, so the paths "
    "part at a small angle: not seen on seeds 0 and 1 of `small`, a trend on seed 2.",
)

SMEARED_ONE = Claim(
    id="smeared-one-layer",
    claim="With smeared keys, which need no second layer to see what stood before, one layer "
    "learns what takes two otherwise.",
    source=f"{PAPER}, argument 2",
    paper="a phase change in one layer, in a picture",
    threshold=0.75,
    direction="above",
    no_effect=0.0,
    threshold_text="over 75% of the two-layer model's gain",
)

SMEARED_TWO = Claim(
    id="smeared-two-layers",
    claim="With smeared keys two layers learn it earlier.",
    source=f"{PAPER}, argument 2",
    paper="earlier, in a picture",
    threshold=0.9,
    direction="below",
    no_effect=1.0,
    threshold_text="steepest change at under 0.9 of the step at which it is without",
)

ABLATED = Claim(
    id="ablation-removes-icl",
    claim="Without its induction heads a small model loses most of its in-context learning.",
    source=f"{PAPER}, argument 3",
    paper="almost all, in small attention-only models",
    threshold=0.6,
    direction="above",
    no_effect=0.0,
    threshold_text="ablating all heads with prefix matching over 0.3, patterns kept, removes over "
    "60% of the gain over the 1-layer model",
    note="Correlation and cause differ in large models: trained without loss on what induction "
    "predicts, a model kept most of its abstract in-context learning with fewer and weaker "
    "induction heads (the Hapax training of later work contests that they are the mechanism).",
)

OTHERS_SPARED = Claim(
    id="other-heads-matter-less",
    claim="As many other heads take little with them.",
    source=f"{PAPER}, argument 3",
    paper="close to nothing, in a picture",
    threshold=0.2,
    direction="below",
    no_effect=0.6,
    threshold_text="as many other heads, patterns kept, remove under 20% of the gain",
    note="The score is a difference. Where zeroed heads make early words costlier it counts that "
    "as learning, and the share goes below 0; the text tells what happens to late words alone.",
)

FUZZY = Claim(
    id="fuzzy-matching",
    claim="The heads that copy literally also match what is only alike (a small analogue of "
    "translation: words with two written forms).",
    source=f"{PAPER}, argument 4",
    paper="a translation head with 0.20 copying and 0.85 prefix matching; about 65% of attention "
    "on the right class",
    threshold=2.0,
    direction="above",
    no_effect=1.0,
    threshold_text="the best literal head puts over twice the attention of chance on what followed "
    "the word in its other form",
    note="An analogue: the paper looks into models of billions of parameters, and no small "
    "reproduction of this argument was known when the claim was set.",
)

QK_TRACE = Claim(
    id="matching-by-composition",
    claim="Heads match prefixes by composing with a head that looks at the previous token.",
    source=f"{PAPER}, argument 5, and Elhage et al. 2021",
    paper="eigenvalues of the composed circuit are positive, in a picture",
    threshold=0.5,
    direction="above",
    no_effect=0.0,
    threshold_text="over heads, prefix matching correlates with the positive share of the composed "
    "circuit's eigenvalues by over 0.5",
    note="Other replications also found the circuit composed through queries (a head that finds "
    "duplicates). Either counts; the text names which it was.",
)

OV_COPIES = Claim(
    id="copying-by-weights",
    claim="The heads that match prefixes copy what they attend to.",
    source=f"{PAPER}, argument 5",
    paper="positive eigenvalues of the OV circuit, in a picture",
    threshold=0.5,
    direction="above",
    no_effect=0.0,
    threshold_text="sum of the OV circuit's eigenvalues over the sum of their sizes, over 0.5 for "
    "the head that matches prefixes best",
)

CONSTANT = Claim(
    id="constant-over-sizes",
    claim="After the change models of all sizes learn equally much in context.",
    source=f"{PAPER}, argument 6",
    paper="about 0.4 nats from 13 million to 13 billion parameters",
    threshold=0.25,
    direction="below",
    no_effect=1.0,
    threshold_text="over widths 32, 64 and 96 the score varies by under 25% of its mean",
    note="In part arithmetic, as the authors say: with better models the early loss falls as well. "
    "Three widths of a toy are an analogue of the paper's thousandfold range.",
)
