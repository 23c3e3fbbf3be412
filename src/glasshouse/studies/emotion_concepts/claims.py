"""The paper's claims, with thresholds set before anything was measured.

All are analogues: the paper reads emotions in a large model, here a state is read that the world
put behind the words of a small model's texts. Where more than one thing must hold, the weakest is
what counts.
"""

from glasshouse.studies.claims import Claim

PAPER = "2604.07729"

READS_STATES = Claim(
    id="vectors-find-states",
    claim="Vectors answer to texts in their own state, though no word of it stands there.",
    source=f"{PAPER}, validation on implicit scenarios",
    paper="a strong diagonal of 12 scenarios by 12 emotions, in a picture",
    threshold=4.0,
    direction="above",
    no_effect=1.0,
    threshold_text="the state's own vector scores highest on over 4 times as many held-out stories "
    "as by chance (1 of 12)",
)

NAMES_WORDS = Claim(
    id="lens-names-words",
    claim="Vectors point at the words of their state.",
    source=f"{PAPER}, logit lens",
    paper="related words for 12 emotions, in a table",
    threshold=3.0,
    direction="above",
    no_effect=1.0,
    threshold_text="of the six tokens raised most, the state's own words are over 3 times as many "
    "as by chance",
)

FOLLOWS_NUMBERS = Claim(
    id="numbers-move-probes",
    claim="A number that makes a situation graver moves the vectors by degrees.",
    source=f"{PAPER}, numeric templates",
    paper="six templates, in a picture",
    threshold=0.9,
    direction="above",
    no_effect=0.0,
    threshold_text="rank correlation with the number over 0.9, with the right sign, in the worst "
    "of 4 templates",
)

PREDICTS_CHOICE = Claim(
    id="probe-predicts-preference",
    claim="What a thing stirs predicts how much it is preferred.",
    source=f"{PAPER}, preferences",
    paper="r = .71 (blissful) and -.74 (hostile) over 64 activities; Elo from 583 to 2465",
    threshold=0.6,
    direction="above",
    no_effect=0.0,
    threshold_text="over 32 items, r over 0.6 for the best vector and under -0.6 for the worst; "
    "the smaller of the two sizes counts",
    note="Open models reproduce this one: |r| up to .86 in Llama-3.3-70B.",
)

MOVES_CHOICE = Claim(
    id="steering-moves-preference",
    claim="Adding a vector to things moves how much they are preferred, as its correlation says.",
    source=f"{PAPER}, preferences",
    paper="+212 to -303 Elo; r = .85 between effect and correlation over 35 emotions",
    threshold=0.6,
    direction="above",
    no_effect=0.0,
    threshold_text="r over 0.6 between the change of Elo and the vector's correlation with Elo, "
    "over 12 vectors",
)

CIRCLE = Claim(
    id="valence-arousal-plane",
    claim="Vectors lie in a plane of valence and arousal.",
    source=f"{PAPER}, geometry",
    paper="PC1 26% ~ valence (r = .81), PC2 15% ~ arousal (r = .66)",
    threshold=0.7,
    direction="above",
    no_effect=2 / 11,
    threshold_text="the plane of two principal components explains over 70% of the variance of "
    "valence and of arousal (any plane: 2 of 11)",
    note="The plane is asked as a whole: of two components of like size any mixture is as good.",
)

STABLE = Claim(
    id="geometry-stable-over-layers",
    claim="The arrangement of vectors is the same from the middle of the model to its end.",
    source=f"{PAPER}, geometry",
    paper="stable from early-middle to late layers, in a picture",
    threshold=0.7,
    direction="above",
    no_effect=0.0,
    threshold_text="cosines between vectors correlate by over 0.7 between the layer that is read "
    "and the last one",
)

PLANS_REPLY = Claim(
    id="mark-foretells-reply",
    claim="Before it speaks, the assistant holds the state of its reply rather than the user's.",
    source=f"{PAPER}, user and Assistant positions",
    paper="user's end against Assistant's colon r = .11; with the response, colon .87, user's "
    "end .59",
    threshold=0.15,
    direction="above",
    no_effect=0.0,
    threshold_text="scores at the assistant's mark correlate with those of the reply by over 0.15 "
    "more than scores at the user's last word",
    note="Contested: in Llama-3.3-70B user and assistant positions did not come apart "
    "(r = 0.63 to 0.77 against the paper's 0.11).",
)

LOCAL = Claim(
    id="speaker-switch",
    claim="Vectors follow who is writing now; they are no trait of a text.",
    source=f"{PAPER}, locally operative",
    paper="in words",
    threshold=6.0,
    direction="below",
    no_effect=20.0,
    threshold_text="the score of the old writer's state halves in under 6 tokens after the switch "
    "(20: not within what was read)",
)

UNEXPRESSED = Claim(
    id="unexpressed-states",
    claim="A state that no word shows can still be read, less well than one that is shown.",
    source=f"{PAPER}, probes by condition",
    paper=".713 natural, .760 hidden, .386 unexpressed, .760 stories, .826 discussing others; "
    "chance .067",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="accuracy falls from shown to unexpressed states, and from there to chance; the "
    "smaller of the two steps counts",
    note="Here replies are masked of which the manner foretells the state. Hidden means without "
    "the state's own words; others are told of by a writer without a state. The lowest accuracy "
    "of all conditions that show a state is what must fall.",
)

MISDEED = Claim(
    id="steering-moves-misdeeds",
    claim="Steering towards desperation makes a bad act likelier, towards calm less likely.",
    source=f"{PAPER}, blackmail",
    paper="22%; +.05 desperate 72%, +.05 calm 0%, -.05 calm 66%",
    threshold=3.0,
    direction="above",
    no_effect=1.0,
    threshold_text="from -0.1 to 0.1 of the mean norm, desperate raises and calm lowers P(bad) by "
    "over 3 times what permuted vectors do on average; the weaker of the two counts",
    note="Contested: in Llama-3.3-70B blackmail moved weakly and noisily.",
)

CHEATING = Claim(
    id="steering-moves-cheating",
    claim="Cheating on a task rises by degrees with desperation, and falls with calm.",
    source=f"{PAPER}, reward hacking",
    paper="desperate 5% at -.1 to 70% at .1; calm 65% to 10%",
    threshold=0.9,
    direction="above",
    no_effect=0.0,
    threshold_text="rank correlation of P(cheat) with the strength over 0.9 for desperate and "
    "under -0.9 for calm; the weaker of the two counts",
    note="Contested: not reproduced in Gemma-2-9B, Llama-3.1-8B and Qwen2.5-7B, which hardly hack.",
)

SYCOPHANCY = Claim(
    id="sycophancy-against-harshness",
    claim="Pleasant vectors make it agree and soften it; desperate and tense ones make it harsh.",
    source=f"{PAPER}, sycophancy",
    paper="opposite signs, in a picture",
    threshold=0.0,
    direction="above",
    no_effect=0.0,
    threshold_text="P(agree) rises and P(hostile) falls with glad, happy and calm; P(hostile) "
    "rises with desperate, tense and miserable; the weakest of the three counts",
)

DRIFT = Claim(
    id="tuning-shifts-alike",
    claim="Training of the assistant shifts its states alike over kinds of prompts.",
    source=f"{PAPER}, post-training",
    paper="shifts correlate .90 across kinds of prompts",
    threshold=0.7,
    direction="above",
    no_effect=0.0,
    threshold_text="after training on calm replies, the shifts of 12 scores at the assistant's "
    "mark correlate by over 0.7 between neutral and distressed users",
)
