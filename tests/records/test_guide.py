"""The guides' code runs, block after block."""

import re
import sys
import types
from pathlib import Path

import pytest

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


@pytest.mark.parametrize("name", ["records.md", "records-java.md"])
def test_every_block_of_a_guide_runs(name):
    """What a reader copies works, and says what the text says."""
    guide = GUIDES / name
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    module = types.ModuleType("guide")
    sys.modules["guide"] = module
    try:
        for block in blocks:
            exec(compile(block, str(guide), "exec"), module.__dict__)
    finally:
        del sys.modules["guide"]
    assert len(blocks) > 6
