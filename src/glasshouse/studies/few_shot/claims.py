"""The paper's claims about learning from examples, with thresholds set before any measurement."""

from glasshouse.studies.claims import Claim

PAPER = "Brown et al. 2020 (2005.14165)"

FEW_OVER_ZERO = Claim(
    id="few-over-one-over-zero",
    claim="More examples in front of a question make the largest model right more often.",
    source=f"{PAPER}, section 3",
    paper="few-shot above one-shot above zero-shot in nearly all tasks",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="on hidden functions, four examples over one and one over none: the smaller of "
    "the two gains is above 2 points",
)

GAP_GROWS = Claim(
    id="gap-grows-with-size",
    claim="What examples add grows with the model.",
    source=f"{PAPER}, figures 1.2 and 1.3",
    paper="read off figures",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="on hidden functions, four examples less none: more than 10 points larger for "
    "the largest model than for the smallest",
)

STEEPER = Claim(
    id="steeper-in-examples",
    claim="Accuracy rises more steeply with the number of examples in larger models.",
    source=f"{PAPER}, figure 1.2",
    paper="read off a figure",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="slope for each doubling from one example to four: the largest model's is more "
    "than 2 points above that of any other",
)

SUMS_ORDER = Claim(
    id="shorter-sums-are-easier",
    claim="Sums are the harder, the more digits they have.",
    source=f"{PAPER}, table 3.9",
    paper="100, 80, 26 and 9 % for two to five digits",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="largest model, three examples: one digit over two and two over three, the "
    "smaller difference is above 2 points",
)

SUMS_JUMP = Claim(
    id="sums-jump-at-the-end",
    claim="Sums jump at the largest model.",
    source=f"{PAPER}, section 3.9.1",
    paper="the second largest has half of two-digit sums and below 10 % of all others",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="mean over one to three digits: the last step in size gains over 5 points more "
    "than the one before",
)

INSERTION_FIRST = Claim(
    id="insertion-is-easiest",
    claim="Of five ways to spoil a word, random insertion is mended best.",
    source=f"{PAPER}, table 3.10",
    paper="67 %, the next best 40 %",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="largest model, two examples, words never seen scrambled: over 2 points above "
    "any other",
)

REVERSED_LAST = Claim(
    id="reversal-is-hardest",
    claim="Reversed words are mended worst.",
    source=f"{PAPER}, table 3.10",
    paper="0.4 %, the next worst 15 %",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="the same: over 2 points below any other",
    note="The paper's model reads pieces of words; ours reads letters, and the next claim asks "
    "what that does.",
)

REVERSED_BY_TOKENS = Claim(
    id="reversal-suffers-from-pieces",
    claim="Reversal fails for want of letters.",
    source=f"{PAPER}, section 3.9.2",
    paper="the tokeniser is named as a reason",
    threshold=0.1,
    direction="above",
    no_effect=0.0,
    threshold_text="of two models of words alone, the one that reads letters mends over 10 points "
    "more reversed words than the one that reads syllables",
)

EXAMPLES_OVER_NAME = Claim(
    id="examples-over-instruction",
    claim="Examples help more than an instruction.",
    source=f"{PAPER}, figure 1.2",
    paper="a prompt in words helps most where there are few examples",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="largest model, hidden functions: four examples without a name over the name "
    "without examples, above 2 points",
    note="Here the instruction is a name that a part of all documents tell.",
)

NOVEL = Claim(
    id="uses-new-words",
    claim="A word that is told once is used right.",
    source=f"{PAPER}, section 3.9.5",
    paper="examples judged by hand",
    threshold=0.6,
    direction="above",
    no_effect=0.5,
    threshold_text="largest model, no examples, five choices of which two were told: above 0.6, "
    "where naming one that was told gives 0.5 and chance 0.2",
)

CLOZE_FORM = Claim(
    id="cloze-needs-its-form",
    claim="The last word is found more often where a blank says that one word is wanted.",
    source=f"{PAPER}, section 3.1.2",
    paper="86 % few-shot with blanks, 76 % zero-shot without",
    threshold=0.05,
    direction="above",
    no_effect=0.0,
    threshold_text="largest model, four examples: blanks over sentences broken off, above 5 points",
)

DETECTED = Claim(
    id="planted-questions-are-found",
    claim="A search for runs of words finds questions that were trained on.",
    source=f"{PAPER}, section 4 and appendix C",
    paper="the truth is not known there",
    threshold=0.95,
    direction="above",
    no_effect=0.0,
    threshold_text="above 95 % of planted questions are found",
)

DELTA_TRUE = Claim(
    id="clean-split-tells-the-sign",
    claim="The clean part of a test tells what contamination added.",
    source=f"{PAPER}, section 4",
    paper="all less clean, where nobody knows the truth",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="all less clean has the sign of what planting did to the same questions, told "
    "by the same model that went on without it",
)

LITTLE = Claim(
    id="contamination-changes-little",
    claim="Contamination changes scores little.",
    source=f"{PAPER}, section 4",
    paper="a few points at most in nearly all tasks",
    threshold=0.05,
    direction="below",
    no_effect=0.2,
    threshold_text="a fifth of the questions planted: all less clean is below 5 points, where it "
    "would be 20 if the planted ones, and no others, were known by heart",
)

ANALOGIES = Claim(
    id="analogies-scale",
    claim="Analogies are found more often by larger models.",
    source=f"{PAPER}, section 3.9.3",
    paper="65 %, more than 10 points above the second largest; chance is 20 %",
    threshold=0.02,
    direction="above",
    no_effect=0.0,
    threshold_text="four examples, five choices: each size over the one before, the smallest step "
    "is above 2 points",
)

CLAIMS = (
    FEW_OVER_ZERO,
    GAP_GROWS,
    STEEPER,
    SUMS_ORDER,
    SUMS_JUMP,
    INSERTION_FIRST,
    REVERSED_LAST,
    REVERSED_BY_TOKENS,
    EXAMPLES_OVER_NAME,
    NOVEL,
    CLOZE_FORM,
    DETECTED,
    DELTA_TRUE,
    LITTLE,
    ANALOGIES,
)
"""All of them, in the order of the specification."""
