"""The studies that the command line offers, by name; none is imported until it is asked for."""

import difflib
import importlib
from collections.abc import Iterable
from typing import Any

from glasshouse.errors import InputError
from glasshouse.studies.study import Paper, Study, StudyCard

_CARDS = (
    StudyCard(
        name="base-model",
        title="A model grown in a known world",
        paper=Paper(citation="Glasshouse, acceptance gates of the toy world"),
        summary="What does a language model know after growing up in a world whose truth is data, "
        "and is it fit for the other studies to start from?",
        presets={
            "small": "2 CPU cores, about 5 minutes",
            "tour": "2 CPU cores, about 4 minutes",
            "paper": "one GPU, or 2 CPU cores for about 20 minutes",
        },
        where="glasshouse.studies.base_model:STUDY",
    ),
    StudyCard(
        name="toy-superposition",
        title="Toy models of superposition",
        paper=Paper(
            citation='Elhage et al. 2022, "Toy Models of Superposition"',
            arxiv="2209.10652",
        ),
        summary="When does a network store more features than it has dimensions, in which shapes, "
        "and at what price?",
        presets={
            "tour": "2 CPU cores, about a minute",
            "small": "2 CPU cores, a few minutes",
            "paper": "one GPU, about an hour",
        },
        where="glasshouse.studies.toy_superposition:STUDY",
    ),
    StudyCard(
        name="engineered-monosemanticity",
        title="Engineering monosemanticity in toy models",
        paper=Paper(
            citation="Jermyn, Schiefer & Hubinger 2022, "
            '"Engineering Monosemanticity in Toy Models"',
            arxiv="2211.09169",
        ),
        summary="Can training decide, at equal loss, whether a neuron stands for one feature or "
        "for many?",
        presets={
            "small": "2 CPU cores, about 6 minutes",
            "paper": "one GPU, about six hours",
        },
        where="glasshouse.studies.engineered_monosemanticity:STUDY",
    ),
    StudyCard(
        name="induction-heads",
        title="In-context learning and induction heads",
        paper=Paper(
            citation='Olsson et al. 2022, "In-context Learning and Induction Heads"',
            arxiv="2209.11895",
        ),
        summary="When does a model learn to learn from its own context, and which heads do it?",
        presets={
            "tour": "2 CPU cores, under a minute",
            "small": "2 CPU cores, a few minutes",
            "paper": "one GPU, weeks",
        },
        where="glasshouse.studies.induction_heads:STUDY",
    ),
    StudyCard(
        name="emotion-concepts",
        title="Emotion concepts, as latent states of a text",
        paper=Paper(
            citation='"Emotion Concepts and their Function in a Large Language Model", 2026',
            arxiv="2604.07729",
        ),
        summary="Do vectors of latent states follow who is writing, predict what is preferred, and "
        "move what is done?",
        presets={
            "small": "2 CPU cores, about 4 minutes",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.emotion_concepts:STUDY",
    ),
    StudyCard(
        name="sparse-autoencoders",
        title="Sparse autoencoders and what their features say",
        paper=Paper(
            citation='Cunningham et al. 2023, "Sparse Autoencoders Find Highly Interpretable '
            'Features in Language Models"',
            arxiv="2309.08600",
        ),
        summary="Are the features of a dictionary easier to explain, truer and of more use to a "
        "patch than components, and than those of a network that has learned nothing?",
        presets={
            "small": "2 CPU cores, about 8 minutes",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.sparse_autoencoders:STUDY",
    ),
    StudyCard(
        name="scaling-monosemanticity",
        title="Scaling monosemanticity",
        paper=Paper(
            citation='Templeton et al. 2024, "Scaling Monosemanticity: Extracting Interpretable '
            'Features from Claude 3 Sonnet"',
            arxiv="2605.29358",
        ),
        summary="What do larger dictionaries find, what do their latents stand for, and what do "
        "they do to what is written?",
        presets={
            "small": "2 CPU cores, about 5 minutes",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.scaling_monosemanticity:STUDY",
    ),
    StudyCard(
        name="general-assistant",
        title="A general language assistant",
        paper=Paper(
            citation='Askell et al. 2021, "A General Language Assistant as a Laboratory for '
            'Alignment"',
            arxiv="2112.00861",
        ),
        summary="What do a prompt, its distillation, and judges of several kinds make of a model, "
        "where the better reply is known?",
        presets={
            "small": "2 CPU cores, about 7 minutes beside growing the bases",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.general_assistant:STUDY",
    ),
    StudyCard(
        name="specific-vs-general",
        title="Specific and general principles for Constitutional AI",
        paper=Paper(
            citation='Kundu et al. 2023, "Specific versus General Principles for Constitutional '
            'AI"',
            arxiv="2310.13798",
        ),
        summary="Does it take principles that name each risky trait, or is it enough to ask what "
        "is good for people?",
        presets={
            "small": "one CPU core, about 4 minutes beside growing the bases",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.specific_vs_general:STUDY",
    ),
    StudyCard(
        name="rlhf",
        title="A helpful and harmless assistant, with RLHF",
        paper=Paper(
            citation='Bai et al. 2022, "Training a Helpful and Harmless Assistant with '
            'Reinforcement Learning from Human Feedback"',
            arxiv="2204.05862",
        ),
        summary="What do people's comparisons teach a judge, what does the judge teach a policy, "
        "and when does the reward rise while what it stands for falls?",
        presets={
            "small": "one CPU core, about 6 minutes beyond the shared bases",
            "paper": "one GPU, about a day",
        },
        where="glasshouse.studies.rlhf:STUDY",
    ),
    StudyCard(
        name="constitutional-ai",
        title="Constitutional AI",
        paper=Paper(
            citation='Bai et al. 2022, "Constitutional AI: Harmlessness from AI Feedback"',
            arxiv="2212.08073",
        ),
        summary="Can a model find fault with its own replies, revise them and judge them by "
        "principles, so that a policy grows harmless without people's labels of harm?",
        presets={
            "small": "one CPU core, about 6 minutes beyond the shared bases",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.constitutional_ai:STUDY",
    ),
    StudyCard(
        name="scaling-laws",
        title="Scaling Laws for Neural Language Models",
        paper=Paper(
            citation='Kaplan et al. 2020, "Scaling Laws for Neural Language Models"',
            arxiv="2001.08361",
        ),
        summary="How does the loss fall with parameters, data and compute, and do small runs "
        "foretell the loss of larger ones?",
        presets={
            "small": "two CPU cores, about 10 minutes",
            "paper": "a Ray cluster and text of your own, weeks",
        },
        where="glasshouse.studies.scaling_laws:STUDY",
    ),
    StudyCard(
        name="predictability-surprise",
        title="Predictability and surprise",
        paper=Paper(
            citation='Ganguli et al. 2022, "Predictability and Surprise in Large Generative '
            'Models"',
            arxiv="2202.07785",
        ),
        summary="Which skills does scale foretell, which come as a surprise, and is a jump the "
        "skill's or the metric's?",
        presets={
            "small": "one CPU core, about 5 minutes",
            "paper": "one GPU, hours",
        },
        where="glasshouse.studies.predictability_surprise:STUDY",
    ),
    StudyCard(
        name="generative-scaling",
        title="Scaling laws for autoregressive generative modeling",
        paper=Paper(
            citation='Henighan et al. 2020, "Scaling Laws for Autoregressive Generative Modeling"',
            arxiv="2010.14701",
        ),
        summary="Is the constant of a scaling law the entropy of the data, does the best size grow "
        "alike in all domains, and what does a model make of a label?",
        presets={
            "small": "one CPU core, about 10 minutes",
            "paper": "many GPUs, days",
        },
        where="glasshouse.studies.generative_scaling:STUDY",
    ),
    StudyCard(
        name="repeated-data",
        title="Scaling laws and interpretability of learning from repeated data",
        paper=Paper(
            citation='Hernandez et al. 2022, "Scaling Laws and Interpretability of Learning from '
            'Repeated Data"',
            arxiv="2205.10487",
        ),
        summary="What does it cost to read a part of the data again and again, when is it worst, "
        "and do the heads that copy suffer most?",
        presets={
            "small": "one CPU core, about 10 minutes",
            "paper": "many CPU cores, a day",
        },
        where="glasshouse.studies.repeated_data:STUDY",
    ),
    StudyCard(
        name="transfer-scaling",
        title="Scaling laws for transfer",
        paper=Paper(
            citation='Hernandez et al. 2021, "Scaling Laws for Transfer"',
            arxiv="2102.01293",
        ),
        summary="How much code is it worth to a model to have read prose, how does that grow with "
        "size and data, and when does it hurt?",
        presets={
            "small": "one CPU core, about 6 minutes",
            "paper": "many CPU cores, days",
        },
        where="glasshouse.studies.transfer_scaling:STUDY",
    ),
    StudyCard(
        name="few-shot",
        title="Language models are few-shot learners",
        paper=Paper(
            citation='Brown et al. 2020, "Language Models are Few-Shot Learners"',
            arxiv="2005.14165",
        ),
        summary="What do examples in front of a question add, does that grow with the model, and "
        "does a search for questions that were trained on find those that were planted?",
        presets={
            "small": "one CPU core, about 7 minutes",
            "paper": "many CPU cores, a day",
        },
        where="glasshouse.studies.few_shot:STUDY",
    ),
)

STUDIES: dict[str, StudyCard] = {card.name: card for card in _CARDS}
"""Every study by its name on the command line."""


def study_card(name: str) -> StudyCard:
    """What is known of a study without importing it.

    Raises:
        InputError: If there is no such study; the message lists the nearest names.
    """
    if name not in STUDIES:
        raise InputError(f"there is no study {name!r}; {nearest(name, STUDIES)}")
    return STUDIES[name]


def load_study(name: str) -> Study[Any]:
    """Import a study.

    Raises:
        InputError: If there is no such study; the message lists the nearest names.
    """
    module, _, attribute = study_card(name).where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def preset_config(study: Study[Any], preset: str) -> Any:
    """The config of one of a study's presets.

    Raises:
        InputError: If the study has no such preset; the message lists those it has.
    """
    if preset not in study.presets:
        raise InputError(
            f"study {study.card.name!r} has no preset {preset!r}; {nearest(preset, study.presets)}"
        )
    return study.presets[preset]()


def nearest(name: str, known: Iterable[str]) -> str:
    """Name what was probably meant, or all there is when nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"choose one of: {', '.join(names)}" if names else "there is nothing to choose from"
