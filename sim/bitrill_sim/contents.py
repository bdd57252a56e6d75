"""Separates the contents of a design's read-only memories from its Verilog.

The remaining Verilog depends only on the design's structure, so that one compiled simulator serves
networks with different weights. Each instance of a table gets its own module, which reads
``table_N.hex`` in the folder of the run when the simulation starts. Only modules whose text is
exactly as `bitrill_hw.memories.rom_text` writes it are replaced; all others stay as they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bitrill.errors import StorageError
from bitrill.storage import read_bytes
from bitrill_hw.memories.rom_text import PREFIX, Rom, read

_END = "\nendmodule\n"
_TABLE = re.compile(rf"^(?:\(\*[^\n]*\*\)\n)?module ({PREFIX}[0-9a-f]+)\(", re.MULTILINE)
_INSTANCE = re.compile(rf"^  ({PREFIX}[0-9a-f]+) (?=\S+ ?\()", re.MULTILINE)


@dataclass(frozen=True)
class Separated:
    """Verilog without the contents of its tables, ``sources``; ``files``: these, by file name."""

    sources: tuple[bytes, ...]
    files: dict[str, bytes]

    def leave(self, folder: Path) -> None:
        """Write the contents into the folder in which the simulation will run."""
        try:
            for name, data in self.files.items():
                (folder / name).write_bytes(data)
        except OSError as error:
            raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error


def separate(sources: Sequence[Path]) -> Separated:
    """Read Verilog files, and separate the contents of their tables."""
    modules: dict[str, str] = {}
    rest: list[str | bytes] = []
    for data in map(read_bytes, sources):
        rest.append(_without_tables(data.decode(), modules) if _is_text(data) else data)
    roms = {name: read(name, modules) for name in modules}
    done, tables, files = [], [], {}

    def instance(match: re.Match[str]) -> str:
        rom = roms.get(match[1])
        if rom is None:
            return match[0]
        name = f"{PREFIX}{len(files)}"
        files[f"{name}.hex"] = _hex(rom)
        body = rom.body(f'  initial $readmemh("{name}.hex", words);')
        tables.append(f"module {name}{body}")
        return f"  {name} "

    for text in rest:
        done.append(_INSTANCE.sub(instance, text) if isinstance(text, str) else text)
    kept = [modules[name] for name, rom in roms.items() if rom is None]
    added = "".join(f"\n{text}" for text in (*tables, *kept))
    return Separated(
        tuple(
            t.encode() if isinstance(t, str) else t for t in (*done, *([added] if added else []))
        ),
        files,
    )


def _is_text(data: bytes) -> bool:
    return data.isascii() and b"\r" not in data


def _without_tables(text: str, modules: dict[str, str]) -> str:
    """Return the text without its tables' modules, which are added to ``modules``.

    The comment in the first line is removed, because it names the graph.
    """
    text = re.sub(r"\A//[^\n]*", "", text)
    parts = text.split(_END)
    if len(parts) == 1:
        return text
    kept = []
    for part in parts[:-1]:
        module = _TABLE.match(part.lstrip("\n"))
        if module is None:
            kept.append(part + _END)
        else:
            modules[module[1]] = part.lstrip("\n") + _END
    return "".join([*kept, parts[-1]])


def _hex(rom: Rom) -> bytes:
    return "".join(f"{word:x}\n" for word in rom.words).encode()
