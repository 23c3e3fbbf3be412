"""The guide's code runs, block after block."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "records.md"


def test_every_block_of_the_guide_runs():
    """What a reader copies works, and says what the text says."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    scope = {"__name__": "guide"}
    import sys
    import types

    module = types.ModuleType("guide")
    module.__dict__.update(scope)
    sys.modules["guide"] = module
    try:
        for block in blocks:
            exec(compile(block, str(GUIDE), "exec"), module.__dict__)
    finally:
        del sys.modules["guide"]
    assert len(blocks) > 6
