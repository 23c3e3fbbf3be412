"""What is fed, in words: it reads as it is meant, and nothing is guessed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.report.look import parse_feeding

Z = "blocks.2.attn.z[head=5, pos=-1]"


class TestParseFeeding:
    @pytest.mark.parametrize(
        ("value", "source", "amount", "adds", "said"),
        [
            ("zero", "number", 0.0, False, "set to 0"),
            ("0.5", "number", 0.5, False, "set to 0.5"),
            ("-2", "number", -2.0, False, "set to -2"),
            ("+0.5", "number", 0.5, True, "0.5 is added"),
            ("mean", "mean", 1.0, False, "replaced by its mean over all tokens"),
            ("x0.5", "scale", 0.5, False, "multiplied by 0.5"),
            ("x-1", "scale", -1.0, False, "multiplied by -1"),
            ("f.safetensors:joy", "file", 1.0, False, "replaced by f.safetensors:joy"),
            ("+ 4*f.safetensors:joy", "file", 4.0, True, "f.safetensors:joy, times 4 is added"),
            ('from "a cat"', "prompt", 1.0, False, "replaced by the same value on “a cat”"),
            ("from a cat", "prompt", 1.0, False, "replaced by the same value on “a cat”"),
            ("-1*from a = b", "prompt", -1.0, False,
             "replaced by the same value on “a = b”, times -1"),
        ],
    )  # fmt: skip
    def test_reads_every_kind_of_value(self, value, source, amount, adds, said):
        """One syntax: a source, a factor, and whether it is added."""
        found = parse_feeding(f"{Z}={value}")
        assert (found.address, found.source, found.amount, found.adds) == (Z, source, amount, adds)
        assert str(found) == said

    def test_finds_the_equals_sign_behind_the_part(self):
        """The part of an address has equals signs of its own."""
        assert parse_feeding("blocks.*.attn.z[head={1,4},pos=2:8] = zero").address == (
            "blocks.*.attn.z[head={1,4},pos=2:8]"
        )

    def test_keeps_file_and_key_apart(self):
        """A file without a key stands for its only tensor."""
        found = parse_feeding("embed=vectors/joy.safetensors")
        assert (found.file, found.key) == (Path("vectors/joy.safetensors"), None)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("embed", "is not ADDRESS=VALUE"),
            ("embed=", "is not ADDRESS=VALUE"),
            ("=zero", "is not ADDRESS=VALUE"),
            ("blocks.0.attn.z[head=1", "is not ADDRESS=VALUE"),
            ("embed=nought", "'nought', which is no value; write a number, zero, mean"),
            ("embed=from ''", "names an empty prompt"),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, text, sentence):
        """In one sentence that shows how it is written."""
        with pytest.raises(InputError, match=sentence):
            parse_feeding(text)

    @given(number=st.floats(allow_nan=False, allow_infinity=False))
    def test_reads_back_any_number(self, number):
        """Numbers are fed as they are, whatever their size."""
        assert parse_feeding(f"embed={number!r}").amount == number
