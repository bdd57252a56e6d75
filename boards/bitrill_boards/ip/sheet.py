"""The port sheet: what a designer must know to connect a core, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from bitrill.ir.serialisation import digest

from ..describe import describe
from .core import Core
from .streams import CoreStream, streams

FORMAT = 1
LISTED = 16
"""Levels, scales or offsets that the Markdown lists; network.json has all of them."""

_SAID = {
    "aclk": "clock, rising edge",
    "aresetn": "reset, active low, synchronous to aclk",
    "error": "a frame had a wrong length; stays 1 until reset",
}
_STREAM = {
    "tdata": "data of a beat",
    "tvalid": "a beat is offered",
    "tready": "a beat is taken at this edge if tvalid is 1",
    "tlast": "the last beat of a frame",
}


def sheet(core: Core) -> dict[str, object]:
    """Return the content of ``ports.json``."""
    registers = core.shell.registers
    return {
        "format": FORMAT,
        "name": core.name,
        "network": core.graph.name,
        "digest": digest(core.graph),
        "clock": {"port": "aclk", "edge": "rising"},
        "reset": {"port": "aresetn", "active": "low", "synchronous": True},
        "interval": str(core.interval),
        "latency": core.latency,
        "streams": _streams(core),
        "weights": {port: node.name for port, node in core.weight_streams.items()},
        "ports": [p.to_json() for p in core.ports],
        "registers": [] if registers is None else [r.to_json() for r in registers.registers],
        "weights_at": _weights_at(core),
    }


_MEANING = (
    "shape",
    "channels",
    "quantizer",
    "raw_scale",
    "raw_offset",
    "scale",
    "offset",
    "segments",
    "functions",
    "outputs",
)
"""Keys of network.json that tell what a stream's integers mean."""


def _streams(core: Core) -> list[dict[str, object]]:
    """Return both streams, with what their integers mean as network.json has it."""
    network = describe(core.graph, core.predicted)
    listed = []
    for stream, side in zip(streams(core), ("input", "output"), strict=True):
        meaning: Mapping[str, object] = network[side]  # pyright: ignore[reportAssignmentType]
        listed.append(
            {
                **stream.to_json(),
                **{key: meaning[key] for key in _MEANING if key in meaning},
                "tlast": "with the last beat of each frame",
                "padding": "ignored" if side == "input" else "zero",
                "padded": "the last beat" if stream.dense else "each beat",
            }
        )
    return listed


def markdown(core: Core) -> str:
    """Return the port sheet for people."""
    into, out = streams(core)
    lines = [
        f"# Ports of {core.name}",
        "",
        f"Network {core.graph.name}, digest `{digest(core.graph)}`. Clock `aclk`, rising edge."
        " Reset `aresetn`, active low, synchronous: hold it at 0 for at least one cycle.",
        "",
        "| port | direction | bits | |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{p.name}` | {p.direction} | {p.width} | {_said(core, p.name)} |"
            for p in core.ports
        ),
        "",
        *_time(core),
        *_frames(into, "Input frames", _numbers_in(core)),
        *_frames(out, "Output frames", _numbers_out(core)),
        *_weights(core),
        *_registers(core),
    ]
    return "\n".join(lines)


def _said(core: Core, port: str) -> str:
    stream, _, signal = port.rpartition("_")
    if stream in core.weight_streams:
        return f"{_STREAM[signal]}: weights of {core.weight_streams[stream].name}"
    if port.startswith("s_axi_"):
        return "AXI4-Lite: registers, see below"
    return _SAID.get(port) or _STREAM[signal]


def _time(core: Core) -> list[str]:
    return [
        "## Time",
        "",
        f"A frame every {_number(core.interval)} cycles if neither side waits."
        f" Latency: {core.latency} cycles from the edge that takes a frame's first beat to the one"
        " that takes its result's last.",
        "",
    ]


def _frames(s: CoreStream, title: str, meaning: list[str]) -> list[str]:
    last = " The last beat is not full." if s.dense and s.padding_bits else ""
    kind = {True: "signed (two's complement)", False: "unsigned"}[s.signed]
    coded = {
        "integer": f"integers {s.lo} .. {s.hi}, {kind}",
        "bipolar": "one bit each: 0 is -1, 1 is +1",
        "log2": "codes: 0 is 0, k is 2**(k - 1)",
    }[s.coding]
    if s.dense:
        cut = (
            "A frame is a string of bits, element 0 first, each element's low bit first. Bit j of"
            f" beat k is bit {s.tdata_bits} k + j of it.{last}"
        )
    else:
        cut = f"Each beat has {s.lanes} elements, the first one in the low bits."
    where = "at the high end of the last beat" if s.dense else "at the high end of each beat"
    kept = "ignored" if s.direction == "in" else "0"
    padding = f"{s.padding_bits} bits {where} are {kept}." if s.padding_bits else "No padding."
    end = (
        "`tlast` must be 1 with the last beat of each frame, and only then: a frame of another"
        " length is dropped, and `error` rises."
        if s.direction == "in"
        else "`tlast` is 1 with the last beat of each frame."
    )
    return [
        f"## {title}: `{s.port}`",
        "",
        f"- {s.beats} beat{'s' if s.beats > 1 else ''} of {s.tdata_bits} bits a frame:"
        f" {s.elements} elements of {s.element_bits} bit{'s' if s.element_bits > 1 else ''}",
        f"- elements: {coded}",
        f"- order: {_order(s.order)}",
        f"- {cut}",
        f"- {padding}",
        f"- {end}",
        *(f"- {line}" for line in meaning),
        "",
    ]


def _numbers_in(core: Core) -> list[str]:
    source = core.graph.source
    shape = " x ".join(map(str, source.shape))
    lines = [f"the model's input: {shape}, {_axes(source.channel_last, source.tensor.shape)}"]
    if source.quantizer is None:
        scale, offset = source.raw_meaning
        return [*lines, f"integer q means {_listed(scale)} * q + {_listed(offset)}"]
    levels = source.quantizer.levels
    if levels.size > LISTED:
        return [*lines, f"quantized from floats by {levels.size} levels: see network.json"]
    rows = "; ".join(", ".join(repr(float(v)) for v in row) for row in levels)
    turned = " (n counts from the highest value where inverted)"
    inverted = turned if source.quantizer.inverted.any() else ""
    return [
        *lines,
        f"a float x is the n-th value, n the number of levels with x >= level: {rows}{inverted}",
    ]


def _numbers_out(core: Core) -> list[str]:
    sink = core.graph.sink
    lines = []
    if sink.segments:
        parts = ", ".join("x".join(map(str, p.shape)) for p in sink.segments)
        lines.append(f"{len(sink.segments)} tensors follow each other: {parts}; see network.json")
    else:
        shape = " x ".join(map(str, sink.shape))
        lines.append(f"the model's output: {shape}, {_axes(sink.channel_last, sink.tensor.shape)}")
        if sink.scale:
            lines.append(f"integer q means {_listed(sink.scale)} * q + {_listed(sink.offset)}")
        else:
            lines.append("integers are indices of classes")
    if sink.functions:
        names = ", ".join(f.op for f in sink.functions)
        lines.append(f"the host then computes {names}: see network.json")
    return lines


def _weights_at(core: Core) -> int | None:
    """Return the offset of the network's own registers; None if its weights are not writable."""
    if core.shell.registers is not None:
        return core.shell.registers.network
    return 0 if core.has_registers else None


def _registers(core: Core) -> list[str]:
    lines, at = [], _weights_at(core)
    if at is not None:
        lines = [
            f"From offset {at:#x} on: weights and thresholds, by the addresses of the build's"
            " registers.json.",
            "",
        ]
    if core.shell.registers is not None:
        lines += [
            "32 bits each; all but CONTROL can only be read. An access to any other offset, and a"
            " write of less than 4 bytes, gets SLVERR. Counters of 32 bits start again at 0.",
            "",
            "| offset | name | content |",
            "| --- | --- | --- |",
            *(f"| {r.offset:#04x} | {r.name} | {r.text} |" for r in core.shell.registers.registers),
            "",
        ]
    return ["## Registers: `s_axi`", "", *lines] if lines else []


def _weights(core: Core) -> list[str]:
    if not core.weight_streams:
        return []
    return [
        "## Streams of weights",
        "",
        *(
            f"- `{port}`: the matrix of {node.name}, a whole one for each vector; testbench and"
            f" words in `tb/{core.name}_{port}.hex`"
            for port, node in core.weight_streams.items()
        ),
        "",
    ]


def _order(sizes: tuple[int, ...]) -> str:
    """Return in words how a frame's elements follow each other."""
    if len(sizes) == 1:
        return f"0 to {sizes[0] - 1}"
    named = list(zip(sizes, _NAMES[len(sizes)], strict=True))
    number = ""
    for (size, _), letter in zip(named[1:], _LETTERS[len(sizes)], strict=False):
        number = f"({number} + {letter}) {size}" if number else f"{size} {letter}"
    letters = _LETTERS[len(sizes)]
    axes = " x ".join(f"{size} {name}" for size, name in named)
    return f"{axes}, channels fastest: ({', '.join(letters)}) has number {number} + {letters[-1]}"


_NAMES = {2: ("places", "channels"), 3: ("rows", "columns", "channels")}
_LETTERS = {2: ("p", "c"), 3: ("y", "x", "c")}
"""What the axes of a frame are, and letters for their indices."""


def _axes(channel_last: bool, edge: tuple[int, ...]) -> str:
    if len(edge) == 1:
        return "in its own order"
    return "channels last, in its own order" if channel_last else "channels first (NCHW)"


def _listed(values: object) -> str:
    many = list(values) if isinstance(values, list | tuple) else [values]
    if len(many) > LISTED:
        return f"({len(many)} numbers: see network.json)"
    texts = [str(v) if isinstance(v, Fraction | str) else repr(float(v)) for v in many]  # pyright: ignore[reportArgumentType]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g} ({value})"
