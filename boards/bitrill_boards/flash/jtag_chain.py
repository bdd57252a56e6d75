"""Finds the chips on a JTAG cable in the output of openFPGALoader's ``--detect``."""

import re
from dataclasses import dataclass

from bitrill.errors import ToolError

from .bitstreams import FlashTarget


@dataclass(frozen=True)
class Chip:
    """A chip of the JTAG chain; ``fpga`` is false for a processor's debug port."""

    index: int
    idcode: int
    what: str
    fpga: bool

    def __str__(self) -> str:
        return f"{self.what} (IDCODE 0x{self.idcode:08x})"


def parse(text: str) -> list[Chip]:
    """Return the chips that ``--detect`` lists, or the single one that it does not know."""
    unknown = re.search(r"Unknown device with IDCODE: 0x([0-9a-f]+)", text)
    if unknown is not None:
        return [Chip(0, int(unknown.group(1), 16), "an unknown chip", True)]
    chips = []
    for part in re.split(r"^index ", text, flags=re.M)[1:]:
        fields = dict(re.findall(r"^\s+(\w+) +(.+?)\s*$", part, re.M))
        if "idcode" in fields:
            what = fields.get("model") or fields.get("type", "a chip")
            chips.append(
                Chip(int(part.split(":")[0]), int(fields["idcode"], 16), what, "family" in fields)
            )
    return chips


def find(target: FlashTarget, chips: list[Chip]) -> Chip:
    """Return the board's chip; raise `ToolError` unless there is exactly one."""
    if not chips:
        raise ToolError(f"no chip answers: is {target.board} powered?")
    own = [c for c in chips if target.has(c.idcode)]
    if not own:
        others = ", ".join(map(str, chips))
        raise ToolError(
            f"the cable leads to {others}, not to the {target.part} of {target.board}"
            f" (IDCODE 0x{target.idcode:08x}): is this the right board and cable?"
        )
    if len(own) > 1:
        raise ToolError(
            f"the cable leads to {len(own)} chips like that of {target.board}: connect only one"
        )
    return own[0]
