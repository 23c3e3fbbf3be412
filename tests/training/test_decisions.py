"""What `auto` means."""

import pytest
import torch
from tests.training.tiny_runs import make_config, make_model

from glasshouse.training import decide, decisions


@pytest.fixture
def network():
    return make_model().network


class TestDecide:
    def test_obeys_what_was_asked_for(self, network):
        """A user who knows better is not second-guessed."""
        config = make_config(precision="bf16", compile="no", threads=3)
        found = decide(config, network, tokens=10**12)
        assert (found.precision, found.compiled, found.threads) == ("bf16", False, 3)

    @pytest.mark.parametrize("is_built_in", [True, False])
    def test_takes_bf16_where_it_is_built_in(self, network, monkeypatch, is_built_in):
        """Emulated bf16 is many times slower than float32."""
        capabilities = {"avx512_bf16": is_built_in, "amx_bf16": False}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        found = decide(make_config(), network, tokens=1)
        assert found.precision == ("bf16" if is_built_in else "fp32")

    def test_compiles_only_long_runs(self, network, monkeypatch):
        """Compiling takes a minute, which a short run never earns back."""
        monkeypatch.setattr(decisions, "_compile_obstacle", lambda device: None)
        assert not decide(make_config(), network, tokens=10**4).compiled
        assert decide(make_config(), network, tokens=10**13).compiled

    def test_stays_eager_without_a_compiler_and_says_so(self, network, monkeypatch, caplog):
        """A machine without g++ trains all the same; only who asked for compiling is warned."""
        from torch._inductor import cpp_builder, exc

        def no_compiler():
            raise exc.InvalidCxxCompiler

        monkeypatch.setattr(cpp_builder, "get_cpp_compiler", no_compiler)
        found = decide(make_config(compile="auto"), network, tokens=10**15)
        assert not found.compiled
        assert "no C++ compiler" in found.reason
        assert not caplog.records
        assert not decide(make_config(compile="yes"), network, tokens=1).compiled
        assert "no C++ compiler" in caplog.text
