"""Formats the result of each verb for people: plain text and tables, no colours."""

from collections.abc import Sequence

from .. import flow
from ..flow.boards import fit_in_words
from ..flow.import_and_fold import dropped_in_words
from ..resources.estimate import accuracy
from .printed_tables import text as table

ROWS_SHOWN = 10
"""Number of frames that ``run`` and ``check`` print."""


def trained(done: flow.Trained) -> str:
    return "\n".join(
        [
            *map(table, done.tables()),
            f"{done.name}: {done.parameters:,} parameters",
            f"accuracy: {100 * done.accuracy:.2f} % of {done.test_images:,} test images",
            f"model: {done.model}, checked against torch",
        ]
    )


def compressed(done: flow.Compressed) -> str:
    model = done.model or "none was written, since not every layer is quantized"
    return "\n".join([*map(table, done.tables()), f"model: {model}"])


def checked(done: flow.Checked) -> str:
    verdict = "the file is the network that was recorded"
    if not done.ok:
        verdict = (
            "the file is another network than the one that was recorded; or the outputs are of a"
            " program that rounds elsewhere (ONNX Runtime: record with ORT_DISABLE_ALL)"
        )
    elif done.differ:
        verdict += ", but for float rounding at decision boundaries"
    return "\n".join(
        [
            f"{done.model}: {done.differ} of {done.samples} samples differ, {done.boundary} of them"
            f" proven at a boundary; {done.decisions_differ} decisions differ",
            *done.proofs[:ROWS_SHOWN],
            *done.faults,
            verdict,
        ]
    )


def refused(model: str, reasons: Sequence[str]) -> str:
    return "\n".join([f"{model} is refused:", *(f"  {' '.join(r.split())}" for r in reasons)])


def inspected(done: flow.Inspection) -> str:
    total = done.total
    return "\n\n".join(
        [
            *map(str, done.stages),
            *map(table, done.tables()),
            *dropped_in_words(done.dropped),
            f"in all: {total['parameters']:,} parameters, {total['operations']:,} operations a"
            f" frame, {total['weight_bits']:,} bits of constants, {total['state_bits']:,} bits of"
            f" buffers\npredicted: a frame every {done.ii} cycles, latency {done.latency} cycles",
            *([] if done.graph is None else [f"graph: {done.graph}"]),
            *([] if done.netron is None else [f"netron: process {done.netron}, until it is ended"]),
        ]
    )


def searched(done: flow.Searched) -> str:
    lines = [f"{name}: {value}" for name, value in done.summary().items()]
    lines += [f"{n} trials: {reason}" for reason, n in done.standing.reasons.items()]
    return "\n".join([*map(table, done.tables()), "", *lines])


def compiled(done: flow.Compiled) -> str:
    build = done.build
    return "\n".join(
        [
            str(build.graph),
            "",
            f"predicted: a frame every {build.predicted.ii} cycles,"
            f" latency {build.predicted.latency} cycles ({done.latency_ns:,.0f} ns)",
            f"FIFOs: {done.fifo_bits:,} bits",
            f"block memory: {done.block_memory}",
            f"{done.fps:,.0f} frames/s at {done.clock_mhz:g} MHz (assumed)",
            *([] if done.solution is None else [str(done.solution)]),
            *dropped_in_words(done.dropped),
            f"part: {done.made_for}",
            f"predicted resources: {done.resources} ({accuracy()})",
            f"Verilog: {build.verilog}",
            *not_fitting(done),
            fitting(done),
        ]
    )


def not_fitting(done: flow.Compiled) -> list[str]:
    """Return in words why boards are not in the list, though their part is large enough."""
    if done.board is not None:
        return []
    foreign = [r for r in done.rooflines if r.foreign]
    lines = []
    if foreign:
        names = ", ".join(r.board for r in foreign)
        lines.append(
            f"not for {names}: made of cells of {foreign[0].foreign}; compile with --board, or"
            " with --part portable"
        )
    own = done.part.device if done.part is not None and done.fits else ""
    for r in done.rooflines:
        if own and r.part.startswith(own) and r.lacks and not r.foreign:
            lines.append(
                f"does not fit {r.board}, which has this part: {'; '.join(r.lacks)}, with the"
                " shell, and with room for routing"
            )
    return lines


def fitting(done: flow.Compiled) -> str:
    """Return in words how fast the network is on its board, or which boards it fits."""
    if done.board is None:
        fits = [r.board for r in done.rooflines if r.fits]
        fits += [f"{r.board}?" for r in done.rooflines if r.fits is None and (r.estimate or 0) <= 1]
        names = ", ".join(fits) or "no known one"
        return f"fits these boards, by prediction (?: by a rough one): {names}"
    (r,) = done.rooflines
    return (
        f"fits {r.board}: {fit_in_words(r)}; core {r.core:,.0f} frames/s,"
        f" system {r.system:,.0f} frames/s (limited by: {r.limit})"
    )


def ran(done: flow.Outputs) -> str:
    if done.files:
        return f"{len(done.integers)} frames: {written(done)}"
    lines = []
    outputs = done.outputs if len(done.outputs) > 1 else {"floats": done.floats}
    for k, row in enumerate(done.integers):
        if k == ROWS_SHOWN:
            lines.append(f"... {len(done.integers) - k} more (give --out or --json)")
            break
        values = ", ".join(f"{name} {y[k].tolist()}" for name, y in outputs.items())
        lines.append(f"{k}: integers {row.tolist()}, {values}")
    return "\n".join(lines) or "no frames"


def written(done: flow.Outputs) -> str:
    """Return the names of the files that a network's outputs were written to."""
    *files, integers = done.files
    what = "outputs" if len(files) > 1 else "floats"
    return f"{what} {', '.join(files)}, integers {integers}"


def traced(done: flow.Traced) -> str:
    lines = [*map(table, done.tables())]
    if done.mismatches is not None:
        lines.append(f"mismatches: {done.mismatches} of {done.samples} samples")
    return "\n".join([*lines, f"{done.samples} samples: {', '.join(done.files)}"])


def verified(done: flow.Verified) -> str:
    report = done.report
    lines = [
        *map(table, done.tables()),
        f"mismatches: {done.mismatches} of {done.samples} samples"
        f" ({done.engine}, stall {report.stall:g}, {done.seconds:.1f} s)",
    ]
    if done.cycles_exact is not None:
        exact = "yes" if done.cycles_exact else "NO"
        lines.append(f"every beat in its predicted cycle: {exact}")
    if done.accuracy is not None:
        lines.append(f"accuracy of the golden model: {100 * done.accuracy:.2f} %")
    if report.first is not None:
        lines.append(f"first mismatch: {report.first}")
        lines += [f"  see {file}" for file in report.first.files]
    return "\n".join([*lines, *map(str, report.violations), *layers_verified(done)])


def layers_verified(done: flow.Verified) -> list[str]:
    """Return what is wrong with each layer that was simulated by itself."""
    if done.layers is None:
        return []
    lines = [
        f"layers by themselves: {len(done.layers) - len(done.wrong_layers)} of {len(done.layers)}"
        " correct"
    ]
    for layer in done.wrong_layers:
        faults = [] if layer.first is None else [f"first mismatch: {layer.first}"]
        faults += [] if layer.hung is None else [layer.hung]
        faults += [f"layer {layer.layer}: {v}" for v in layer.violations]
        lines += [f"  {fault}" for fault in faults]
    return lines


def synthesised(done: flow.Synthesised) -> str:
    report = done.report
    shares = ", ".join(
        f"{k} {round(100 * n / have, 2):g} %" if have else f"{k} {n:g} of none"
        for k, (n, have) in report.total.utilisation(report.part).items()
    )
    fits = "" if report.fits else "; the design does not fit"
    lines = [*map(table, done.tables()), f"{done.made_for}: {shares}{fits} ({report.tool})"]
    if done.plain:
        lines.append(f"plain logic: smaller if compiled with --part {report.part.name}")
    if report.path is not None:
        lines.append(f"worst path: {report.path.ns:.3f} ns of cell delay, without wires")
    if done.check is not None:
        wrong, n = done.check.mismatches, done.check.samples
        lines.append(f"netlist against the golden model: {wrong} mismatches of {n} samples")
    return "\n".join(lines)


def tabled(done: flow.Boards | flow.Diagnosis | flow.Zoo) -> str:
    return "\n\n".join(map(table, done.tables()))


def made(done: flow.Made) -> str:
    lines = [f"{s.verb}: {s.state}{f' ({s.summary})' if s.summary else ''}" for s in done.steps]
    return "\n".join([*lines, f"folder: {done.folder}"])


def reported(done: flow.Reported) -> str:
    return f"{done.shows}: {done.file} ({done.size:,} bytes); open it in a browser"
