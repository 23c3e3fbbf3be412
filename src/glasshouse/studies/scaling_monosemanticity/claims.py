"""The paper's claims, with thresholds set before anything was measured.

All are analogues: the paper's features are of a large production model, these are of models of a
few hundred thousand parameters, in worlds whose truth is known.
"""

from glasshouse.studies.claims import Claim

PAPER = "2605.29358"

POWER_LAW = Claim(
    id="loss-power-law",
    claim="The loss of the best dictionary falls as a power law of the compute spent on it.",
    source=f"{PAPER}, scaling laws",
    paper="a straight line in a picture of log against log",
    threshold=0.95,
    direction="above",
    no_effect=0.0,
    threshold_text="R² over 0.95 in log against log, over the runs that no cheaper run beats",
)

OPTIMA = Claim(
    id="optimal-size-and-steps",
    claim="The best number of latents and the best number of steps both grow as powers of compute.",
    source=f"{PAPER}, scaling laws",
    paper="two straight lines; the number of latents grows somewhat faster",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="both exponents above 0; the smaller counts",
    note="Compute is size times steps, so the two exponents add up to one whatever is measured: "
    "that one of them is 0 is what could be found instead. Which is larger is told, not judged.",
)

DEAD = Claim(
    id="dead-share-grows",
    claim="The larger the dictionary, the larger the share of its latents that are dead.",
    source=f"{PAPER}, dead features",
    paper="about 2%, 35% and 65% at 1, 4 and 34 million",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="the share rises at every step from size to size; the smallest rise counts",
)

COMPLETE = Claim(
    id="completeness-collapses",
    claim="A concept has a latent once it is more frequent than about 1 of the living latents: "
    "curves of found against frequency fall on each other when frequency is scaled by these.",
    source=f"{PAPER}, feature completeness",
    paper="three curves, in a picture; a bit less than 1/alive at one half",
    threshold=3.0,
    direction="below",
    no_effect=8.0,
    threshold_text="frequencies at which half is found, times living latents, differ by under a "
    "factor of 3 over sizes that differ by 8",
)

TOP_RIGHT = Claim(
    id="strong-activations-are-specific",
    claim="Where a latent is most active, what it stands for is there.",
    source=f"{PAPER}, specificity",
    paper="histograms of graded contexts, in pictures",
    threshold=0.9,
    direction="above",
    no_effect=0.1,
    threshold_text="in the top tenth of a topic latent's active tokens, over 90% are of its topic",
)

SPECIFICITY_RISES = Claim(
    id="specificity-rises",
    claim="The more active a latent is, the likelier what it stands for is there.",
    source=f"{PAPER}, specificity",
    paper="histograms of graded contexts, in pictures",
    threshold=0.8,
    direction="above",
    no_effect=0.0,
    threshold_text="rank correlation over 0.8 between tenth of activation and share of right "
    "tokens, over topics",
)

CLAMPS = Claim(
    id="clamping-writes-the-topic",
    claim="Setting a latent to multiples of its maximum makes the model write what it stands for.",
    source=f"{PAPER}, influence on behaviour",
    paper="examples: Golden Gate at 10 times, transit at 5 times its maximum",
    threshold=5.0,
    direction="above",
    no_effect=1.0,
    threshold_text="at the strongest multiple at which the text holds, words of the topic gain "
    "over 5 times what pushes of the same length along directions without meaning move them",
    note="Contested: steering competes poorly with prompting and fine-tuning on benchmarks.",
)

DOSE = Claim(
    id="clamping-by-degrees",
    claim="The effect rises with the multiple, until the text breaks.",
    source=f"{PAPER}, influence on behaviour",
    paper="in words",
    threshold=0.8,
    direction="above",
    no_effect=0.5,
    threshold_text="in over 80% of steps from one multiple to the next at which the text holds, "
    "words of the topic become likelier",
)

NEIGHBOURS = Claim(
    id="neighbours-are-related",
    claim="Latents whose directions are alike stand for related things.",
    source=f"{PAPER}, feature neighbourhoods",
    paper="maps with captions",
    threshold=2.0,
    direction="above",
    no_effect=1.0,
    threshold_text="the five nearest of a topical latent share its topic over twice as often as "
    "latents at random",
)

SPLITTING = Claim(
    id="features-split",
    claim="What is one latent in a small dictionary is several in a larger one.",
    source=f"{PAPER}, feature splitting",
    paper="a feature of 1 million is several in 4 and 34 million, in pictures",
    threshold=1.0,
    direction="above",
    no_effect=0.0,
    threshold_text="a living latent has over one child on average in a dictionary four times as "
    "large (cosine over 0.7)",
)

ATTRIBUTION = Claim(
    id="attribution-names-causes",
    claim="Attribution finds the latents that matter, as ablation one by one tells them.",
    source=f"{PAPER}, computational intermediates",
    paper="8 of the top 10 by ablation",
    threshold=0.6,
    direction="above",
    no_effect=0.0,
    threshold_text="of the ten places with the largest effects by ablation, attribution names over "
    "60%",
)

ATTRIBUTION_BEATS = Claim(
    id="attribution-beats-activation",
    claim="The most active latents are not those that matter.",
    source=f"{PAPER}, computational intermediates",
    paper="8 of 10 by attribution, 3 of 10 by activation",
    threshold=2.0,
    direction="above",
    no_effect=1.0,
    threshold_text="attribution names over twice as many of the ten as activation does",
)

NOT_NEURONS = Claim(
    id="features-are-not-neurons",
    claim="Most latents are not neurons of the layers before.",
    source=f"{PAPER}, are features just neurons?",
    paper="82% of features correlate by 0.3 or less with every earlier neuron",
    threshold=0.5,
    direction="above",
    no_effect=0.0,
    threshold_text="over half of living latents correlate by at most 0.3 with every neuron of this "
    "layer and those before",
)

INTERPRETABLE = Claim(
    id="features-say-more-than-neurons",
    claim="What latents do can be said better than what neurons do, or random directions.",
    source=f"{PAPER}, interpretability",
    paper="automated scores of 100 features and 100 neurons, in a picture",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="the best mechanical rule's correlation with activations is higher by over 0.05 "
    "for latents than for neurons and for random directions; the better rival counts",
    note="Rules of tokens, of pairs of tokens and of the world's truth stand in for a language "
    "model's explanations. This is not the paper's automated interpretability.",
)

BILINGUAL = Claim(
    id="features-speak-both-alphabets",
    claim="Latents stand for a thing in whatever language it is said.",
    source=f"{PAPER}, multilingual and multimodal features",
    paper="examples",
    threshold=0.125,
    direction="above",
    no_effect=0.125,
    threshold_text="of latents that stand for a topic in either of two alphabets, more stand for "
    "the same one in both than a permuted lexicon of 8 topics could give (1 of 8)",
)

SEARCH = Claim(
    id="search-finds-the-unsafe-topic",
    claim="A latent for something harmful can be found from a handful of examples.",
    source=f"{PAPER}, safety-relevant features",
    paper="examples, found by single prompts and sets of prompts",
    threshold=0.5,
    direction="above",
    no_effect=0.1,
    threshold_text="over half of what the found latent says on other texts is said in sentences of "
    "the planted topic",
)

UNSAFE_STEERS = Claim(
    id="unsafe-latent-steers",
    claim="The latent that was found moves what is written about it.",
    source=f"{PAPER}, safety-relevant features",
    paper="examples, mostly at 5 times the maximum",
    threshold=5.0,
    direction="above",
    no_effect=1.0,
    threshold_text="at the strongest multiple at which the text holds, words of the planted topic "
    "gain over 5 times what directions without meaning move them",
)
