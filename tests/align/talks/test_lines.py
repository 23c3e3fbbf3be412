"""Files of JSON lines: what can be read, and why the rest cannot."""

import pytest

from glasshouse.align.talks.dialogues import Turn
from glasshouse.align.talks.files import split_prompts
from glasshouse.align.talks.lines import part_lines, read_lines
from glasshouse.errors import InputError


def doubled(record):
    if not isinstance(record, int):
        raise InputError("no number")
    return [2 * record]


def test_every_line_is_read_or_has_a_reason(tmp_path):
    """Blank lines count, and say nothing."""
    path = tmp_path / "numbers.jsonl"
    path.write_text('1\n\n"two"\n{\n4\n')
    good, bad = part_lines(path, read_lines(path, doubled), what="number")
    assert good == [[2], [8]]
    assert bad[0] == (3, "no number")
    assert bad[1][0] == 4
    assert bad[1][1].startswith("no JSON")


def test_a_file_without_any_is_refused(tmp_path):
    path = tmp_path / "numbers.jsonl"
    path.write_text('"one"\n')
    with pytest.raises(InputError, match=r"holds no number; line 1: no number"):
        part_lines(path, read_lines(path, doubled), what="number")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_lines(tmp_path / "nowhere", doubled))


def test_prompts_end_where_a_reply_is_to_follow(tmp_path):
    """A text by itself, Anthropic's layout, messages; a last reply is left out."""
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"prompt": "hello ?"}\n'
        '{"prompt": "\\n\\nHuman: hi\\n\\nAssistant: yes\\n\\nHuman: and ?"}\n'
        '{"messages": [{"role": "user", "content": "why ?"},'
        ' {"role": "assistant", "content": "so ."}]}\n'
        '{"prompt": [{"role": "system", "content": "be kind"}]}\n'
    )
    good, bad = split_prompts(path)
    assert good[0] == (Turn("human", "hello ?"),)
    assert [turn.role for turn in good[1]] == ["human", "assistant", "human"]
    assert good[2] == (Turn("human", "why ?"),)
    assert bad == [(4, "a prompt must end with a human's turn")]
