"""The chat template that a directory brings along."""

import json

import pytest
from tests.models.variants import BASE

from glasshouse.align import Turn
from glasshouse.align.talks.templates import layout_named, model_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, train_bpe
from glasshouse.models.huggingface.checkpoint import Checkpoint

TALK = (Turn("human", "Hi there"), Turn("assistant", "Hello you"))
TOKENIZER = train_bpe(["hi there, hello you"], vocab_size=260)
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
WRITTEN = "<s><user>Hi there<|endoftext|>\n<assistant>Hello you<|endoftext|>\n"


def model(**files: object) -> LanguageModel:
    carried = {
        name.replace("__", "."): value.encode()
        if isinstance(value, str)
        else json.dumps(value).encode()
        for name, value in files.items()
    }
    checkpoint = Checkpoint(family="gpt2", settings={}, carried=carried)
    return LanguageModel(Transformer(BASE), TOKENIZER, "a folder", checkpoint)


TOKENS = {"bos_token": {"content": "<s>", "lstrip": False}, "eos_token": "<|endoftext|>"}


class TestModelLayout:
    @pytest.mark.parametrize(
        "files",
        [
            {"tokenizer_config__json": TOKENS | {"chat_template": TEMPLATE}},
            {"tokenizer_config__json": TOKENS, "chat_template__jinja": TEMPLATE},
            {
                "tokenizer_config__json": {
                    "chat_template": [
                        {"name": "tool_use", "template": "no"},
                        {"name": "default", "template": TEMPLATE},
                    ]
                },
                "special_tokens_map__json": TOKENS,
            },
        ],
    )
    def test_reads_the_template_wherever_it_is(self, files):
        """With the special tokens that it names; replies and their ends are told apart."""
        rendered = model_layout(model(**files))(TALK)
        assert TOKENIZER.decode(rendered.ids) == WRITTEN
        own = [i for i, is_reply in zip(rendered.ids, rendered.is_reply, strict=True) if is_reply]
        assert TOKENIZER.decode(own) == "Hello you<|endoftext|>"

    def test_refuses_a_model_without_one(self):
        """And says where one was looked for."""
        for one in (model(), LanguageModel(Transformer(BASE), TOKENIZER, "new")):
            with pytest.raises(InputError, match=r"brings no chat template along: neither chat_te"):
                layout_named("template", one)
        with pytest.raises(InputError, match="'runes' must be one of human-assistant, w"):
            layout_named("runes", model())

    def test_refuses_a_damaged_file(self):
        """Which transformers would not read either."""
        with pytest.raises(InputError, match="no JSON"):
            model_layout(model(tokenizer_config__json="{"))
