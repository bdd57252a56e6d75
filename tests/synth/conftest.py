"""One small network, synthesised once for all tests of this folder."""

from __future__ import annotations

import pytest
from bitrill_hw.design.verilog import verilog
from bitrill_hw.synth import synthesise
from synth.small_synthesis import Synthesised, small_graph


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The small network and its synthesis report."""
    graph, work = small_graph(), tmp_path_factory.mktemp("synth")
    text = verilog(graph)
    return Synthesised(graph, text, work, synthesise(graph, work=work, verilog=text))
