"""Names of cores: identifiers of Verilog and of VHDL alike."""

import re
from collections.abc import Iterator

from bitrill.errors import SpecError
from bitrill_hw.writer.identifiers import KEYWORDS as VERILOG

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

MOST = 64
"""Longest name in characters: tools cut the names of files and modules made from it."""

# IEEE 1076-2019, 15.10, without the words of PSL, which end no design
_WORDS = """
abs access after alias all and architecture array assert assume attribute begin block body buffer
bus case component configuration constant context cover default disconnect downto else elsif end
entity exit fairness file for force function generate generic group guarded if impure in inertial
inout is label library linkage literal loop map mod nand new next nor not null of on open or others
out package parameter port postponed private procedure process property protected pure range record
register reject release rem report restrict return rol ror select sequence severity shared signal
sla sll sra srl strong subtype then to transport type unaffected units until use variable view
vmode vpkg vprop vunit wait when while with xnor xor
"""

VHDL = frozenset(_WORDS.split())


def checked(name: str) -> str:
    """Return ``name``; raise `SpecError`, with all reasons, unless both languages accept it."""
    reasons = list(_reasons(name))
    if reasons:
        raise SpecError(
            f"--name must be an identifier in Verilog and in VHDL: {'; '.join(reasons)}"
        )
    return name


def default(name: str) -> str:
    """Return the name of a core for a network whose name may be any text."""
    plain = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", name)).strip("_").lower()
    plain = plain[: MOST - len("net_")].strip("_")
    return plain if plain and not list(_reasons(plain)) else f"net_{plain}".strip("_")


def _reasons(name: str) -> Iterator[str]:
    """Yield what is wrong with a name."""
    if not _PLAIN.fullmatch(name):
        yield f"{name!r} must be letters, digits and underscores, a letter first"
    if "__" in name or name.endswith("_"):
        yield f"{name!r} must not have two underscores in a row or one at its end (VHDL)"
    if len(name) > MOST:
        yield f"it must have at most {MOST} characters, not {len(name)}"
    for language, words in (("Verilog", VERILOG), ("VHDL", VHDL)):
        word = name if language == "Verilog" else name.lower()
        if word in words:
            yield f"{name!r} is a keyword of {language}"
