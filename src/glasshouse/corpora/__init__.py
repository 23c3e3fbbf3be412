"""Sequences to grow on whose entropy is known, and images, captions and problems as sequences.

A scaling law with a constant says what the best model of any size would lose. Where a generator
knows its own entropy that constant is known too, and the fit can be checked against it.

- `domain`: what every source of sequences offers, and how its entropy is measured
- `chains`: Markov chains of any order; `quanta`: many small tasks of uneven use
- `echoes`: a chain that repeats itself, which a reader who looks back can foretell
- `fields`: images of a random process, drawn pixel by pixel; `labelled`: the same with a label
- `digits`: scans of handwritten digits; `scenes`: drawn scenes and what is said of them
- `problems`: sums, and sums told as stories
- `hidden_function`: examples of one function, and what the best reader makes of them
- `stdlib_text`: prose and code of Python's standard library, whose entropy nobody knows
"""

from glasshouse.corpora.chains import MarkovChain
from glasshouse.corpora.digits import Digits
from glasshouse.corpora.domain import Domain, Drawn, Entropy, measure_entropy
from glasshouse.corpora.echoes import Echoes
from glasshouse.corpora.fields import Field
from glasshouse.corpora.hidden_function import HiddenFunction
from glasshouse.corpora.labelled import LabelledField
from glasshouse.corpora.problems import Sums, WordProblems
from glasshouse.corpora.quanta import Quanta
from glasshouse.corpora.scenes import Scenes
from glasshouse.corpora.stdlib_text import (
    CHARACTERS,
    LibraryText,
    character_ids,
    library_text,
    parted_source,
    text_of,
)

__all__ = [
    "CHARACTERS",
    "Digits",
    "Domain",
    "Drawn",
    "Echoes",
    "Entropy",
    "Field",
    "HiddenFunction",
    "LabelledField",
    "LibraryText",
    "MarkovChain",
    "Quanta",
    "Scenes",
    "Sums",
    "WordProblems",
    "character_ids",
    "library_text",
    "measure_entropy",
    "parted_source",
    "text_of",
]
