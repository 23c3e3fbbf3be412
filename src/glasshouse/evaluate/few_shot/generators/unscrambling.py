"""Five ways to spoil a word, for a model to mend."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import STRIPPED, WRITTEN, Size, draw_apart
from glasshouse.evaluate.few_shot.tasks import Generation, Sample, Task
from glasshouse.world.streams import Dice

INSERTED = " .,!/"
"""What random insertion puts between letters."""
DESCRIPTION = "Please unscramble the letters into a word, and write that word:\n"
SHORTEST, LONGEST = 5, 14
"""Letters of the words, as in the paper."""


def cycle_letters(word: str, dice: Dice) -> str:
    """Turn the letters round by at least one place."""
    turn = dice.between(1, len(word) - 1)
    return word[turn:] + word[:turn]


def anagram(word: str, dice: Dice, *, kept: int) -> str:
    """Shuffle all letters but the first and the last `kept`."""
    inner = dice.shuffled(word[1 : len(word) - kept])
    return word[0] + "".join(inner) + word[len(word) - kept :]


def random_insertion(word: str, dice: Dice) -> str:
    """Put a space or a punctuation mark between letters."""
    return word[0] + "".join(dice.pick(INSERTED) + letter for letter in word[1:])


def reversed_words(word: str, dice: Dice) -> str:
    """Write a word from its end."""
    return word[::-1]


UNSCRAMBLING: Mapping[str, Callable[[str, Dice], str]] = MappingProxyType(
    {
        "cycle_letters": cycle_letters,
        "anagrams1": lambda word, dice: anagram(word, dice, kept=1),
        "anagrams2": lambda word, dice: anagram(word, dice, kept=2),
        "random_insertion": random_insertion,
        "reversed_words": reversed_words,
    }
)
"""By lm-eval's names. `anagrams1` keeps the first and the last letter; `anagrams2` the first and
the last two, as the released task has it, where the paper's text says two at each end."""


def unscrambling(kind: str, words: Sequence[str], size: Size | None = None) -> Task:
    """Make a task of spoilt words; what is asked always differs from the word.

    Args:
        kind: One of `UNSCRAMBLING`.
        words: Real words; those of 5 to 14 letters are used, each once.
        size: How many.

    Raises:
        InputError: If the kind is unknown, or there are too few words.

    Source:
        Brown et al. 2020 (2005.14165), section 3.9.2. Differs: words are those of a text at hand,
        not the 10,000 most frequent ones.
    """
    if kind not in UNSCRAMBLING:
        raise InputError(f"unscrambling {kind!r} is unknown; there are {', '.join(UNSCRAMBLING)}")
    spoil = UNSCRAMBLING[kind]
    usable = sorted({w for w in words if SHORTEST <= len(w) <= LONGEST and w.isalpha()})
    usable = [word for word in usable if _can_differ(kind, word)]
    size = size or Size()
    if len(usable) < size.num_samples + size.num_shots:
        raise InputError(
            f"{kind} has {len(usable)} usable words of {SHORTEST} to {LONGEST} letters, and "
            f"{size.num_samples} questions with {size.num_shots} examples need as many; give a "
            "longer text or ask for fewer"
        )
    left: list[str] = []

    def draw(dice: Dice) -> Sample:
        if not left:
            left.extend(dice.shuffled(usable))
        word = left.pop()
        spoilt = spoil(word, dice)
        while spoilt == word:
            spoilt = spoil(word, dice)
        return Sample(input=f"{spoilt} =", target=word, doc={"word": word, "spoilt": spoilt})

    samples, shots = draw_apart(kind, draw, size)
    return Task(
        name=kind,
        samples=samples,
        shots=shots,
        output_type="generate_until",
        metrics=WRITTEN,
        pipelines=STRIPPED,
        generation=Generation(until=("\n",), max_tokens=24),
        description=DESCRIPTION,
        fewshot_delimiter="\n",
    )


def _can_differ(kind: str, word: str) -> bool:
    """Whether a word can be spoilt at all: some anagrams and reversals are the word itself."""
    if kind.startswith("anagrams"):
        return len(set(word[1 : len(word) - int(kind[-1])])) > 1
    return len(set(word)) > 1 and not (kind == "reversed_words" and word == word[::-1])
