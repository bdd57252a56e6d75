"""The text of read-only memories, and the memories read back from it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from bitrill_hw.memories.rom_text import Rom, add_module, read

LOGIC = (("ram_style", "distributed"), ("rom_block", "logic"))


def rom(depth: int, width: int, fixed: tuple[int, ...] = (), **given: object) -> Rom:
    """A drawn memory whose bits ``fixed`` are the same in all words."""
    rng = np.random.default_rng([depth, width])
    words = [int.from_bytes(rng.bytes(-(-width // 8))) % (1 << width) for _ in range(depth)]
    mask = sum(1 << k for k in fixed)
    words = [w & ~mask | words[0] & mask for w in words]
    address = max(1, (depth - 1).bit_length())
    base = Rom(words=tuple(words), width=width, address_bits=address, attributes=LOGIC)
    return replace(base, **given)


CASES = [
    rom(40, 9),
    rom(40, 9, separate=True),
    rom(40, 9, (0,), separate=True),
    rom(40, 9, (8,), separate=True),
    rom(40, 9, (1, 2, 5), separate=True),
    rom(40, 9, tuple(range(9)), separate=True),
    rom(7, 3, (0, 1, 2)),
    rom(12, 70, tuple(range(0, 70, 2)), separate=True, ports=2),
    rom(300, 33, ports=2, attributes=(("ram_style", "block"),)),
    rom(8, 5, (3,), clocked=False, separate=True),
    rom(8, 5, clocked=False),
    rom(5, 1, attributes=()),
]


@pytest.mark.parametrize("k", range(len(CASES)))
def test_a_memory_is_read_back_from_its_text(k: int) -> None:
    modules: dict[str, str] = {}
    name = CASES[k].add_to(modules)
    found = read(name, modules)
    assert found is not None
    assert (found.words, found.width) == (CASES[k].words, CASES[k].width)
    assert (found.clocked, found.ports, found.address_bits) == (
        CASES[k].clocked,
        CASES[k].ports,
        CASES[k].address_bits,
    )


@pytest.mark.parametrize("k", range(len(CASES)))
def test_ports_do_not_depend_on_the_words(k: int) -> None:
    """The module around two memories of a shape differs in its name, constants and words alone."""
    head = CASES[k].body("").split("\n")[0]
    other = replace(CASES[k], words=tuple(w ^ (1 << CASES[k].width) - 1 for w in CASES[k].words))
    for memory in (CASES[k], other):
        modules: dict[str, str] = {}
        assert f"{memory.add_to(modules)}{head}" in "".join(modules.values())


FAULTS = {
    "a bit more": (r"words\[3\] = 9'h", "words[3] = 10'h"),
    "another order": (r"words\[3\]", "words[4]"),
    "a constant of another size": (r"1'h", "2'h"),
    "bits in another order": (r"(word\[1:1\]), (1'h\w)", r"\2, \1"),
    "an edge": ("posedge", "negedge"),
    "no enable": (r"if \(en\)", ""),
    "a call": ("endmodule", "initial $display(1);\nendmodule"),
    "another inner memory": (r"(table_\w+) varying", "table_0123456789ab varying"),
    "swapped ends": (r"\.en\(en\), \.addr\(addr\)", ".en(addr), .addr(en)"),
}


def forged(modules: dict[str, str], module: str, text: str, name: str) -> tuple[dict, str]:
    """Modules with another text of one of them under names that fit, and what ``name`` became."""
    out: dict[str, str] = {}
    renamed = {}
    for old, kept in modules.items():  # inner ones come first
        changed = text if old == module else kept
        for before, after in renamed.items():
            changed = changed.replace(before, after)
        head, body = changed.split(f"module {old}", 1)
        renamed[old] = add_module(out, body, attributes=head)
    return out, renamed[name]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_written_here_is_not_read(fault: str) -> None:
    """Not even under a name that fits."""
    changed = 0
    for memory in (rom(40, 9), rom(40, 9, (1, 3), separate=True)):
        modules: dict[str, str] = {}
        name = memory.add_to(modules)
        same, again = forged(modules, name, modules[name], name)
        assert (same, again) == (modules, name)
        for module, text in modules.items():
            wrong = re.sub(*FAULTS[fault], text)
            if wrong != text:
                changed += 1
                assert read(name, modules | {module: wrong}) is None
                other, forged_name = forged(modules, module, wrong, name)
                assert read(forged_name, other) is None
    assert changed


def test_a_constant_that_is_changed_is_read_as_such() -> None:
    modules: dict[str, str] = {}
    memory = rom(40, 9, (1,), separate=True)
    name = memory.add_to(modules)
    value = re.search(r"1'h(\d)", modules[name])
    assert value is not None
    wrong = modules[name].replace(value[0], f"1'h{1 - int(value[1])}")
    assert read(name, modules | {name: wrong}) is None
    other, forged_name = forged(modules, name, wrong, name)
    found = read(forged_name, other)
    assert found is not None
    assert found.words == tuple(w ^ 2 for w in memory.words)
