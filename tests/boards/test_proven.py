"""The claims in each board's file are true: every board's own folder is driven in simulation.

"placed and routed" is shown by `make boards`; figures stand in docs/results/boards.md.
"""

from __future__ import annotations

import pytest
from bitrill import flow
from bitrill_boards.board import every
from frontend.onnx_models import save, small

SIMULATED = [b.name for b in every() if "simulated" in b.proven]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> flow.Build:
    net, out = small()
    model = save(net.proto(out), tmp_path_factory.mktemp("model"))
    return flow.compile(model, out=tmp_path_factory.mktemp("proven") / "b", part="portable").build


@pytest.mark.nightly
@pytest.mark.parametrize("name", SIMULATED)
def test_a_board_that_is_said_to_be_simulated_is_right(name: str, build: flow.Build) -> None:
    flow.build(name, build, files_only=True)
    driven = flow.drive(name, build, self_test=True, transport="simulation")
    assert len(driven.outputs.integers) == 1000
    assert driven.ok


def test_no_board_is_said_to_have_met_what_nobody_has_tried() -> None:
    for board in every():
        assert not {"vivado", "hardware"} & set(board.proven)
        assert board.status.endswith("never run on hardware")
