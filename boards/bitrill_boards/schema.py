"""Defines what a board's TOML file may contain: every key, its type and its accepted values.

`check` lists everything that is wrong in a file at once; `bitrill_boards.board` makes a `Board` of
a correct one.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

ZYNQ = ("zynq7", "zynqmp")
SMALL = ("ecp5", "ice40", "gowin")
FAMILIES = (*ZYNQ, *SMALL)
TOOLCHAINS = {
    "zynq7": ("vivado", "vivado-ps7", "openxc7"),
    "zynqmp": ("vivado",),
    **dict.fromkeys(SMALL, ("open",)),
}
LINKS = {**dict.fromkeys(ZYNQ, "axi"), **dict.fromkeys(SMALL, "uart")}
PROVEN = ("simulated", "placed and routed", "vivado", "hardware")


@dataclass(frozen=True)
class Key:
    """A key of a table: its accepted values, in words and as a test, and the families it is for."""

    accepts: str
    test: Callable[[object], bool]
    families: tuple[str, ...] = FAMILIES
    required: bool = True


def _number(lo: float, hi: float, accepts: str) -> Key:
    def test(v: object) -> bool:
        return isinstance(v, int | float) and not isinstance(v, bool) and lo < v <= hi

    return Key(accepts, test)


def _whole(lo: int, hi: int, accepts: str) -> Key:
    def test(v: object) -> bool:
        return isinstance(v, int) and not isinstance(v, bool) and lo <= v <= hi

    return Key(accepts, test)


def _choice(values: tuple[object, ...]) -> Key:
    return Key("one of " + ", ".join(map(str, values)), lambda v: v in values)


def _choices(values: tuple[str, ...]) -> Key:
    def test(v: object) -> bool:
        return isinstance(v, list) and all(x in values for x in v) and len(set(v)) == len(v)

    return Key("a list of " + ", ".join(values), test)


NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""A word that is safe in scripts, constraints, paths and command lines without quoting. Texts of a
board's file reach all of these, and the file may come from anybody."""

WORDS = f"letters, digits, {', '.join('._-')}"
_PART = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(/[A-Za-z0-9]{1,15})?"
_PIN = r"[A-Za-z0-9_]{1,31}"


def is_word(pattern: str, value: object) -> bool:
    """Return whether a value is a text that matches a pattern as a whole."""
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def _word(accepts: str, pattern: str) -> Key:
    return Key(accepts, lambda v: is_word(pattern, v))


def _words(accepts: str, pattern: str) -> Key:
    return Key(accepts, lambda v: isinstance(v, list) and all(is_word(pattern, x) for x in v))


def _optional(key: Key) -> Key:
    return replace(key, required=False)


def _only(families: tuple[str, ...], key: Key) -> Key:
    return replace(key, families=families)


def _title(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


_SHARE = _optional(_number(0, 1, "a share above 0 and at most 1"))
_COUNT = _whole(0, 1 << 30, "a whole number")

TABLES: dict[str, dict[str, Key]] = {
    "": {
        "title": Key("a text of one line", _title),
        "family": _choice(FAMILIES),
        "part": _word("the part's full name", _PART),
        "idcode": _optional(_whole(1, (1 << 28) - 1 | 0xF << 28, "the 32-bit JTAG IDCODE")),
        "clock_mhz": _number(0, 2000, "MHz of the network's clock, above 0 and at most 2000"),
        "crystal_mhz": _number(0, 1000, "MHz of the oscillator, above 0 and at most 1000"),
        "toolchains": Key(
            "a list of toolchains of the family, the first one the default",
            lambda v: isinstance(v, list) and bool(v) and all(isinstance(x, str) for x in v),
        ),
        "proven": _choices(PROVEN),
    },
    "resources": {
        "lut": _COUNT,
        "ff": _COUNT,
        "bram": _COUNT,
        "bram_kbit": _choice((4, 18, 36)),
        "dsp": _COUNT,
    },
    "share": {"lut": _SHARE, "ff": _SHARE, "bram": _SHARE, "dsp": _SHARE},
    "memory": {
        "ddr_bits": _choice((8, 16, 32, 64)),
        "ddr_mts": _whole(100, 10000, "million transfers a second, 100 to 10000"),
        "ports": _whole(1, 8, "1 to 8 ports"),
        "port_bits": _choice((32, 64, 128)),
    },
    "host": {
        "link": _choice(tuple(dict.fromkeys(LINKS.values()))),
        "base": _only(ZYNQ, _whole(0, (1 << 40) - 1, "the registers' address")),
        "baud": _only(SMALL, _whole(9600, 12_000_000, "baud, 9600 to 12000000")),
    },
    "ps": {
        "presets": _words("a list of board parts, vendor:name", rf"{NAME}(:{NAME}){{1,3}}"),
        "in_vivado": Key("true or false", lambda v: isinstance(v, bool)),
        "pll_mhz": _optional(_number(0, 3000, "MHz of the PLL of I/O, above 0 and at most 3000")),
    },
    "flash": {
        "board": _optional(_word("a board of openFPGALoader", NAME)),
        "cable": _optional(_word("a cable of openFPGALoader", NAME)),
    },
    "pins": {
        "clk": _optional(_word("a pin", _PIN)),
        "rx": _optional(_word("a pin", _PIN)),
        "tx": _optional(_word("a pin", _PIN)),
        "standard": _optional(_word("an I/O standard", NAME)),
        "high": _optional(_words("a list of pins to hold high", _PIN)),
        "amaranth": Key(
            "module:class of an amaranth-boards platform",
            lambda v: is_word(r"\w+(\.\w+)*:\w+", v),
            required=False,
        ),
    },
}
WANTED = {
    "memory": ZYNQ,
    "ps": ZYNQ,
    "pins": SMALL,
    "host": FAMILIES,
    "flash": FAMILIES,
    "resources": FAMILIES,
    "share": FAMILIES,
}
"""Families that have each table; all but the `OPTIONAL_TABLES` are required."""

OPTIONAL_TABLES = ("resources", "share")


def check(raw: Mapping[str, object]) -> list[str]:
    """List everything that is wrong in a board's TOML, each with its key and what is accepted."""
    family = raw.get("family")
    problems = _table("", {k: v for k, v in raw.items() if k not in WANTED}, family)
    if family not in FAMILIES:
        return problems
    for name, families in WANTED.items():
        table = raw.get(name)
        if table is None:
            if family in families and name not in OPTIONAL_TABLES:
                problems.append(f"table [{name}] is missing")
        elif family not in families:
            problems.append(f"table [{name}] is only for {', '.join(families)}, not {family}")
        elif not isinstance(table, Mapping):
            problems.append(f"[{name}] must be a table, not {table!r}")
        else:
            problems += _table(name, table, family)
    return problems + _together(raw, str(family))


def _table(name: str, table: Mapping[str, object], family: object) -> list[str]:
    keys, problems = TABLES[name], []
    prefix = f"{name}." if name else ""
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, [*keys, *([] if name else WANTED)], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(keys)}"
            owners = [table for table in TABLES if table and key in TABLES[table]]
            hint = f"it belongs to table [{owners[0]}]" if owners else hint
            problems.append(f"{prefix}{key} is not known ({hint})")
        elif family in FAMILIES and family not in keys[key].families:
            only = ", ".join(keys[key].families)
            problems.append(f"{prefix}{key} is only for {only}, not {family}")
        elif not keys[key].test(value):
            problems.append(f"{prefix}{key} must be {keys[key].accepts}, not {value!r}")
    for key, k in keys.items():
        if k.required and key not in table and (family not in FAMILIES or family in k.families):
            problems.append(f"{prefix}{key} is missing (it must be {k.accepts})")
    return problems


def _together(raw: Mapping[str, object], family: str) -> list[str]:
    """List the contradictions between keys."""
    problems = []
    chains, known = raw.get("toolchains"), TOOLCHAINS[family]
    if isinstance(chains, list) and not all(c in known for c in chains):
        problems.append(f"toolchains of {family} must be among {', '.join(known)}, not {chains!r}")
    host, flash, pins = (raw.get(k) for k in ("host", "flash", "pins"))
    if isinstance(host, Mapping) and host.get("link") in LINKS.values():
        link = LINKS[family]
        if host["link"] != link:
            problems.append(f"host.link of {family} must be {link!r}, not {host['link']!r}")
    if isinstance(flash, Mapping) and not set(flash) & {"board", "cable"}:
        problems.append("[flash] must have board or cable")
    if family in SMALL and isinstance(pins, Mapping) and "amaranth" not in pins:
        lacking = [p for p in ("clk", "rx", "tx") if p not in pins]
        if lacking:
            problems.append(
                "[pins] must have clk, rx and tx, or amaranth = MODULE:CLASS;"
                f" {', '.join(lacking)} is missing"
            )
    if family != "ice40" and "idcode" not in raw:
        problems.append(f"idcode is missing (a {family} has one)")
    return problems
