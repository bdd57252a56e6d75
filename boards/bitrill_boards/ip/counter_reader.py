"""Reads a core's counters over its AXI4-Lite registers, and tells which layer limits it.

Python 3.8 or later, nothing else. ``read(offset)`` and ``write(offset, value)`` access a register
of 32 bits by its offset in bytes, such as ``mmio.read`` and ``mmio.write`` of PYNQ::

    import counters
    counts = counters.read_all("ports.json", mmio.read, mmio.write)
    print(counters.report(counts))
"""

import json

CLEAR, HOLD = 1, 2


def read_all(sheet, read, write):
    """Hold the counters, return ``{register: value}``, and let them go on; ``sheet``: its path."""
    with open(sheet, encoding="utf-8") as file:
        ports = json.load(file)
    offsets = {r["name"]: r["offset"] for r in ports["registers"]}
    digest = int(ports["digest"][:16], 16)
    present = read(offsets["DIGEST_HIGH"]) << 32 | read(offsets["DIGEST_LOW"])
    if present != digest:
        raise ValueError(f"these registers are of network {present:016x}, not {digest:016x}")
    write(offsets["CONTROL"], HOLD)
    counts = {name: read(offset) for name, offset in offsets.items()}
    write(offsets["CONTROL"], 0)
    counts["CYCLES"] = counts.pop("CYCLES_HIGH") << 32 | counts.pop("CYCLES_LOW")
    return counts


def clear(sheet, write):
    """Set all counters to 0."""
    with open(sheet, encoding="utf-8") as file:
        offsets = {r["name"]: r["offset"] for r in json.load(file)["registers"]}
    write(offsets["CONTROL"], CLEAR)


def layers(counts):
    """Return the names of the layers that have counters, in the network's order."""
    return [name[: -len("_BLOCKED")] for name in counts if name.endswith("_BLOCKED")]


def slowest(counts):
    """Return the layer that waits least, for data or for room behind it; None without layers."""
    counted = layers(counts)
    return min(counted, key=lambda n: waits(counts, n)) if counted else None


def waits(counts, layer):
    """Return the cycles in which a layer waited for data, or for room for its results."""
    return counts[layer + "_STARVED"] + counts[layer + "_BLOCKED"]


def report(counts):
    """Return the counters in words."""
    cycles = max(1, counts["CYCLES"])
    share = {name: f"{100 * count / cycles:.1f} %" for name, count in counts.items()}
    lines = [
        f"{counts['FRAMES_IN']} frames in, {counts['FRAMES_OUT']} out, in {cycles} cycles",
        f"the source waited {share['IN_STALLED']} of the time, the core waited for the source"
        f" {share['IN_STARVED']}, for the sink {share['OUT_STALLED']}",
    ]
    for layer in layers(counts):
        data, room = share[layer + "_STARVED"], share[layer + "_BLOCKED"]
        lines.append(f"{layer}: waits for data {data}, for room behind it {room}")
    least = slowest(counts)
    if least is not None:
        lines.append(f"slowest: {least}")
    return "\n".join(lines)
