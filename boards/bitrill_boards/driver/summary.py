"""Formats a driver's measurements as a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(report: Mapping[str, Any]) -> str:
    """Return the report of `Driver.report` as text."""
    if not report["frames"]:
        return "no frames"
    lines = [f"{report['frames']:,} frames, {report['fps_wall']:,.0f} a second, host included"]
    per = report["cycles_per_frame"]
    if per:
        lines.append(
            f"hardware: {per:,.2f} cycles a frame, {report['fps_hardware']:,.0f} frames a second,"
            f" {report['roofline']:.1%} of the core's peak of {report['fps_core']:,.0f}"
        )
    if report.get("system") is not None:
        lines.append(
            f"roofline: {report['system']:.1%} of the {report['fps_system']:,.0f} frames a second"
            f" that the board's {_LIMITS.get(report['limit'], report['limit'])} allows"
        )
    if "in_stalled" in report:
        lines.append(waiting(report))
    return "\n".join(lines)


def waiting(report: Mapping[str, Any]) -> str:
    """Return in words who waited for whom, and the slowest layer if layers are counted."""
    slowest = f"; slowest layer: {report['slowest']}" if report.get("slowest") else ""
    return (
        f"memory waited for the network {report['in_stalled']:.1%} of the time, the network for"
        f" memory {report['out_stalled']:.1%}{slowest}"
    )


_LIMITS = {"core": "core", "port": "memory port", "ddr": "memory", "uart": "serial line"}
