"""The paper's claims about generative models, with thresholds set before anything was measured."""

from glasshouse.studies.claims import Claim

PAPER = "Henighan et al. 2020 (2010.14701)"

CONSTANT = Claim(
    id="constant-is-entropy",
    claim="The constant of L(N) = E + (N_c/N)^alpha is the entropy of the data.",
    source=f"{PAPER}, section 1.1",
    paper="an interpretation, as nobody knew the entropies",
    threshold=0.05,
    direction="below",
    no_effect=0.5,
    threshold_text="in every domain whose constant the runs show, it lies within 5 % of the true "
    "entropy",
)

OFFSET = Claim(
    id="offset-beats-pure",
    claim="A power law with a constant fits; one without does not.",
    source=f"{PAPER}, table 1",
    paper="all domains but language have a constant",
    threshold=2.0,
    direction="above",
    no_effect=1.0,
    threshold_text="median over domains: a pure power law misses by over 2 times as much",
)

AGREE = Claim(
    id="constants-agree",
    claim="The constants of L(N) and of L(C) are the same.",
    source=f"{PAPER}, table 1",
    paper="within 3 % for most domains",
    threshold=0.05,
    direction="below",
    no_effect=0.5,
    threshold_text="within 5 % of each other in every domain that shows both",
)

ALLOCATION = Claim(
    id="sizes-grow-alike",
    claim="The best size grows with compute much the same in every domain, though losses do not.",
    source=f"{PAPER}, figure 2",
    paper="exponents of 0.64 to 0.75; those of L(N) from 0.04 to 0.24",
    threshold=0.25,
    direction="below",
    no_effect=0.7,
    threshold_text="exponents of N_opt(C) lie within 0.25 of each other",
    note="Contested: the exponent itself is about 0.5 by Hoffmann et al. 2022 (2203.15556).",
)

COARSER = Claim(
    id="coarser-steeper",
    claim="Coarser images have larger exponents.",
    source=f"{PAPER}, table 1",
    paper="0.24, 0.22 and 0.13 for 8x8, 16x16 and 32x32",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="the exponent of the coarsest images is over 0.05 above that of the finest",
)

SINGLE = Claim(
    id="single-images-alike",
    claim="What single images still have to lose falls as the mean does, for easy and hard ones.",
    source=f"{PAPER}, section 3.5",
    paper="percentiles run in parallel",
    threshold=2.0,
    direction="below",
    no_effect=4.0,
    threshold_text="slopes of reducible loss over size of the easiest, middle and hardest tenth of "
    "images are within a factor of 2 of the mean's",
)

INFORMATION = Claim(
    id="label-information-grows",
    claim="What a model makes of a label grows with the logarithm of its size, from below the "
    "truth.",
    source=f"{PAPER}, section 5",
    paper="lambda log(N / N_c), about 8 nats for an image at a billion parameters",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="over the sizes it grows by over a tenth of the true mutual information, and "
    "nowhere exceeds that by more than measuring errs",
)

BLANKS = Claim(
    id="blanks-must-be-learned",
    claim="Models that never read a blank label seem to make more of labels than there is.",
    source=f"{PAPER}, section 5.1",
    paper="without fine-tuning on blanks the estimate doubles",
    threshold=1.2,
    direction="above",
    no_effect=1.0,
    threshold_text="the estimate of models that never read a blank is over 1.2 times that of those "
    "that did, at the largest size",
)

BOTH = Claim(
    id="read-both-ways",
    claim="Models that read the label first and models that read the image first find as much "
    "information in one of the other.",
    source=f"{PAPER}, section 5",
    paper="text to image and image to text are both fitted; information has no direction",
    threshold=0.2,
    direction="below",
    no_effect=1.0,
    threshold_text="at the largest size both estimates lie within a fifth of the true mutual "
    "information of each other",
)

HARDER = Claim(
    id="harder-sums-by-training-loss",
    claim="How a model does on sums harder than any it trained on depends on its training loss, "
    "and not on its size.",
    source=f"{PAPER}, section 4",
    paper="a figure: losses of all sizes over training loss fall on one curve, at every difficulty",
    threshold=0.1,
    direction="below",
    no_effect=0.3,
    threshold_text="where training losses of all sizes overlap, losses on sums with a digit more "
    "differ by at most 10 % at the same training loss",
)

CLASSIFIER = Claim(
    id="classifiers-grow-with-size",
    claim="Classifiers grown from generative models get better with size; those from scratch do "
    "not.",
    source=f"{PAPER}, section 3.4",
    paper="a figure: error is a power law in size, past the bend of the generative loss; from "
    "scratch it overfits",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="from the smallest to the largest size the error of fine-tuned models falls by "
    "over 5 points more than that of models trained from scratch on the same images",
)

ASPECT = Claim(
    id="a-shape-is-best",
    claim="For a number of weights there is a best ratio of width to depth.",
    source=f"{PAPER}, section 2.3",
    paper="about 5 for images and sums, about 100 for language",
    threshold=0.005,
    direction="above",
    no_effect=0.0,
    threshold_text="on the chain, the flattest and the deepest shape both lose over 0.005 nats a "
    "token more than the best between them",
)

CLAIMS = (
    *(CONSTANT, OFFSET, AGREE, ALLOCATION, COARSER, SINGLE, INFORMATION, BLANKS, BOTH),
    *(HARDER, CLASSIFIER, ASPECT),
)
"""All of them, in the order of the paper."""
