"""What verbs print for people: plain text, aligned, no colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import flow

ROWS_SHOWN = 10
"""Frames that ``run`` prints."""


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    lines = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]

    def text(line: list[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * w for w in widths)
    return "\n".join([text(lines[0]), rule, *map(text, lines[1:])])


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts: every column to the left."""
    lines = [list(row) for row in (head, *rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    lines.insert(1, ["-" * w for w in widths])
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def trained(value: dict[str, Any], out: str) -> str:
    return "\n".join(
        [
            f"{value['name']}: {value['parameters']:,} parameters",
            f"accuracy: {100 * value['accuracy']:.2f} % of {value['test_images']:,} test images",
            f"model: {out}/model.onnx, checked against torch",
        ]
    )


def refused(model: str, reasons: Sequence[str]) -> str:
    return "\n".join([f"{model} is refused:", *(f"  {' '.join(r.split())}" for r in reasons)])


def inspected(found: flow.Inspection) -> str:
    rows = [
        (
            x.name,
            x.kind,
            f"{x.parameters:,}",
            f"{x.operations:,}",
            f"{x.weight_bits:,}",
            f"{x.state_bits:,}",
            x.cycles,
            x.pe,
            x.simd,
            x.weights,
            x.input,
            x.output,
        )
        for x in found.layers
    ]
    head = (
        "layer",
        "kind",
        "parameters",
        "operations",
        "weight bits",
        "buffer bits",
        "cycles",
        "PE",
        "SIMD",
        "weights",
        "input",
        "output",
    )
    total = found.json()["total"]
    return "\n\n".join(
        [
            *map(str, found.stages),
            table(head, rows),
            f"in all: {total['parameters']:,} parameters, {total['operations']:,} operations a"
            f" frame, {total['weight_bits']:,} bits of constants, {total['state_bits']:,} bits of"
            f" buffers\npredicted: a frame every {found.ii} cycles, latency {found.latency} cycles",
        ]
    )


def compiled(done: flow.Compiled) -> str:
    build = done.build
    return "\n".join(
        [
            str(build.graph),
            "",
            f"predicted: a frame every {build.predicted.ii} cycles,"
            f" latency {build.predicted.latency} cycles",
            f"FIFOs: {done.fifo_bits:,} bits",
            f"block memory: {done.block_memory}",
            f"{done.fps:,.0f} frames/s at {done.clock_mhz:g} MHz (assumed)",
            *([] if done.solution is None else [f"folding: {done.solution}"]),
            f"Verilog: {build.verilog}",
            fitting(done),
        ]
    )


def fitting(done: flow.Compiled) -> str:
    """Of the board that was compiled for, fit and rates; else the boards that it fits."""
    if done.board is None:
        fits = [r.board for r in done.boards if r.fits]
        fits += [f"{r.board}?" for r in done.boards if r.fits is None and r.estimate <= 1]
        named = ", ".join(fits) or "none known here"
        return f"boards that it fits (predicted; ? roughly): {named}"
    (r,) = done.boards
    return f"{r.board}: {fit(r)}; core {r.core:,.0f} frames/s, system {r.system:,.0f} ({r.limit})"


def fit(r: Any) -> str:
    """Whether a network fits a board, in words; ``r``: a `bitrill_boards.roofline.Roofline`."""
    if r.fits is None:
        return f"not known before routing (about {100 * r.estimate:.0f} % of its LUTs)"
    if r.lacks:
        return f"no: {'; '.join(r.lacks)}"
    share = max(n / r.usable[k] if n else 0 for k, n in r.needs.items())
    return f"yes ({100 * share:.0f} %)"


def ran(outputs: flow.Outputs, value: dict[str, Any]) -> str:
    if "files" in value:
        return (
            f"{value['samples']} frames: floats {value['files'][0]}, integers {value['files'][1]}"
        )
    lines = []
    for k, (i, f) in enumerate(zip(outputs.integers, outputs.floats, strict=True)):
        if k == ROWS_SHOWN:
            lines.append(f"... {len(outputs.integers) - k} more (give --out or --json)")
            break
        lines.append(f"{k}: integers {i.tolist()}, floats {f.tolist()}")
    return "\n".join(lines) or "no frames"


def verified(value: dict[str, Any]) -> str:
    predicted, measured = value["predicted"] or {}, value["measured"] or {}
    rows = [
        (name, _known(predicted.get(key)), _known(measured.get(key)))
        for name, key in (("cycles a frame", "ii"), ("latency", "latency"))
    ]
    lines = [
        table(("", "predicted", "measured"), rows),
        f"mismatches: {value['mismatches']} of {value['samples']} samples"
        f" ({value['engine']}, stall {value['stall']:g}, {value['seconds']:.1f} s)",
    ]
    if value["cycles_exact"] is not None:
        lines.append(
            f"every beat in its predicted cycle: {'yes' if value['cycles_exact'] else 'NO'}"
        )
    if "accuracy" in value:
        lines.append(f"accuracy of the golden model: {100 * value['accuracy']:.2f} %")
    if first := value["first_mismatch"]:
        lines.append(
            f"first: sample {first['sample']}, layer {first['layer']}, channel {first['channel']}:"
            f" expected {first['expected']}, seen {first['seen']}"
        )
        lines += [f"  see {file}" for file in first["files"]]
    return "\n".join([*lines, *value["violations"]])


def synthesised(value: dict[str, Any]) -> str:
    keys = list(value["total"])
    rows = [(name, *(layer[k] for k in keys)) for name, layer in value["layers"].items()]
    rows += [(name, *(value[name][k] for k in keys)) for name in ("difference", "total")]
    shares = ", ".join(f"{k} {u['percent']:g} %" for k, u in value["utilisation"].items())
    fits = "" if value["fits"] else "; it does not fit"
    lines = [table(("layer", *keys), rows), f"{value['part']}: {shares}{fits} ({value['tool']})"]
    if path := value["path"]:
        lines.append(f"worst path: {path['ns']:.3f} ns of cells, wires not counted")
    if check := value.get("check"):
        wrong, n = check["mismatches"], check["samples"]
        lines.append(f"netlist against the golden model: {wrong} mismatches of {n} samples")
    return "\n".join(lines)


def boards(found: flow.Boards) -> str:
    rows = [(b.name, b.part, "|".join(b.toolchains), b.status) for b in found.boards]
    text = columns(("board", "part", "toolchains", "status"), rows)
    if found.rooflines is None:
        return text
    rates = [
        (
            r.board,
            fit(r),
            f"{r.core:,.0f}",
            f"{r.system:,.0f}",
            r.limit,
            f"{r.clock_mhz:g} MHz (assumed)",
        )
        for r in found.rooflines
    ]
    head = ("board", "fits", "core frames/s", "system frames/s", "limit", "clock")
    return f"{text}\n\n{columns(head, rates)}"


def built(done: flow.BoardBuild) -> str:
    m = done.manifest
    asked = "" if m.clock == done.asked_mhz else f" (asked: {float(done.asked_mhz):g})"
    lines = [f"{m.title} ({m.part}), toolchain {m.toolchain}: {float(m.clock):g} MHz{asked}"]
    if m.bitstream is None:
        lines.append(f"bitstream: none yet (only files were asked for); files: {done.folder}")
        return "\n".join(lines)
    rows = [
        (r, f"{n:,}", f"{have:,}", f"{100 * n / have:.0f} %") for r, (n, have) in m.used.items()
    ]
    lines += [table(("resource", "used", "of", "share"), rows)] if rows else []
    lines += [
        f"fmax: {m.fmax_mhz:g} MHz after routing",
        f"recorded for the self-test: {done.samples:,} frames",
        f"bitstream: {done.folder / m.bitstream}",
    ]
    return "\n".join(lines)


def flashed(done: flow.Flashed) -> str:
    found = done.loaded
    chip = "" if found.idcode is None else f", IDCODE 0x{found.idcode:08x}"
    until = "stays after power-off" if found.lasting else "until power-off"
    by = "" if done.recorded else " (made by hand)"
    loaded = f"loaded into {found.board}{chip} in {found.seconds:.1f} s ({until})"
    after = f"now test it: {done.command}" if done.driven is None else driven(done.driven)
    return f"{done.bitstream}{by}: {loaded}\n{after}"


def driven(done: flow.Driven) -> str:
    r, n = done.report, len(done.outputs.integers)
    lines = [f"mismatches: {len(done.wrong)} of {n:,} frames ({done.board}, {done.transport})"]
    if not done.ok:
        lines.append(f"first: frame {done.wrong[0]}")
    if r.get("cycles_per_frame"):
        lines.append(
            f"hardware: {r['cycles_per_frame']:,.1f} cycles a frame, {r['fps_hardware']:,.0f}"
            f" images/s, {100 * r['roofline']:.1f} % of the core's peak ({r['fps_core']:,.0f})"
        )
    if done.timed:
        lines.append(f"with host and link: {r['fps_wall']:,.0f} images/s")
    if done.share is not None:
        lines.append(
            f"roofline: {100 * done.share:.1f} % of {r['fps_system']:,.0f} images/s"
            f" (limit: {r['limit']})"
        )
    if done.files:
        lines.append(f"floats {done.files[0]}, integers {done.files[1]}")
    lines += [f"note: {note}" for note in done.notes]
    return "\n".join(lines)


def examined(value: dict[str, Any]) -> str:
    rows = [(t["tool"], t["version"] or "-", t["status"]) for t in value["tools"]]
    lines = table(("tool", "version", "status"), rows).splitlines()
    whys = ["why; how to get it", "-" * 18]
    whys += [t["why"] + ("" if t["status"] == "ok" else f"; {t['get']}") for t in value["tools"]]
    width = max(map(len, lines))
    return "\n".join(f"{a.ljust(width)}  {b}" for a, b in zip(lines, whys, strict=True))


def _known(value: Any) -> Any:
    return "not measured" if value is None else value
