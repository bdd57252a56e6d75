"""One small build for the tests of the driver."""

from __future__ import annotations

import pytest
from bitrill import flow
from bitrill.flow import Build
from frontend.onnx_models import save, small


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("driver")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b", part="portable").build
