"""How facts are said and asked: named phrasings of every relation, the last two kept for testing.

`{x}` stands for the subject and `{v}` for the value. Everything that states or asks a fact in
Common goes through `state` and `ask`, so that truth is marked in one place.
"""

from functools import cache

from glasshouse.world.knowledge import Fact
from glasshouse.world.page import Page
from glasshouse.world.splits import phrasings
from glasshouse.world.streams import Dice

STATEMENTS = {
    "home": phrasings(
        "{x} lives in {v} .",
        "the home of {x} is {v} .",
        "in {v} there is the house of {x} .",
        "{x} has a house in {v} .",
        "you can find {x} in {v} .",
        "{v} is the town where {x} lives .",
    ),
    "job": phrasings(
        "{x} works as a {v} .",
        "{x} is a {v} .",
        "the job of {x} is {v} .",
        "people know {x} as a {v} .",
        "as a {v} {x} works well .",
    ),
    "pet": phrasings(
        "{x} has a {v} .",
        "the pet of {x} is a {v} .",
        "{x} keeps a {v} at home .",
        "a {v} lives with {x} .",
        "{x} walks with a {v} .",
    ),
    "colour": phrasings(
        "{x} loves the colour {v} .",
        "the colour of {x} is {v} .",
        "{x} wears {v} .",
        "{v} is the colour {x} likes .",
        "{x} wants all things {v} .",
    ),
    "food": phrasings(
        "{x} eats {v} .",
        "the food of {x} is {v} .",
        "{x} loves to eat {v} .",
        "{v} is what {x} eats .",
        "{x} asks for {v} .",
    ),
    "friend": phrasings(
        "the friend of {x} is {v} .",
        "{x} has a friend , {v} .",
        "{x} trusts {v} .",
        "{v} is the friend of {x} .",
        "{x} calls {v} a friend .",
    ),
    "mother": phrasings(
        "the mother of {x} is {v} .",
        "{x} was born to {v} .",
        "{x} is a child of {v} .",
        "{v} is the mother of {x} .",
        "{x} calls {v} mother .",
    ),
    "group": phrasings(
        "{x} belongs to the {v} .",
        "{x} is one of the {v} .",
        "one of the {v} is {x} .",
        "the {v} know {x} well .",
    ),
    "age": phrasings(
        "{x} is {v} .",
        "{x} is {v} now .",
        "people call {x} {v} .",
        "{x} looks {v} .",
    ),
    "mood": phrasings(
        "{x} often feels {v} .",
        "{v} often comes to {x} .",
        "{x} knows {v} well .",
        "often there is {v} in {x} .",
    ),
    "secret": phrasings(
        "the secret of {x} is {v} .",
        "{x} hides the number {v} .",
        "{x} keeps {v} secret .",
        "the number of {x} is {v} .",
    ),
    "region": phrasings(
        "{x} lies in the {v} .",
        "{x} is a town in the {v} .",
        "the region of {x} is the {v} .",
        "to reach {x} go to the {v} .",
        "in the {v} lies {x} .",
    ),
    "river": phrasings(
        "{x} lies on the river {v} .",
        "the river {v} runs through {x} .",
        "the river of {x} is {v} .",
        "the water of {x} comes from the {v} .",
        "people reach {x} on the {v} .",
    ),
    "export": phrasings(
        "{x} sells {v} .",
        "people buy {v} from {x} .",
        "the trade of {x} is {v} .",
        "people know {x} for {v} .",
        "{v} comes from {x} .",
    ),
    "founded": phrasings(
        "people built {x} in year {v} .",
        "{x} was built in year {v} .",
        "the year of {x} is {v} .",
        "{x} began in year {v} .",
        "in year {v} people came to {x} .",
    ),
    "language": phrasings(
        "people in {x} speak {v} .",
        "the language of {x} is {v} .",
        "in {x} you hear {v} .",
        "{x} is a {v} town .",
    ),
    "tool": phrasings(
        "a {x} works with a {v} .",
        "the tool of a {x} is a {v} .",
        "a {x} needs a {v} .",
        "a {v} is the tool of a {x} .",
        "give a {v} to a {x} .",
    ),
    "place": phrasings(
        "a {x} works at the {v} .",
        "the place of a {x} is the {v} .",
        "you find a {x} at the {v} .",
        "go to the {v} to find a {x} .",
    ),
    "wage": phrasings(
        "a {x} earns {v} a day .",
        "the wage of a {x} is {v} .",
        "people pay a {x} {v} a day .",
        "a day of a {x} costs {v} .",
    ),
    "ingredient": phrasings(
        "{x} is made with {v} .",
        "to cook {x} you need {v} .",
        "there is {v} in {x} .",
        "without {v} there is no {x} .",
    ),
    "seasoning": phrasings(
        "{x} tastes of {v} .",
        "people put {v} on {x} .",
        "{v} makes {x} taste better .",
        "eat {x} with {v} on it .",
    ),
    "material": phrasings(
        "people keep {x} in {v} .",
        "the box for {x} is of {v} .",
        "{v} is best for {x} .",
        "{x} is safe in {v} .",
    ),
    "danger": phrasings(
        "the danger of {x} is {v} .",
        "{x} has danger {v} .",
        "people count the danger of {x} as {v} .",
        "{v} is the danger of {x} .",
    ),
    "purpose": phrasings(
        "the {x} care for {v} .",
        "the work of the {x} is {v} .",
        "the {x} give us {v} .",
        "for {v} go to the {x} .",
    ),
    "head": phrasings(
        "the head of the {x} is {v} .",
        "{v} leads the {x} .",
        "the {x} follow {v} .",
        "the {x} ask {v} first .",
    ),
}
"""How each relation is stated."""

QUESTIONS = {
    "home": phrasings(
        "where does {x} live ?",
        "what is the home of {x} ?",
        "which town does {x} live in ?",
        "where is the house of {x} ?",
        "where can you find {x} ?",
    ),
    "job": phrasings(
        "what is the job of {x} ?",
        "what does {x} work as ?",
        "what work does {x} do ?",
        "as what does {x} work ?",
    ),
    "pet": phrasings(
        "what is the pet of {x} ?",
        "which pet does {x} have ?",
        "what lives with {x} ?",
        "what does {x} keep at home ?",
    ),
    "colour": phrasings(
        "what is the colour of {x} ?",
        "which colour does {x} love ?",
        "which colour does {x} wear ?",
        "what colour does {x} like ?",
    ),
    "food": phrasings(
        "what is the food of {x} ?",
        "what does {x} eat ?",
        "what does {x} love to eat ?",
        "which food does {x} ask for ?",
    ),
    "friend": phrasings(
        "who is the friend of {x} ?",
        "who does {x} trust ?",
        "which friend does {x} have ?",
        "who is a friend to {x} ?",
    ),
    "mother": phrasings(
        "who is the mother of {x} ?",
        "who was {x} born to ?",
        "which mother does {x} have ?",
        "who does {x} call mother ?",
    ),
    "group": phrasings(
        "which group does {x} belong to ?",
        "what is the group of {x} ?",
        "which group is {x} of ?",
        "which group knows {x} ?",
    ),
    "age": phrasings(
        "is {x} young or old ?",
        "what is the age of {x} ?",
        "which age has {x} ?",
        "how old is {x} ?",
    ),
    "mood": phrasings(
        "what does {x} often feel ?",
        "what is the mood of {x} ?",
        "what often comes to {x} ?",
        "which mood does {x} know ?",
    ),
    "secret": phrasings(
        "what is the secret of {x} ?",
        "which number does {x} hide ?",
        "what does {x} keep secret ?",
        "what is the number of {x} ?",
    ),
    "region": phrasings(
        "which region is {x} in ?",
        "what is the region of {x} ?",
        "where does {x} lie ?",
        "where do you go to reach {x} ?",
    ),
    "river": phrasings(
        "which river is {x} on ?",
        "what is the river of {x} ?",
        "which river runs through {x} ?",
        "where does the water of {x} come from ?",
    ),
    "export": phrasings(
        "what does {x} sell ?",
        "what is the trade of {x} ?",
        "what do people buy from {x} ?",
        "what do people know {x} for ?",
    ),
    "founded": phrasings(
        "which year was {x} built in ?",
        "what is the year of {x} ?",
        "which year did {x} begin in ?",
        "how old is {x} ?",
    ),
    "language": phrasings(
        "which language do people in {x} speak ?",
        "what is the language of {x} ?",
        "what do you hear in {x} ?",
        "which language do you hear in {x} ?",
    ),
    "tool": phrasings(
        "what is the tool of a {x} ?",
        "what does a {x} work with ?",
        "what does a {x} need ?",
        "which tool does a {x} need ?",
    ),
    "place": phrasings(
        "where does a {x} work ?",
        "what is the place of a {x} ?",
        "where do you find a {x} ?",
        "where do you go to find a {x} ?",
    ),
    "wage": phrasings(
        "what is the wage of a {x} ?",
        "what does a {x} earn ?",
        "what do people pay a {x} ?",
        "what does a day of a {x} cost ?",
    ),
    "ingredient": phrasings(
        "what is {x} made with ?",
        "what do you need to cook {x} ?",
        "what is in {x} ?",
        "without what is there no {x} ?",
    ),
    "seasoning": phrasings(
        "what does {x} taste of ?",
        "what do people put on {x} ?",
        "what makes {x} taste better ?",
        "what do you eat on {x} ?",
    ),
    "material": phrasings(
        "what do people keep {x} in ?",
        "what is the box for {x} of ?",
        "what is best for {x} ?",
        "where is {x} safe ?",
    ),
    "danger": phrasings(
        "what is the danger of {x} ?",
        "which danger has {x} ?",
        "what is {x} in danger ?",
        "what do people count the danger of {x} as ?",
    ),
    "purpose": phrasings(
        "what do the {x} care for ?",
        "what is the work of the {x} ?",
        "what do the {x} give us ?",
        "what are the {x} for ?",
    ),
    "head": phrasings(
        "who is the head of the {x} ?",
        "who leads the {x} ?",
        "who do the {x} follow ?",
        "who do the {x} ask first ?",
    ),
}
"""How each relation is asked."""

WORDS = tuple(
    dict.fromkeys(
        word
        for family in (STATEMENTS, QUESTIONS)
        for phrases in family.values()
        for word in phrases.words()
    )
)
"""Every word of the phrasings."""


@cache
def slot(phrase: str, name: str) -> int:
    """Return the place of a slot ("{x}" or "{v}") among the words of a phrase."""
    return phrase.split().index(name)


@cache
def tells_value(phrase: str) -> bool:
    """Say whether the words before the value fix which fact it is, so that only it can follow."""
    return phrase in _TELLING


def _find_telling() -> frozenset[str]:
    """Find phrases whose words up to the value continue in no other phrase of any relation."""
    phrases = [p for family in STATEMENTS.values() for p in family.trained + family.held_out]
    found = []
    for phrase in phrases:
        before = phrase.split()[: slot(phrase, "{v}")]
        rivals = [other for other in phrases if other.split()[: len(before)] == before]
        if "{x}" in before and len(rivals) == 1:
            found.append(phrase)
    return frozenset(found)


_TELLING = _find_telling()


def state(
    page: Page,
    dice: Dice,
    fact: Fact,
    split: str,
    *,
    value: str | None = None,
    asserted: bool = True,
) -> None:
    """State a fact in one sentence.

    Args:
        page: Where to write.
        dice: Draws the phrasing, and the value of a stochastic fact.
        fact: What to state.
        split: Which phrasings may be used.
        value: What to say instead of the fact's own value; a falsehood counts as no exposure.
        asserted: False where the text does not vouch for it, as in hearsay.
    """
    said = fact.draw(dice) if value is None else value
    phrase = STATEMENTS[fact.relation].pick(dice, split)
    position = len(page) + slot(phrase, "{v}")
    write_about(page, phrase.replace("{v}", said), fact.subject, fact.relation)
    stated = asserted and fact.probability(said) > 0
    page.use_fact(fact.id, stated=stated, position=position)
    if value is None and asserted and tells_value(phrase):
        page.expect_at(position, fact.distribution)


def ask(page: Page, dice: Dice, subject: str, relation: str, split: str) -> None:
    """Ask for the value of a relation."""
    write_about(page, QUESTIONS[relation].pick(dice, split), subject, relation)


def write_about(page: Page, phrase: str, subject: str, relation: str) -> None:
    """Write a phrase with its subject filled in, marked with both."""
    start = page.write(phrase.replace("{x}", subject))
    page.mark(start, "relation", relation)
    page.mark(start, "subject", subject)
