import platform
import subprocess

import glasshouse
from glasshouse import provenance


class TestVersions:
    def test_names_what_computes(self):
        """Another version of torch may give other numbers, so a result must tell which it was."""
        found = provenance.versions()
        assert found["python"] == platform.python_version()
        assert found["glasshouse"] == glasshouse.__version__
        assert found["torch"].startswith("2.")


class TestThisMachine:
    def test_tells_no_name(self):
        """Reports are shared; whose machine it was is nobody's business."""
        machine = provenance.this_machine()
        assert platform.node() not in (machine.processor, machine.system)
        assert machine.cores >= 1


class TestSourceCommit:
    def test_is_empty_without_git(self, monkeypatch):
        """An installed wheel has no commit, and a machine may have no git."""

        def missing(*arguments, **options):
            raise FileNotFoundError("git")

        monkeypatch.setattr(subprocess, "run", missing)
        assert provenance.source_commit() == ""
