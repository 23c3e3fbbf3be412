"""The paper's claims, with thresholds set before anything was measured.

Where a claim is about a language model of many million parameters, what is measured here is its
analogue in a small one. Where more than one thing must hold, the weakest is what counts. Where the
paper claims a sign only, a margin stands in the threshold, for controls are held to the same
threshold and would pass a bare sign by noise half of the time.
"""

from glasshouse.studies.claims import Claim

PAPER = "Cunningham et al. 2023 (2309.08600)"

RULE_NOTE = (
    "The score is mechanical: a rule of tokens (or, where the world wrote the text, of what it "
    "knows) foretells activations. It is not the paper's automatic interpretation by language "
    "models. Scores for dictionaries of random networks are reported to lie near those of trained "
    "ones, so the same is measured on shuffled weights."
)

SHORT_NOTE = "The score is the mechanical one of the first claim, not the paper's."

INTERPRETABLE = Claim(
    id="more-interpretable-early",
    claim="In an early layer a dictionary's features are easier to explain than the directions of "
    "PCA, ICA, chance and the axes.",
    source=f"{PAPER}, section 3",
    paper="higher in pictures of layers 1 to 3; at layer 4 like ICA, in the last layer no gap",
    threshold=2.0,
    direction="above",
    no_effect=0.0,
    threshold_text="mean score of explanations at the first layer over 2 standard errors above the "
    "best baseline",
    note=RULE_NOTE,
)

TRADEOFF = Claim(
    id="smooth-tradeoff",
    claim="Sparsity is paid for in accuracy smoothly: no penalty stands out.",
    source=f"{PAPER}, section 2",
    paper="a smooth curve without a knee, in a picture",
    threshold=10.0,
    direction="below",
    no_effect=100.0,
    threshold_text="unexplained variance rises and L0 falls with every step of the penalty, and "
    "neighbouring slopes differ by a factor below 10",
)

RECOVERY = Claim(
    id="toy-recovery",
    claim="Where true directions are known, the tied dictionary finds them.",
    source=f"{PAPER}, section 2, after Sharkey et al. 2022",
    paper="cites earlier work on toy data",
    threshold=0.9,
    direction="above",
    no_effect=0.5,
    threshold_text="mean largest cosine of 96 true directions in 32 dimensions over 0.9 (192 "
    "random directions: about 0.5)",
)

RECOVERY_GAIN = Claim(
    id="toy-beats-baselines",
    claim="No baseline comes near it.",
    source=f"{PAPER}, section 2, after Sharkey et al. 2022",
    paper="cites earlier work on toy data",
    threshold=0.2,
    direction="above",
    no_effect=0.0,
    threshold_text="mean largest cosine over 0.2 above that of the best baseline",
)

FEWER_PATCHES = Claim(
    id="fewer-patches",
    claim="Fewer features must be patched than components or latents of a dictionary that is not "
    "sparse, for a model to answer as to another sentence.",
    source=f"{PAPER}, section 4",
    paper="fewer patches and smaller edits at the same KL than PCA and alpha = 0, in a picture",
    threshold=1.0,
    direction="below",
    no_effect=1.0,
    threshold_text="features until half of the KL is left: under those of PCA and of alpha = 0, as "
    "a share of the fewer of the two, averaged over 5 models",
    note="Features are patched in the order of what each does alone, on other sentences, in place "
    "of the paper's ACDC. A principal component counts once, both ways round.",
)

HIGHER_FLOOR = Claim(
    id="larger-penalty-higher-floor",
    claim="A larger penalty leaves more of the KL when every feature is patched.",
    source=f"{PAPER}, section 4",
    paper="a higher floor for the larger alpha, in a picture",
    threshold=0.01,
    direction="above",
    no_effect=0.0,
    threshold_text="share of the KL that is left when all is patched, for the larger penalty less "
    "that for the smaller: over 0.01",
)

SPLICE = Claim(
    id="splice-cost",
    claim="The model goes on with the reconstruction at a bearable price.",
    source=f"{PAPER}, section 5",
    paper="perplexity 25 becomes 40 (Pythia-70M, layer 2)",
    threshold=0.8,
    direction="above",
    no_effect=0.0,
    threshold_text="over 0.8 of what the value is worth in loss is kept at an L0 under a quarter "
    "of the width",
    note="An analogue: the paper reports perplexities and no share.",
)

RESIDUAL_ALIVE = Claim(
    id="residual-stays-alive",
    claim="A dictionary of the residual stream can be four times overcomplete before latents die.",
    source=f"{PAPER}, appendix on dead features",
    paper="at least 4 times, in a picture",
    threshold=0.1,
    direction="below",
    no_effect=0.75,
    threshold_text="under 10% of latents dead at 4 latents a dimension (only as many as dimensions "
    "alive: 75%)",
)

MLP_DIES = Claim(
    id="mlp-dies-unpenalised",
    claim="On the neurons of an MLP latents die even without a penalty.",
    source=f"{PAPER}, appendix on dead features",
    paper="many dead at alpha = 0, in a picture",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="share of dead latents over 0.02 larger than in the residual stream at 4 "
    "latents a dimension, with the penalty and without; the smaller difference counts",
)

MOMENTS = Claim(
    id="score-goes-with-moments",
    claim="Features with skewed and heavy-tailed activations are easier to explain.",
    source=f"{PAPER}, appendix",
    paper="correlations of 0.19 with skew and 0.24 with kurtosis",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="rank correlation of the score with skew and with kurtosis over 0.1; the "
    "smaller of the two counts",
    note=SHORT_NOTE,
)

RANDOM_ORDER = Claim(
    id="order-kept-at-random",
    claim="On random passages alone scores are lower, and dictionaries stay ahead.",
    source=f"{PAPER}, appendix",
    paper="much lower, with the order kept, in a picture",
    threshold=2.0,
    direction="above",
    no_effect=0.0,
    threshold_text="on random passages, standard errors above the best baseline, and fall of the "
    "dictionary's score from all passages to random ones in standard errors: the smaller over 2",
    note=SHORT_NOTE,
)

TOPK_GAP = Claim(
    id="topk-leaves-gap",
    claim="Components that are made as sparse by keeping the largest do not close the gap.",
    source=f"{PAPER}, appendix",
    paper="PCA and ICA with top-K stay below, in a picture",
    threshold=2.0,
    direction="above",
    no_effect=0.0,
    threshold_text="standard errors above the better of PCA and ICA with as many active as the "
    "dictionary: over 2",
    note=SHORT_NOTE,
)

FOLLOWER = Claim(
    id="ablation-names-follower",
    claim="What a feature of a word makes likelier is what must follow the word.",
    source=f"{PAPER}, section 4, case studies",
    paper="an example: the apostrophe's feature and s",
    threshold=0.6,
    direction="above",
    no_effect=0.1,
    threshold_text="for over 60% of words with one possible follower, ablating the word's top "
    "feature lowers the follower's logit most",
)

CLAIMS = (
    INTERPRETABLE,
    TRADEOFF,
    RECOVERY,
    RECOVERY_GAIN,
    FEWER_PATCHES,
    HIGHER_FLOOR,
    SPLICE,
    RESIDUAL_ALIVE,
    MLP_DIES,
    MOMENTS,
    RANDOM_ORDER,
    TOPK_GAP,
    FOLLOWER,
)
"""All of them, in the order of the paper."""
