"""What a network's integers mean, in C: ``scale * integer + offset`` in double, rounded twice.

The product is kept in a volatile variable, so that no compiler fuses it with the addition.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from .edge import Layout, listed

_NUMBER = """
/* What integer k of a result means. */
static double number(const net_out integers[NET_OUTPUTS], uint32_t k)
{
@parts@}

void net_numbers(const net_out integers[NET_OUTPUTS], double numbers[NET_OUTPUTS])
{
    uint32_t p, c;
@loops@}
"""
_SCALED = """    {{
        static const double scale[] = {{{scale}}};
        static const double offset[] = {{{offset}}};
        const volatile double product = (double)integers[k] * scale[{scale_at}];
        return product + offset[{offset_at}];
    }}
"""
_LOOP = """    for (p = 0; p < {places}; ++p)
        for (c = 0; c < {channels}; ++c)
            numbers[{start}{index}] = number(integers, {start}{stream});
"""


def segments(output: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tensors that follow each other in a result."""
    return output.get("segments", [output])


def numbers(output: Mapping[str, Any]) -> str:
    """Return the definitions of ``number`` and ``net_numbers``.

    Integers of a single tensor are in the model's order, those of several in the stream's; numbers
    are in the model's order.
    """
    all_ = segments(output)
    starts = list(accumulate((Layout.of(s).size for s in all_), initial=0))
    parts, loops = "", ""
    for segment, start, end in zip(all_, starts, starts[1:], strict=False):
        layout = Layout.of(segment)
        if end < starts[-1]:
            parts += f"    if (k < {end})\n"
        parts += _number(segment, layout, start, joined=len(all_) > 1)
        stream = f"p * {layout.channels} + c" if len(all_) > 1 else layout.index
        plus = f"{start} + " if start else ""
        loops += _LOOP.format(
            places=layout.places,
            channels=layout.channels,
            start=plus,
            index=layout.index,
            stream=stream,
        )
    return _NUMBER.replace("@parts@", parts).replace("@loops@", loops)


def _number(segment: Mapping[str, Any], layout: Layout, start: int, *, joined: bool) -> str:
    """Return the statement that returns a number of one tensor."""
    scale, offset = segment["scale"], segment["offset"]
    if not scale:
        return "    return (double)integers[k];\n"
    k = f"(k - {start})" if start else "k"
    planes = layout.planes and not joined
    channel = f"{k} / {layout.places}" if planes else f"{k} % {layout.channels}"
    return _SCALED.format(
        scale=listed(scale, 12),
        offset=listed(offset, 12),
        scale_at=channel if len(scale) > 1 else "0",
        offset_at=channel if len(offset) > 1 else "0",
    )
