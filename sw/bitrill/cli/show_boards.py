"""Texts about boards and cores: what the verbs `build`, `flash`, `drive`, `export_ip` print."""

from __future__ import annotations

from .. import flow
from .printed_tables import text as table
from .show import written


def built(done: flow.BoardBuild) -> str:
    m = done.manifest
    asked = "" if m.clock == done.asked_mhz else f" (asked: {float(done.asked_mhz):g})"
    lines = [f"{m.title} ({m.part}), toolchain {m.toolchain}: {float(m.clock):g} MHz{asked}"]
    if done.bitstream is None:
        lines.append(f"bitstream: none yet (only files were asked for); files: {done.folder}")
        return "\n".join(lines)
    return "\n".join(
        [
            *lines,
            *map(table, done.tables()),
            f"fmax: {m.fmax_mhz:g} MHz after routing",
            f"recorded for the self-test: {done.samples:,} frames",
            f"bitstream: {done.bitstream}",
        ]
    )


def flashed(done: flow.Flashed) -> str:
    loaded = done.loaded
    chip = "" if loaded.idcode is None else f", IDCODE 0x{loaded.idcode:08x}"
    until = "stays after power-off" if loaded.lasting else "until power-off"
    maker = "" if done.recorded else " (made by hand)"
    after = f"now test it: {done.command}" if done.driven is None else driven(done.driven)
    return (
        f"{done.bitstream}{maker}: loaded into {loaded.board}{chip} in {loaded.seconds:.1f} s"
        f" ({until})\n{after}"
    )


def driven(done: flow.Driven) -> str:
    r = done.rates
    count = f"{len(done.wrong)} of {done.samples:,} frames"
    lines = [f"mismatches: {count} ({done.board}, {done.transport})"]
    if not done.ok:
        lines.append(f"first mismatch: frame {done.wrong[0]}")
    if r.cycles_per_frame and r.core_share is not None:
        lines.append(
            f"hardware: {r.cycles_per_frame:,.1f} cycles a frame, {r.fps_hardware:,.0f}"
            f" images/s, {100 * r.core_share:.1f} % of the core's peak ({r.fps_core:,.0f})"
        )
    if r.fps_wall is not None:
        lines.append(f"with host and link: {r.fps_wall:,.0f} images/s")
    if r.system_share is not None:
        lines.append(
            f"roofline: {100 * r.system_share:.1f} % of {r.fps_system:,.0f} images/s"
            f" (limited by: {r.limit})"
        )
    if r.in_stalled is not None and r.out_stalled is not None:
        slowest = f"; slowest layer: {r.slowest}" if r.slowest else ""
        lines.append(
            f"memory waited for the network {r.in_stalled:.1%} of the time, the network for memory"
            f" {r.out_stalled:.1%}{slowest}"
        )
    if done.outputs.files:
        lines.append(written(done.outputs))
    lines += [f"note: {note}" for note in done.notes]
    return "\n".join(lines)


def exported(done: flow.ExportedIp) -> str:
    return "\n".join(
        [
            *map(table, done.tables()),
            f"a frame every {done.interval} cycles; core {done.name}: {done.folder}",
            f"start with {done.folder / 'README.md'}",
        ]
    )
