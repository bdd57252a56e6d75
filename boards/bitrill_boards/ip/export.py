"""Writes a core's folder: new, empty, or one that an earlier export wrote.

``ip.json`` lists the files with their SHA-256. All files are written aside and then renamed into
place, ``ip.json`` last; files of an earlier export that are not written again are removed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from bitrill.errors import StorageError
from bitrill.ir.serialisation import digest
from bitrill.storage import json_bytes, read_bytes, read_json, remove, write_bytes

from .. import describe
from ..c_driver import sources
from . import (
    cocotb_example,
    core_page,
    fusesoc,
    ipxact,
    litex,
    sheet,
    templates,
    testbench,
    vivado_ip,
)
from .core import Core

MANIFEST = "ip.json"
FORMAT = 1

_COUNTERS = Path(__file__).with_name("counter_reader.py")


def files(core: Core, x: np.ndarray) -> dict[str, bytes]:
    """Return all files by name but the manifest; ``x``: frames of integers to record."""
    recorded = testbench.record(core, x)
    texts = {
        f"rtl/{core.name}.v": core.text(),
        "ports.md": sheet.markdown(core),
        f"templates/{core.name}.v": templates.verilog(core),
        f"templates/{core.name}.vhd": templates.vhdl(core),
        f"vhdl/{templates.wrapper_name(core)}.vhd": templates.wrapper(core),
        f"vhdl/{core.name}_stub.vhd": templates.stub(core),
        f"tb/{core.name}_tb.v": testbench.testbench(core, recorded),
    }
    words = recorded.files(core)
    texts |= {
        **{f"tb/{name}": text for name, text in words.items()},
        f"{core.name}.core": fusesoc.core_file(core, words),
        f"ipxact/{core.name}.xml": ipxact.component(
            core, [f"rtl/{core.name}.v", f"tb/{core.name}_tb.v"]
        ),
        "package_ip.tcl": vivado_ip.script(core),
        f"litex/{core.name}.py": litex.module(core),
        **cocotb_example.files(core),
    }
    network = describe.describe(core.graph, core.predicted)
    if core.stream_bits:  # frames of dense bits, as the driver packs them
        texts |= {f"c/{name}": text for name, text in sources(network, core.name).items()}
    if core.control:
        texts["host/counters.py"] = read_bytes(_COUNTERS).decode()
    texts["README.md"] = core_page.readme(core, texts, recorded.frames)
    data = {"ports.json": json_bytes(sheet.sheet(core)), "network.json": json_bytes(network)}
    return data | {name: text.encode() for name, text in texts.items()}


def check_target(folder: Path) -> None:
    """Raise `StorageError` unless a core may be written there."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise StorageError(f"cannot write a core to {folder}: it is not a folder")
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".ip."))
    if names and MANIFEST not in names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise StorageError(
            f"{folder} is neither a core that Bitrill exported nor empty (it holds {shown}): give a"
            " folder that is new, empty or such a core"
        )
    if names:
        _listed(folder)


def write(folder: Path, core: Core, data: Mapping[str, bytes]) -> list[str]:
    """Write the files and their manifest, all or none; return their names."""
    check_target(folder)
    manifest = {
        "format": FORMAT,
        "name": core.name,
        "digest": digest(core.graph),
        "files": {name: hashlib.sha256(v).hexdigest() for name, v in sorted(data.items())},
    }
    new = not folder.is_dir()
    stage = (folder.parent if new else folder) / f".ip.{secrets.token_hex(4)}"
    try:
        for name, content in {**data, MANIFEST: json_bytes(manifest)}.items():
            write_bytes(stage / name, content)
        if new:
            os.replace(stage, folder)
        else:
            _replace(folder, stage, list(data))
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    except StorageError as error:
        raise StorageError(str(error).replace(str(stage), str(folder))) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return [*sorted(data), MANIFEST]


def _replace(folder: Path, stage: Path, names: list[str]) -> None:
    """Replace the files of an earlier export by those of ``stage``, the manifest last."""
    for name in set(_listed(folder)) - set(names):
        remove(folder / name)
    for name in (*names, MANIFEST):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(stage / name, folder / name)


def _listed(folder: Path) -> list[str]:
    """Return the files of an earlier export, which all lie inside its folder."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    value = read_json(path)
    names = list(value["files"]) if isinstance(value, dict) and "files" in value else None
    if names is None or not all(_is_inside(name) for name in names):
        raise StorageError(f"{path} is not what Bitrill writes: remove {folder}, or give another")
    return names


def _is_inside(name: object) -> bool:
    return isinstance(name, str) and not name.startswith("/") and ".." not in Path(name).parts
