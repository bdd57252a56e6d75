"""The same search in PostgreSQL, which the test starts itself."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitrill.errors import StorageError
from search import stubs
from search.spaces import hardware
from support import HANG_SECONDS

pytestmark = pytest.mark.nightly

USER = "postgres"
"""Debian's user of the server, which does not run as root."""


def program(name: str) -> str:
    """Path of one of the server's programs, which Debian keeps out of PATH."""
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), shutil.which(name)]
    if found[0] is None:
        pytest.skip(f"PostgreSQL's {name} is not installed; it is one of several storages")
    return str(found[0])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server of its own that listens on a socket in its folder alone."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL's driver")
    as_root = os.getuid() == 0
    if as_root and USER not in {u.pw_name for u in pwd.getpwall()}:
        pytest.skip(f"PostgreSQL does not run as root, and there is no user {USER}")
    folder = Path(tempfile.mkdtemp(prefix="bitrill-pg-"))
    user = USER if as_root else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    command = [program("initdb"), "-D", data, "-U", "bitrill", "--auth=trust", "--no-sync"]
    made = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True)
    if "/dev/null: Permission denied" in made.stderr:
        shutil.rmtree(folder)
        pytest.skip(f"the user {USER} may not write /dev/null here, which PostgreSQL's initdb does")
    assert made.returncode == 0, made.stderr
    server = subprocess.Popen(
        [program("postgres"), "-D", data, "-k", folder, "-h", "", "-F"],
        user=user,
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while not any(folder.glob(".s.PGSQL.*[0-9]")) and time.monotonic() < end:
            time.sleep(0.1)
        yield f"postgresql+psycopg://bitrill:secret@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


SEARCH = """
import sys
from pathlib import Path
from bitrill.jobs import SERIAL
from search import stubs
from search.spaces import hardware
tables = hardware(Path(sys.argv[1]), 20)
tables["search"] |= {"storage": sys.argv[2], "name": "shared", "group": 2}
stubs.search(tables, Path(sys.argv[3])).run()
"""


def test_two_searches_share_the_work(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setenv(stubs.LOG, str(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    model = tmp_path / "m.onnx"
    model.write_bytes(b"no answer reads it")
    arguments = [sys.executable, "-c", SEARCH, str(model), url]
    both = [subprocess.Popen([*arguments, str(tmp_path / f"s{k}")]) for k in range(2)]
    assert [each.wait(HANG_SECONDS) for each in both] == [0, 0]
    assert sorted(Counter(log.read_text().splitlines()).values()) == [1] * 20
    fronts = [(tmp_path / f"s{k}" / "front.json").read_text() for k in range(2)]
    local = hardware(model, 20)
    local["search"] |= {"name": "shared", "group": 2}
    stubs.search(local, tmp_path / "local").run()
    front = [
        {(p["number"], p["lcs"], p["fps"]) for p in json.loads(text)["front"]}
        for text in (*fronts, (tmp_path / "local" / "front.json").read_text())
    ]
    assert front[0] == front[1] == front[2]


def test_a_server_that_is_not_there_is_one_line(url: str, tmp_path: Path) -> None:
    tables = hardware(tmp_path / "m.onnx", 1)
    (tmp_path / "m.onnx").touch()
    tables["search"]["storage"] = url.replace("bitrill-pg-", "nobody-")
    with pytest.raises(StorageError, match=r"does not answer: .*No such file") as caught:
        stubs.search(tables, tmp_path / "s").run()
    assert "secret" not in str(caught.value)
