"""Table of quantizers: patterns over the names of layers, each with words for what to do there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from ...errors import SpecError, meant
from ..keys import number
from . import act_words, weight_words

INPUT = "input"
"""Name of the network's input, whose quantizer has 8 bits by default."""


@dataclass(frozen=True, kw_only=True)
class PatternSettings:
    """The settings of a pattern; None: as in an earlier pattern that matches.

    ``weights``: a word of `weight_words.WORDS`, such as ``binary`` or ``int4``. ``acts``: bits of
    the activations after the layer, or a word of `act_words.WORDS`. ``joins``: bits of operands of
    sums and concatenations, at least 4 by default, since sums need more than decisions; and of
    averages, by default as ``acts``. ``scale``: one for each ``tensor``, or for each output
    ``channel`` of the weights. ``output``: bits of a layer's result if it is the network's output,
    which has no quantizer by default.
    """

    weights: str | None = None
    acts: int | str | None = None
    joins: int | None = number(None, low=1, high=16)
    scale: str | None = None
    output: int | None = number(None, low=2, high=16)

    def __post_init__(self) -> None:
        faults: list[str] = []
        if self.weights is not None:
            faults += weight_words.faults(self.weights)
        if self.acts is not None:
            faults += act_words.faults(self.acts)
        if self.scale not in (None, "tensor", "channel"):
            faults.append(f"scale must be tensor or channel, not {self.scale!r}")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)

    def over(self, below: PatternSettings) -> PatternSettings:
        """Return this row with its missing settings taken from ``below``."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return PatternSettings(
            **{k: getattr(below, k) if v is None else v for k, v in values.items()}
        )


DEFAULT = PatternSettings(weights="int8", acts=8, scale="tensor")

ROW_OF_INPUT = PatternSettings(acts=8)


@dataclass(frozen=True)
class QuantizerTable:
    """Rows by pattern (``*``, ``?``, ``[..]`` as in a shell); the last one that matches counts.

    ``input`` is a name of its own, which only a pattern without wildcards means.
    """

    rows: Mapping[str, PatternSettings]

    def of(self, name: str) -> PatternSettings:
        """Return the row of a layer, or of `INPUT`."""
        if name == INPUT:
            return self.rows.get(INPUT, ROW_OF_INPUT).over(ROW_OF_INPUT)
        row = DEFAULT
        for pattern, each in self.rows.items():
            if pattern != INPUT and fnmatchcase(name, pattern):
                row = each.over(row)
        return row

    def require_matches(self, names: Iterable[str]) -> None:
        """Raise `SpecError` that names each pattern which matches no layer."""
        require_matches([p for p in self.rows if p != INPUT], names, "layers")


def require_matches(patterns: Iterable[str], names: Iterable[str], what: str) -> None:
    """Raise `SpecError` that names each pattern of the table ``what`` which matches no name."""
    known = list(names)
    unmatched = [p for p in patterns if not any(fnmatchcase(name, p) for name in known)]
    faults = [
        f"{what}: {p!r} matches no layer{meant(p, known)} (layers: {', '.join(known)})"
        for p in unmatched
    ]
    if faults:
        raise SpecError("; ".join(faults), faults=faults)
