"""Generated tasks: what is asked has the answer that is given, and examples are no questions."""

import pytest

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import write_prompts
from glasshouse.evaluate.few_shot.generators import (
    ARITHMETIC,
    RELATIONS,
    UNSCRAMBLING,
    Materials,
    Size,
    analogies,
    arithmetic,
    cloze,
    common_words,
    in_context_task,
    make_task,
    novel_words,
    standard_prose,
    task_names,
    translation,
    unscrambling,
)
from glasshouse.world import World
from glasshouse.world.languages import lexicon

SMALL = Size(num_samples=30, num_shots=10)
WORDS = {"plus": "+", "minus": "-", "times": "*"}


@pytest.fixture(scope="module")
def words() -> list[str]:
    return common_words(standard_prose())


class TestArithmetic:
    @pytest.mark.parametrize("kind", ARITHMETIC)
    def test_is_right(self, kind):
        """Python's own arithmetic agrees with every answer."""
        task = arithmetic(kind, SMALL)
        for sample in (*task.samples, *task.shots):
            asked = sample.input.removeprefix("Q: What is ").removesuffix("?\n\nA:")
            asked = " ".join(WORDS.get(word, word) for word in asked.split())
            assert eval(asked) == int(sample.target)

    def test_has_the_digits_it_says(self):
        """Numbers of five digits are drawn from [0, 100000), so nearly all have five."""
        numbers = [
            int(word)
            for sample in arithmetic("5da", Size(num_samples=200, num_shots=0)).samples
            for word in sample.doc["asked"].split(" plus ")
        ]
        assert max(numbers) < 100_000
        assert sum(number >= 10_000 for number in numbers) > 0.8 * len(numbers)

    def test_writes_the_released_prompt(self):
        """Byte for byte, so that published numbers are about the same question."""
        task = arithmetic("3da", Size(num_samples=1, num_shots=1))
        prompt = write_prompts(task, num_fewshot=1, seed=0)[0]
        shot = task.shots[0]
        assert prompt.text == f"{shot.input} {shot.target}\n\n{task.samples[0].input}"
        assert task.samples[0].input.startswith("Q: What is ")
        assert task.samples[0].input.endswith("?\n\nA:")


class TestUnscrambling:
    @pytest.mark.parametrize("kind", UNSCRAMBLING)
    def test_keeps_the_letters(self, kind, words):
        """A spoilt word is never the word, and holds all its letters."""
        for sample in unscrambling(kind, words, SMALL).samples:
            spoilt = sample.input.removesuffix(" =")
            assert spoilt != sample.target
            letters = [letter for letter in spoilt if letter.isalpha()]
            assert sorted(letters) == sorted(sample.target)

    def test_keeps_ends_of_anagrams(self, words):
        """The first and the last letter, or the first and the last two."""
        for kind, kept in (("anagrams1", 1), ("anagrams2", 2)):
            for sample in unscrambling(kind, words, SMALL).samples:
                spoilt = sample.doc["spoilt"]
                assert (spoilt[0], spoilt[-kept:]) == (sample.target[0], sample.target[-kept:])

    def test_turns_reverses_and_inserts(self, words):
        """Each way is the way it is called."""
        for sample in unscrambling("cycle_letters", words, SMALL).samples:
            assert sample.doc["spoilt"] in sample.target * 2
        for sample in unscrambling("reversed_words", words, SMALL).samples:
            assert sample.doc["spoilt"] == sample.target[::-1]
        for sample in unscrambling("random_insertion", words, SMALL).samples:
            assert sample.doc["spoilt"][::2] == sample.target

    def test_refuses_too_few_words(self):
        """A sentence, with the numbers."""
        with pytest.raises(InputError, match="1 usable words"):
            unscrambling("cycle_letters", ["garden", "tea"], SMALL)


class TestWords:
    def test_asks_for_one_of_two_invented_words(self):
        """The kind that was told of the one asked is right, the other's is a choice as well."""
        for sample in novel_words(SMALL).samples:
            assert f'A "{sample.doc["word"]}" is a kind of {sample.target}.' in sample.input
            assert sample.input.count("is a kind of") == 2
            assert sample.choices[sample.gold] == sample.target

    def test_leaves_out_a_word_that_was_named(self):
        """What cannot be told from the passage is not asked."""
        for form in ("continue", "blank"):
            for sample in cloze(standard_prose(), form, SMALL).samples:
                word = sample.doc["word"]
                assert sample.target == f" {word}"
                assert word.lower() in sample.doc["passage"].lower()
                assert ("____. ->" in sample.input) == (form == "blank")

    def test_refuses_a_text_without_passages(self):
        """Rather than asking fewer questions in silence."""
        with pytest.raises(InputError, match="the text has 0 passages"):
            cloze("too short.", "continue", SMALL)


class TestTranslation:
    def test_follows_the_lexicon_both_ways(self):
        """A word and its translation name the same concept."""
        there, back = translation("velan", size=SMALL), translation("velan", size=SMALL, back=True)
        for sample in there.samples:
            assert lexicon("velan").concepts[sample.target] == sample.doc["from"]
        for sample in back.samples:
            assert lexicon("velan").words[sample.target] == sample.doc["from"]

    def test_asks_for_no_word_that_stays(self):
        """A tenth of Dorric's words are Common's; copying would get them right."""
        for sample in translation("dorric", size=SMALL).samples:
            assert sample.target != sample.doc["from"]

    def test_puts_the_verb_last_in_velan(self):
        """Sentences are in the other language's order."""
        task = translation("velan", "sentences", SMALL)
        for sample in task.samples:
            assert lexicon("velan").concepts[sample.target.split()[-1]] in sample.doc["from"]

    def test_refuses_common(self):
        """There is nothing to translate."""
        with pytest.raises(InputError, match="velan or dorric"):
            translation("common")


class TestAnalogies:
    @pytest.mark.parametrize("relation", RELATIONS)
    def test_offers_five_of_which_one_is_right(self, relation):
        """The pair asked for is of the relation, and no other choice would make one."""
        pairs = RELATIONS[relation]
        for sample in analogies(relation, Size(num_samples=12, num_shots=4)).samples:
            c = sample.doc["terms"][2]
            assert len(set(sample.choices)) == 5
            assert [choice for choice in sample.choices if (c, choice) in pairs] == [sample.target]
            assert sample.choices[sample.gold] == sample.target

    def test_is_never_its_own_second_term(self):
        """Repeating what was said is wrong."""
        for sample in analogies(size=SMALL).samples:
            assert sample.doc["terms"][1] != sample.target


class TestCatalogue:
    def test_makes_every_task_in_the_worlds_words(self):
        """A model of the world can read and answer all that begins with world_."""
        world = World(3)
        materials = Materials(size=Size(num_samples=3, num_shots=0), world=world)
        names = [name for name in task_names() if name.startswith("world_")]
        assert len(names) > 20
        for name in names:
            task = make_task(name, materials)
            assert task.name == name
            for prompt, sample in zip(
                write_prompts(task, num_fewshot=2, seed=1), task.samples, strict=True
            ):
                world.vocabulary.encode(prompt.text + task.target_delimiter + sample.target)

    def test_makes_every_task_that_it_lists(self):
        """Without being told how many, whatever there is to ask."""
        materials = Materials()
        for name in task_names():
            assert len(make_task(name, materials).samples) >= 3

    def test_names_tasks_after_themselves(self):
        """What is asked for is what results say."""
        materials = Materials(size=Size(num_samples=4, num_shots=2))
        for name in task_names():
            if not name.startswith("world_"):
                task = make_task(name, materials)
                assert (task.name, len(task.samples), len(task.shots)) == (name, 4, 2)
                asked = {sample.input for sample in task.samples}
                assert not asked & {sample.input for sample in task.shots}

    def test_tells_a_documents_own_rule(self):
        """A map that holds in one document only is asked where it was told."""
        task = in_context_task(World(1), "fixed-map", Size(num_samples=20, num_shots=0))
        for sample in task.samples:
            assert f"{sample.doc['asked']} -> {sample.target} ." in sample.input

    def test_is_the_same_for_the_same_seed(self):
        """And another for another."""
        one, again, other = (
            make_task("analogies", Materials(size=Size(num_samples=5, num_shots=0, seed=seed)))
            for seed in (1, 1, 2)
        )
        assert one.samples == again.samples != other.samples

    def test_refuses_more_questions_than_there_are(self):
        """Rather than asking one twice."""
        with pytest.raises(InputError, match="different questions"):
            make_task("world_opposite", Materials(size=Size(num_samples=50)))
