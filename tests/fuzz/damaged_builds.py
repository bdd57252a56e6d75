"""Damaged copies of a build, by seed: accidents, and what somebody does who means it.

    python tests/fuzz/damaged_builds.py COUNT [FIRST]

judges ``COUNT`` of them, from seed ``FIRST`` on, and prints how each kind ended.
"""

from __future__ import annotations

import io
import json
import logging
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bitrill import flow
from bitrill.errors import BitrillError
from bitrill.flow import build_files
from bitrill.ir import serialisation

FILES = (*build_files.FILES, build_files.DIGESTS)

Damage = Callable[[Path, Path, random.Random], None]
"""Changes a build; the second folder holds another network's build."""


def flip(build: Path, other: Path, rng: random.Random) -> None:
    path = build / rng.choice(FILES)
    data = bytearray(path.read_bytes())
    for _bit in range(rng.choice((1, 1, 1, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(build: Path, _: Path, rng: random.Random) -> None:
    path = build / rng.choice(FILES)
    data = path.read_bytes()
    path.write_bytes(data[: rng.choice((0, len(data) - 1, rng.randrange(len(data))))])


def append(build: Path, _: Path, rng: random.Random) -> None:
    with (build / rng.choice(FILES)).open("ab") as file:
        file.write(rng.choice((b" ", b"\n", b"\0", b"{}", b"// more\n")))


def swap(build: Path, _: Path, rng: random.Random) -> None:
    a, b = (build / name for name in rng.sample(FILES, 2))
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)


def mix(build: Path, other: Path, rng: random.Random) -> None:
    """Take some files of the other build, but not all that make a build."""
    names = rng.sample(FILES, rng.randint(1, len(FILES) - 1))
    for name in names:
        shutil.copy(other / name, build / name)


def lose(build: Path, _: Path, rng: random.Random) -> None:
    (build / rng.choice(FILES)).unlink()


def edit(build: Path, _: Path, rng: random.Random) -> None:
    """Change one value of a JSON file, which stays JSON."""
    path = build / rng.choice([name for name in FILES if name.endswith(".json")])
    value = json.loads(path.read_text())
    change_leaf(value, rng)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def change_leaf(value: Any, rng: random.Random) -> None:
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(list(keys))
        child = value[key]
        if isinstance(child, dict | list) and child:
            value = child
            continue
        others = (None, True, -1, 0, 1 << 70, 1e308, "", "1/0", "x", [], {}, [[]])
        value[key] = rng.choice([o for o in others if o != child])
        return


def link(build: Path, other: Path, rng: random.Random) -> None:
    path = build / rng.choice(FILES)
    copy = build.parent / f"copy of {path.name}"
    shutil.copy(path, copy)
    path.unlink()
    path.symlink_to(rng.choice((copy, copy.resolve(), other / path.name, "none", path.name, ".")))


def link_out(build: Path, other: Path, rng: random.Random) -> None:
    folder = build / rng.choice(build_files.FOLDERS)
    if rng.random() < 0.5:
        folder.symlink_to(other)
    else:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "x.log").symlink_to(rng.choice((other / "top.v", "/etc/passwd")))


def other_kind(build: Path, _: Path, rng: random.Random) -> None:
    path = build / rng.choice(FILES)
    path.unlink()
    rng.choice((Path.mkdir, os.mkfifo))(path)


def extra(build: Path, _: Path, rng: random.Random) -> None:
    name = rng.choice(("registers.json", "evil.py", "top.sv", "sitecustomize.py", "Makefile", "é"))
    (build / name).write_text("{}")


def forged(damage: Damage) -> Damage:
    """Write the digests anew after the damage, or remove them."""

    def forge(build: Path, other: Path, rng: random.Random) -> None:
        damage(build, other, rng)
        if rng.random() < 0.3:
            (build / build_files.DIGESTS).unlink(missing_ok=True)
        elif all((build / name).is_file() for name in build_files.FILES):
            files = {name: (build / name).read_bytes() for name in build_files.FILES}
            shutil.rmtree(build)
            build_files.install(build, files)

    return forge


def other_weights(build: Path, _: Path, rng: random.Random) -> None:
    with np.load(build / "weights.npz") as file:
        arrays = dict(file)
    name = rng.choice(list(arrays))
    arrays[name] = np.ascontiguousarray(arrays[name][::-1] + rng.choice((0, 1)))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    (build / "weights.npz").write_bytes(buffer.getvalue())


def tamper(build: Path, other: Path, rng: random.Random) -> None:
    """Write other Verilog under the right first line, and right digests."""
    path = build / "top.v"
    head, _, body = path.read_text().partition("\n")
    lines = body.split("\n")
    at = rng.randrange(len(lines))
    foreign = (other / "top.v").read_text().partition("\n")[2]
    new = rng.choice(
        (
            body.replace("endmodule", 'initial $system("touch evil");\nendmodule', 1),
            "\n".join([*lines[:at], *lines[at + 1 :]]),
            body.replace("1'h1", "1'h0", 1),
            f'`include "/etc/passwd"\n{body}',
            foreign,
        )
    )
    path.write_text(f"{head}\n{new}")
    files = {name: (build / name).read_bytes() for name in build_files.FILES}
    shutil.rmtree(build)
    build_files.install(build, files)


DAMAGES: dict[str, tuple[Damage, int]] = {
    "bytes flipped": (flip, 6),
    "cut": (cut, 3),
    "appended": (append, 2),
    "swapped": (swap, 2),
    "mixed with another build": (mix, 3),
    "lost": (lose, 1),
    "JSON edited": (edit, 4),
    "linked": (link, 2),
    "linked out": (link_out, 1),
    "no file": (other_kind, 1),
    "extra": (extra, 1),
    "JSON edited, digests forged": (forged(edit), 3),
    "bytes flipped, digests forged": (forged(flip), 2),
    "mixed, digests forged": (forged(mix), 1),
    "weights changed, digests forged": (forged(other_weights), 2),
    "Verilog tampered, digests forged": (tamper, 1),
}
"""Each damage, and how often it is drawn."""


class Judge:
    """Damages copies of a build and reads them; ``ended`` counts by kind and end.

    ``refused``: one line that names the folder. ``told``: read with a warning, and the build is the
    same. ``same``: the damage changed no byte. ``same network``: the digests were forged, too, and
    the files mean the same, such as another header in the archive of the weights. ``the other``:
    the digests were forged, and all files that differ are the other build's. Anything else is in
    ``wrong``.
    """

    def __init__(self, build: Path, other: Path, work: Path):
        self.build, self.other, self.work = build, other, work
        self.graph = serialisation.digest(flow.load_build(build).graph)
        self.content = {p.name: p.read_bytes() for p in build.iterdir() if p.is_file()}
        files = {p.name: p.read_bytes() for p in other.iterdir() if p.is_file()}
        self.foreign = _without_digests(files)
        self.ended: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self.warnings: list[str] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.warnings.append(record.getMessage())
        logging.getLogger("bitrill.flow").addHandler(handler)

    def judge(self, seed: int) -> None:
        rng = random.Random(seed)
        kinds, weights = zip(*((k, n) for k, (_, n) in DAMAGES.items()), strict=True)
        (kind,) = rng.choices(kinds, weights)
        shutil.rmtree(self.work, ignore_errors=True)
        copy = Path(shutil.copytree(self.build, self.work / "b"))
        DAMAGES[kind][0](copy, self.other, rng)
        end = self._end(copy, forged=kind.endswith("forged"))
        self.ended[kind, end.partition(":")[0]] += 1
        if end.startswith(("silent", "trace", "riddle")):
            self.wrong.append(f"seed {seed}, {kind}: {end}")

    def _end(self, copy: Path, *, forged: bool) -> str:
        if not any(p.is_symlink() for p in copy.rglob("*")):
            content = {p.name: p.read_bytes() for p in copy.iterdir() if p.is_file()}
            if content == self.content:
                return "same"
            if forged and _without_digests(content) == self.foreign:
                return "the other"
        self.warnings.clear()
        try:
            build = flow.load_build(copy)
            build.checked_verilog()
        except BitrillError as error:
            named = str(copy) in str(error) and "\n" not in str(error)
            return "refused" if named else f"riddle: {error}"
        except BaseException as error:
            return f"trace: {error!r}"
        if serialisation.digest(build.graph) != self.graph:
            return "silent"
        return "told" if self.warnings else "same network" if forged else "silent"


def _without_digests(content: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in content.items() if name != build_files.DIGESTS}


def main(count: int, first: int = 0) -> int:
    """Judge damaged builds of two small networks; return how many ended wrongly."""
    from frontend.onnx_models import save, small

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        net, out = small()
        model = save(net.proto(out), root)
        build = flow.compile(model, out=root / "build", part="portable").build.folder
        other = flow.compile(model, out=root / "other", part="portable", top=1).build.folder
        judge = Judge(build, other, root / "work")
        for seed in range(first, first + count):
            judge.judge(seed)
    for (kind, end), n in sorted(judge.ended.items()):
        print(f"{kind}: {n} {end}")
    print(f"in all: {dict(Counter(end for _, end in judge.ended.elements()))}")
    print("\n".join(judge.wrong))
    return len(judge.wrong)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(min(1, main(*map(int, sys.argv[1:3]))))
