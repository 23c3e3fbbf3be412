"""What holds of arithmetic, stories, languages, in-context documents, rants and reports alike."""

import hashlib
import subprocess
import sys

import pytest

from glasshouse.world import World
from glasshouse.world.documents import (
    arithmetic,
    in_context,
    multilingual,
    quirky,
    rants,
    reports,
    stories,
)

MODULES = (arithmetic, in_context, multilingual, quirky, rants, reports, stories)
NAMES = tuple(kind.name for module in MODULES for kind in module.KINDS)

DIGEST = """
import hashlib, sys
from glasshouse.world import World
world, digest = World(0), hashlib.sha256()
for kind in sys.argv[1].split(","):
    for number in range(5):
        digest.update(world.render(world.document(kind, number).ids).encode())
print(digest.hexdigest())
"""


class TestKinds:
    @pytest.mark.parametrize("preset", ["nano", "small", "large"])
    def test_write_with_the_words_of_the_world(self, preset):
        """No writer needs a word that the closed vocabulary lacks, in any preset or split."""
        world = World(2, preset)
        for name in NAMES:
            for split in ("train", "validation", "test"):
                for number in range(1 if preset == "large" else 4):
                    document = world.document(name, number, split)
                    assert document.ids.max() < len(world.vocabulary)
                    assert "<unused" not in world.render(document.ids)

    def test_write_the_same_in_another_process(self):
        """No hash order, process state or global generator leaks into documents."""
        world, digest = World(0), hashlib.sha256()
        for name in NAMES:
            for number in range(5):
                digest.update(world.render(world.document(name, number).ids).encode())
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, ",".join(NAMES)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == digest.hexdigest()

    def test_say_which_held_out_axes_a_test_document_uses(self):
        """Whoever reports a held-out score must know what was held out."""
        world = World(0)
        for name in ("sums", "proof", "story", "feeling", "parallel", "few-shot", "news", "talk"):
            assert world.document(name, 0, "test").truth["axes"]
            assert not world.document(name, 0).truth.get("axes")

    def test_mark_within_their_documents(self):
        """Spans are not empty and end with the document at the latest."""
        world = World(0)
        for name in NAMES:
            for number in range(10):
                document = world.document(name, number)
                for span in document.spans:
                    assert 0 <= span.start < span.end <= len(document.ids), (name, span)
