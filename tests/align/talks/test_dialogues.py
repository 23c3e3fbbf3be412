"""Dialogues in every layout: what is written, whose tokens they are, and what is refused."""

import pytest

from glasshouse.align.talks.dialogues import (
    Dialogue,
    Layout,
    Turn,
    human_assistant_layout,
    parse_human_assistant,
    template_layout,
    word_layout,
)
from glasshouse.errors import InputError
from glasshouse.models import Tokenizer, train_bpe, word_tokenizer

TALK: Dialogue = (
    Turn("human", "Can you help?"),
    Turn("assistant", "Yes, of course."),
    Turn("human", "Thanks!"),
    Turn("assistant", "Gladly."),
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(["a text to have merges of, a text"], vocab_size=270)


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    tokens = ("<doc>", "<end>", "Human", "Assistant", ":", "who", "is", "mira", "?", "a", ".")
    return word_tokenizer(list(tokens), end_token="<end>")


def replies(tokenizer: Tokenizer, layout: Layout, dialogue: Dialogue) -> list[str]:
    """The texts of runs of tokens that are the assistant's."""
    found = layout(dialogue)
    runs: list[list[int]] = []
    before = False
    for token, own in zip(found.ids, found.is_reply, strict=True):
        if own:
            if not before:
                runs.append([])
            runs[-1].append(token)
        before = own
    return [tokenizer.decode(run) for run in runs]


class TestHumanAssistant:
    def test_reads_what_it_writes(self, tokenizer):
        """Turn for turn, a system's words before them."""
        talk = (Turn("system", "Be kind."), *TALK)
        found = human_assistant_layout(tokenizer)(talk)
        text = tokenizer.decode(found.ids)
        assert text.startswith("Be kind.\n\nHuman: Can you help?\n\nAssistant: Yes, of course.")
        assert parse_human_assistant(text.replace(tokenizer.end_token or "", "")) == talk

    def test_knows_what_the_assistant_wrote(self, tokenizer):
        """With the end of each reply, and without its name."""
        end = tokenizer.end_token
        layout = human_assistant_layout(tokenizer)
        assert replies(tokenizer, layout, TALK) == [f" Yes, of course.{end}", f" Gladly.{end}"]

    def test_opens_a_reply_as_training_saw_it(self, tokenizer):
        """A prompt is the beginning of the dialogue with its reply, token for token."""
        layout = human_assistant_layout(tokenizer)
        opened, whole = layout(TALK[:3], opens_reply=True), layout(TALK)
        assert whole.ids[: len(opened.ids)] == opened.ids
        assert whole.is_reply[len(opened.ids)]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("no turns here", "no turns"),
            ("\n\nHuman: \n\nAssistant: hi", r"turn 1 \(human\) is empty"),
            ("\n\nHuman: a\n\nHuman: b", "both the human's"),
        ],
    )
    def test_refuses_what_is_no_dialogue(self, text, sentence):
        """By turn."""
        with pytest.raises(InputError, match=sentence):
            parse_human_assistant(text)

    def test_leaves_out_a_reply_that_is_to_come(self):
        """As prompts for sampling end."""
        assert parse_human_assistant("\n\nHuman: a\n\nAssistant:") == (Turn("human", "a"),)


class TestWords:
    def test_is_the_world_s_own_prompt(self, words):
        """As `Request.prompt` writes it."""
        layout = word_layout(words)
        talk = (Turn("human", "who is mira ?"), Turn("assistant", "a mira ."))
        opened = layout(talk[:1], opens_reply=True)
        assert words.decode(opened.ids) == "<doc> Human : who is mira ? <end> Assistant :"
        assert replies(words, layout, talk) == ["a mira . <end>"]

    def test_has_no_place_for_a_system(self, words):
        """Nor does it need one."""
        with pytest.raises(InputError, match="no place for a system"):
            word_layout(words)((Turn("system", "a"), Turn("human", "is")))


class TestTemplate:
    def test_finds_replies_in_any_template(self, tokenizer):
        """By what each adds, up to the token that ends it; the line break behind is no reply's."""
        layout = template_layout(tokenizer, CHATML)
        end = "<|im_end|>"
        assert replies(tokenizer, layout, TALK) == [f"Yes, of course.{end}", f"Gladly.{end}"]

    def test_agrees_with_transformers(self, tokenizer, tmp_path):
        """Text for text, reply to come or not."""
        transformers = pytest.importorskip("transformers")
        tokenizer.save(tmp_path)
        theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
        theirs.chat_template = CHATML
        names = {"human": "user", "assistant": "assistant"}
        for talk, opens in ((TALK, False), (TALK[:3], True)):
            messages = [{"role": names[t.role], "content": t.text} for t in talk]
            text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=opens)
            layout = template_layout(tokenizer, CHATML)
            assert tokenizer.decode(layout(talk, opens_reply=opens).ids) == text

    def test_refuses_a_template_that_drops_the_system(self, tokenizer):
        """Nobody would notice otherwise."""
        deaf = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
        layout = template_layout(tokenizer, deaf)
        assert tokenizer.decode(layout(TALK[:1]).ids) == "[Can you help?]"
        with pytest.raises(InputError, match="drops the system"):
            layout((Turn("system", "Be kind."), *TALK))

    def test_refuses_templates_that_rewrite_the_past(self, tokenizer):
        """Then no token can be said to be the reply's."""
        shifty = "{{ messages | length }}{% for m in messages %}[{{ m.content }}]{% endfor %}"
        with pytest.raises(InputError, match="differently once others follow"):
            template_layout(tokenizer, shifty)(TALK)

    def test_refuses_broken_and_unwilling_templates(self, tokenizer):
        """In a sentence each."""
        with pytest.raises(InputError, match="cannot be read"):
            template_layout(tokenizer, "{% for %}")
        unwilling = "{{ raise_exception('only one turn') }}"
        with pytest.raises(InputError, match="refuses the dialogue: only one turn"):
            template_layout(tokenizer, unwilling)(TALK)

    def test_keeps_templates_in_their_cage(self, tokenizer):
        """They come with weights from anywhere."""
        escape = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
        with pytest.raises(InputError, match="fails on this dialogue"):
            template_layout(tokenizer, escape)(TALK)
