"""The grid that the resource model is fitted on, and the points that it is judged by."""

from __future__ import annotations

from math import lcm
from typing import Any

from bitrill.arith.accumulate import starts
from bitrill.ir.structure import ALONE
from resource_draw import drawn
from specimens import operator

Rows = list[dict[str, Any]]

_LIGHT = [  # rows, columns, PE, SIMD, memory
    (16, 48, 4, 6, "distributed"),
    (64, 64, 8, 8, "distributed"),
    (64, 144, 4, 9, "distributed"),
    (32, 128, 16, 16, "distributed"),
    (64, 64, 2, 32, "block"),
    (128, 96, 8, 3, "block"),
    (10, 64, 10, 8, "distributed"),
    (48, 24, 1, 24, "distributed"),
    (32, 32, 1, 1, "distributed"),
    (16, 784, 4, 49, "block"),
    (8, 18, 8, 18, "distributed"),
    (32, 16, 8, 16, "distributed"),
]
_HEAVY = [
    (16, 48, 4, 6, "distributed"),
    (64, 64, 2, 8, "block"),
    (48, 24, 1, 12, "distributed"),
    (10, 64, 5, 4, "distributed"),
    (32, 32, 1, 1, "distributed"),
    (4, 36, 2, 18, "distributed"),
]
_LIGHT_OUT = [
    (24, 64, 6, 4, "distributed"),
    (64, 256, 4, 64, "block"),
    (32, 48, 8, 12, "distributed"),
    (10, 128, 10, 16, "distributed"),
]
_HEAVY_OUT = [(24, 64, 3, 8, "distributed"), (32, 36, 4, 9, "block")]

_CODINGS = [
    ("bipolar", "bipolar", True),
    ("ternary", "bipolar", True),
    ("bipolar", "uint2", True),
    ("bipolar", "int4", False),
    ("ternary", "uint2", False),
    ("ternary", "ternary", False),
    ("int2", "uint2", False),
    ("int4", "bipolar", False),
    ("int4", "uint4", False),
    ("bipolar", "uint8", False),
    ("int4", "int4", False),
    ("pot", "uint4", False),
    ("codebook", "uint4", False),
    ("int4", "log3", False),
    ("ternary", "log3", False),
]


def _matvec(light: list[tuple], heavy: list[tuple], *, share: int = 1) -> Rows:
    """Every coding, each with every ``share``-th of its cases, a different part of them each."""
    return [
        {
            "kind": "matvec",
            "w": w,
            "x": x,
            "rows": rows,
            "shape": [cols],
            "pe": pe,
            "simd": simd,
            "memory": memory,
        }
        for k, (w, x, is_light) in enumerate(_CODINGS)
        for rows, cols, pe, simd, memory in (light if is_light else heavy)[k % share :: share]
    ]


def _threshold(cases: list[tuple]) -> Rows:
    return [
        {
            "kind": "threshold",
            "x": x,
            "out": out,
            "shape": [c],
            "pe": pe,
            "style": style,
            "inverted": inverted,
        }
        for x, out, c, pe, style, inverted in cases
    ]


_P, _S = "parallel", "search"
_THRESHOLDS = [
    ("uint7", "bipolar", 64, 8, _P, True),
    ("uint10", "bipolar", 64, 4, _P, False),
    ("uint7", "bipolar", 64, 1, _P, True),
    ("uint9", "bipolar", 32, 32, _P, False),
    ("int8", "uint2", 32, 4, _P, False),
    ("int8", "uint2", 64, 8, _S, True),
    ("int12", "uint4", 32, 4, _S, False),
    ("int14", "uint4", 64, 2, _S, True),
    ("int10", "uint4", 16, 8, _S, False),
    ("int10", "uint2", 128, 2, _P, True),
    ("uint6", "uint2", 16, 8, _P, False),
]
_THRESHOLDS_OUT = [
    ("uint8", "bipolar", 64, 16, _P, True),
    ("uint10", "bipolar", 256, 4, _P, False),
    ("int9", "uint2", 64, 4, _P, False),
    ("int11", "uint4", 64, 4, _S, True),
    ("int13", "uint4", 32, 8, _S, False),
]


def _convert(cases: list[tuple]) -> Rows:
    return [{"kind": "convert", "x": x, "shape": [240], "simd": a, "pe": b} for x, a, b in cases]


_CONVERTS = [
    ("bipolar", 8, 1),
    ("bipolar", 1, 8),
    ("bipolar", 16, 48),
    ("bipolar", 60, 4),
    ("uint4", 4, 8),
    ("uint4", 16, 2),
    ("uint4", 6, 4),
    ("uint2", 10, 16),
    ("uint2", 15, 12),
    ("uint8", 3, 1),
    ("uint8", 1, 5),
    ("bipolar", 20, 16),
    ("uint4", 12, 10),
    ("int6", 5, 8),
]
_CONVERTS_OUT = [
    ("bipolar", 16, 4),
    ("bipolar", 5, 40),
    ("uint4", 8, 2),
    ("uint4", 10, 8),
    ("uint2", 4, 6),
    ("uint8", 4, 16),
]

_FIFOS = [
    (1, 2),
    (8, 2),
    (40, 2),
    (8, 3),
    (8, 16),
    (12, 32),
    (30, 40),
    (9, 64),
    (5, 100),
    (8, 200),
    (16, 300),
    (36, 512),
    (24, 1000),
    (72, 600),
    (4, 1500),
    (10, 128),
]
_FIFOS_OUT = [(16, 2), (6, 8), (20, 30), (12, 50), (4, 90), (18, 700), (32, 400), (64, 2)]


def _fifo(cases: list[tuple[int, int]]) -> Rows:
    return [{"kind": "fifo", "width": w, "depth": d} for w, d in cases]


def _depthwise(cases: list[tuple]) -> Rows:
    return [
        {
            "kind": "depthwise",
            "w": w,
            "x": x,
            "shape": [4, 4, 9 * c],
            "taps": 9,
            "pe": pe,
            "memory": m,
        }
        for w, x, c, pe, m in cases
    ]


_D = "distributed"
_OTHERS: Rows = [
    *_depthwise(
        [
            ("int4", "uint4", 16, 4, _D),
            ("int4", "uint4", 32, 1, _D),
            ("bipolar", "uint2", 16, 4, _D),
            ("int4", "uint4", 32, 8, "block"),
            ("ternary", "uint4", 8, 8, _D),
            ("bipolar", "bipolar", 32, 8, _D),
            ("int8", "uint8", 16, 2, _D),
        ]
    ),
    *(
        {"kind": "window", "x": x, "shape": s, "kernel": k, "stride": st, "simd": n, "pe": n}
        for x, s, k, st, n in [
            ("bipolar", [8, 8, 16], [3, 3], [1, 1], 4),
            ("uint4", [16, 16, 8], [3, 3], [1, 1], 8),
            ("uint4", [16, 16, 16], [3, 3], [2, 2], 2),
            ("uint8", [28, 28, 1], [5, 5], [1, 1], 1),
            ("uint2", [32, 32, 32], [3, 3], [1, 1], 16),
            ("uint4", [8, 8, 8], [2, 2], [2, 2], 8),
            ("bipolar", [30, 30, 64], [3, 3], [1, 1], 64),
        ]
    ),
    *(
        {
            "kind": "window",
            "x": x,
            "shape": s,
            "kernel": [3, 3],
            "stride": [1, 1],
            "simd": s[2],
            "pe": 9 * s[2],
            "style": _P,
        }
        for x, s in [("uint4", [16, 16, 4]), ("bipolar", [8, 8, 16]), ("uint2", [40, 40, 8])]
    ),
    *(
        {"kind": k, "x": x, "shape": s, "kernel": [n, n], "stride": [st, st], "simd": p, "pe": p}
        for k in ("maxpool", "avgpool")
        for x, s, n, st, p in [
            ("bipolar", [8, 8, 16], 2, 2, 4),
            ("uint4", [8, 8, 8], 2, 2, 8),
            ("uint4", [9, 9, 16], 3, 2, 2),
            ("uint2", [16, 16, 32], 2, 2, 4),
            ("uint8", [6, 6, 4], 3, 1, 1),
            ("uint4", [4, 4, 16], 4, 4, 4),
        ]
    ),
    *(
        {"kind": "pad", "x": x, "shape": s, "pads": p, "simd": n, "pe": n}
        for x, s, p, n in [
            ("bipolar", [8, 8, 16], [1, 1, 1, 1], 4),
            ("uint4", [16, 16, 8], [1, 1, 1, 1], 8),
            ("uint4", [28, 28, 4], [2, 2, 2, 2], 1),
            ("bipolar", [8, 8, 64], [1, 1, 1, 1], 64),
        ]
    ),
    *(
        {"kind": "add", "x": x, "shape": [4, 4, 16], "gains": g, "pe": n}
        for x, g, n in [
            ("uint4", [1, 1], 4),
            ("int4", [1, 3], 8),
            ("uint4", [1, 2], 1),
            ("int8", [1, 1, 1], 4),
            ("uint2", [1, 1], 16),
            ("uint4", [5, 3], 4),
        ]
    ),
    *(
        {"kind": "mul", "x": x, "other": w, "shape": [4, 4, 16], "offsets": o, "pe": n}
        for x, w, o, n in [
            ("uint4", "uint4", [0, 0], 4),
            ("int4", "uint4", [0, 0], 8),
            ("int8", "uint8", [0, 0], 2),
            ("int8", "int8", [0, 0], 4),
            ("uint8", "uint8", [-128, 0], 2),
            ("uint4", "uint1", [0, 0], 16),
            ("int6", "bipolar", [0, 0], 8),
            ("int3", "int12", [0, 0], 4),
            ("uint2", "uint2", [0, 0], 16),
        ]
    ),
    *(
        {"kind": "divide", "x": x, "other": w, "shape": [4, 4, 16], "levels": n, "pe": pe}
        for x, w, n, pe in [
            ("uint8", "uint12", 255, 1),
            ("uint8", "uint10", 15, 4),
            ("uint4", "uint8", 15, 2),
            ("uint6", "uint12", 63, 2),
        ]
    ),
    *(
        {"kind": "concat", "x": x, "shape": [4, 4, 16], "n": k, "pe": n}
        for x, k, n in [("uint4", 2, 4), ("bipolar", 2, 16), ("uint2", 4, 8), ("uint4", 3, 1)]
    ),
    *(
        {"kind": "split", "x": x, "shape": [4, 4, 16], "sizes": k, "pe": n}
        for x, k, n in [("uint4", [8, 8], 4), ("bipolar", [8, 8], 8), ("uint4", [4, 4, 8], 2)]
    ),
    *(
        {"kind": "crop", "x": x, "shape": s, "starts": a, "steps": t, "sizes": n, "pe": p}
        for x, s, a, t, n, p in [
            ("uint4", [8, 8, 16], [1, 1, 0], [1, 1, 1], [6, 6, 16], 4),
            ("bipolar", [8, 8, 16], [0, 0, 0], [2, 2, 1], [4, 4, 16], 16),
            ("uint4", [28, 28, 4], [1, 0, 0], [2, 2, 1], [14, 14, 4], 1),
            ("uint2", [4, 4, 24], [0, 0, 8], [1, 1, 1], [4, 4, 8], 8),
            ("uint8", [16, 12, 8], [2, 3, 4], [3, 1, 1], [4, 6, 4], 2),
        ]
    ),
    *(
        {"kind": "fork", "x": x, "shape": [4, 4, 16], "n": k, "pe": n}
        for x, k, n in [("uint4", 2, 4), ("bipolar", 2, 16), ("uint4", 3, 1)]
    ),
    *(
        {"kind": "upsample", "x": x, "shape": s, "factors": [2, 2], "pe": n}
        for x, s, n in [
            ("uint4", [4, 4, 16], 4),
            ("bipolar", [8, 8, 16], 16),
            ("uint4", [8, 8, 8], 1),
            ("uint2", [16, 16, 8], 8),
        ]
    ),
    *(
        {"kind": "shuffle", "x": x, "shape": [4, 4, c], "pe": n}
        for x, c, n in [("uint4", 16, 4), ("bipolar", 32, 8), ("uint4", 8, 8), ("uint2", 24, 2)]
    ),
    *(
        {"kind": "rearrange", "x": x, "shape": s, "block": 2, "direction": d, "pe": n}
        for x, s, d, n in [
            ("uint4", [4, 4, 16], "to_space", 4),
            ("uint2", [8, 8, 4], "to_depth", 2),
            ("uint4", [8, 8, 4], "to_depth", 1),
            ("uint4", [4, 4, 16], "to_space", 8),
        ]
    ),
    *(
        {"kind": "deconv", "x": x, "shape": s, "strides": [2, 2], "pe": n}
        for x, s, n in [
            ("uint4", [4, 4, 16], 4),
            ("bipolar", [8, 8, 16], 16),
            ("uint4", [8, 8, 8], 1),
        ]
    ),
    *(
        {"kind": "lookup", "x": x, "out": o, "shape": [2, 2, c], "pe": n, "own": own}
        for x, o, c, n, own in [
            ("int4", "uint4", 16, 4, True),
            ("int6", "uint4", 16, 4, False),
            ("int8", "uint8", 8, 2, False),
            ("uint4", "int6", 32, 2, True),
        ]
    ),
    *(
        {
            "kind": "requantize",
            "x": x,
            "out": o,
            "shape": [2, 2, 16],
            "pe": n,
            "gain_bits": g,
            "shift": g,
        }
        for x, o, n, g in [
            ("int10", "uint4", 4, 6),
            ("int12", "uint4", 1, 8),
            ("int8", "uint8", 2, 4),
            ("int14", "int4", 8, 5),
        ]
    ),
    *(
        {"kind": "argmax", "x": x, "shape": [c], "k": k, "plain": plain}
        for x, c, k, plain in [
            ("uint7", 10, 1, True),
            ("int10", 10, 1, False),
            ("int8", 100, 1, True),
            ("int12", 10, 3, True),
            ("uint8", 10, 5, False),
            ("int16", 1000, 1, True),
        ]
    ),
]
_OTHERS_OUT: Rows = [
    *_depthwise([("int4", "uint4", 16, 2, _D), ("bipolar", "uint2", 32, 8, _D)]),
    {
        "kind": "window",
        "x": "uint4",
        "shape": [12, 12, 8],
        "kernel": [3, 3],
        "stride": [1, 1],
        "simd": 4,
        "pe": 4,
    },
    {
        "kind": "window",
        "x": "bipolar",
        "shape": [16, 16, 32],
        "kernel": [3, 3],
        "stride": [1, 1],
        "simd": 32,
        "pe": 32,
    },
    {
        "kind": "window",
        "x": "uint4",
        "shape": [12, 12, 4],
        "kernel": [3, 3],
        "stride": [1, 1],
        "simd": 4,
        "pe": 36,
        "style": _P,
    },
    {
        "kind": "maxpool",
        "x": "uint4",
        "shape": [8, 8, 16],
        "kernel": [2, 2],
        "stride": [2, 2],
        "simd": 4,
        "pe": 4,
    },
    {
        "kind": "avgpool",
        "x": "uint4",
        "shape": [4, 4, 32],
        "kernel": [4, 4],
        "stride": [4, 4],
        "simd": 8,
        "pe": 8,
    },
    {"kind": "pad", "x": "uint4", "shape": [12, 12, 8], "pads": [1, 1, 1, 1], "simd": 4, "pe": 4},
    {"kind": "add", "x": "uint4", "shape": [4, 4, 16], "gains": [1, 1], "pe": 8},
    *(
        {"kind": "mul", "x": x, "other": w, "shape": [4, 4, 16], "offsets": [0, 0], "pe": n}
        for x, w, n in [("int4", "int4", 8), ("uint8", "uint4", 4), ("uint1", "int8", 4)]
    ),
    {"kind": "divide", "x": "uint8", "other": "uint12", "shape": [8, 16], "levels": 15, "pe": 2},
    {"kind": "concat", "x": "uint4", "shape": [4, 4, 16], "n": 2, "pe": 8},
    {"kind": "split", "x": "uint4", "shape": [4, 4, 16], "sizes": [8, 8], "pe": 8},
    {"kind": "fork", "x": "uint4", "shape": [4, 4, 16], "n": 2, "pe": 8},
    {"kind": "upsample", "x": "uint4", "shape": [8, 8, 16], "factors": [2, 2], "pe": 8},
    {"kind": "shuffle", "x": "uint4", "shape": [4, 4, 16], "pe": 2},
    {
        "kind": "rearrange",
        "x": "uint4",
        "shape": [8, 8, 8],
        "block": 2,
        "direction": "to_depth",
        "pe": 4,
    },
    {"kind": "deconv", "x": "uint4", "shape": [8, 8, 16], "strides": [2, 2], "pe": 8},
    {"kind": "lookup", "x": "int5", "out": "uint4", "shape": [2, 2, 16], "pe": 4, "own": False},
    {
        "kind": "requantize",
        "x": "int11",
        "out": "uint4",
        "shape": [2, 2, 16],
        "pe": 4,
        "gain_bits": 6,
        "shift": 6,
    },
    {"kind": "argmax", "x": "int9", "shape": [10], "k": 1, "plain": True},
]

_SHARES = {
    "matvec": 14,
    "threshold": 6,
    "convert": 6,
    "fifo": 5,
    "depthwise": 3,
    "window": 4,
    "maxpool": 2,
    "avgpool": 2,
    "pad": 1,
    "add": 2,
    "concat": 1,
    "split": 1,
    "fork": 1,
    "upsample": 1,
    "shuffle": 1,
    "rearrange": 1,
    "deconv": 1,
    "lookup": 2,
    "requantize": 2,
    "argmax": 2,
    "l1matvec": 4,
    "multiplied": 6,
    "crop": 2,
    "mul": 4,
    "divide": 2,
}
"""How many of each kind are drawn: most of what differs most."""

_CHOSEN: Rows = [
    *_matvec(_LIGHT, _HEAVY, share=2),
    *_matvec(_LIGHT_OUT, _HEAVY_OUT),
    *_threshold(_THRESHOLDS + _THRESHOLDS_OUT),
    *_convert(_CONVERTS + _CONVERTS_OUT),
    *_fifo(_FIFOS + _FIFOS_OUT),
    *_OTHERS,
    *_OTHERS_OUT,
]


def _has_table(row: dict[str, Any]) -> bool:
    """Whether it has a table in LUTs; what those take is known, and the drawn points have them."""
    if row["kind"] == "fifo":
        return False
    op: Any = operator(row)
    logic, turns = op.folded.memory == "distributed", op.x.channels // op.folded.pe
    match op.kind:
        case "matvec":
            own = op.neuron_fold > ALONE and not op.popcount and len(set(starts(op).tolist())) > 1
            return own or (logic and op.steps > ALONE)
        case "depthwise":
            return logic
        case "threshold":
            return turns > ALONE or op.form.searches
        case "requantize":
            return turns > ALONE
    return op.kind == "lookup" or (op.kind == "argmax" and not op.plain)


def _ratios() -> Rows:
    """Converters of every sort of ratio: what they take follows no simple rule."""
    pairs = [
        (2, 3),
        (3, 2),
        (3, 4),
        (4, 3),
        (3, 5),
        (5, 3),
        (4, 5),
        (5, 2),
        (2, 5),
        (5, 6),
        (6, 5),
        (7, 8),
        (8, 7),
        (3, 8),
        (8, 3),
        (9, 2),
        (2, 9),
        (7, 3),
        (3, 7),
        (7, 5),
        (5, 7),
        (5, 1),
        (6, 1),
        (7, 1),
        (12, 1),
        (16, 1),
        (24, 1),
        (48, 1),
        (64, 1),
        (1, 12),
        (1, 24),
        (1, 48),
        (10, 9),
        (15, 2),
        (20, 1),
        (28, 1),
        (32, 1),
        (36, 1),
        (40, 1),
        (56, 1),
        (1, 16),
        (1, 32),
        (4, 9),
        (9, 4),
        (6, 11),
        (11, 6),
    ]
    rows = [
        {"kind": "convert", "x": "uint4", "shape": [lcm(a, b)], "simd": a, "pe": b}
        for a, b in pairs
    ]
    return rows + [
        {"kind": "convert", "x": "uint8", "shape": [48], "simd": a, "pe": b}
        for a, b in [(2, 8), (3, 12), (4, 12), (16, 4)]
    ]


_CONSTANTS: Rows = [  # of one or a few words: mapped with what they go into
    *(
        {
            "kind": "requantize",
            "x": x,
            "out": o,
            "shape": [2, 2, c],
            "pe": n,
            "gain_bits": g,
            "shift": g,
        }
        for x, o, g, c, n in [
            ("int8", "uint4", 4, 1, 1),
            ("int10", "uint4", 5, 2, 1),
            ("int12", "int4", 6, 1, 1),
            ("int14", "uint8", 8, 2, 1),
            ("int9", "int4", 9, 1, 1),
            ("int11", "uint4", 7, 2, 1),
            ("int13", "uint8", 5, 1, 1),
            ("int8", "uint4", 8, 2, 1),
            ("int10", "int4", 4, 1, 1),
            ("int12", "uint4", 9, 2, 1),
            ("int9", "uint4", 5, 8, 1),
            ("int12", "int4", 8, 8, 1),
            ("int8", "uint8", 6, 4, 1),
            ("int11", "uint4", 4, 3, 1),
            ("int13", "uint4", 6, 12, 2),
            ("int10", "uint4", 7, 6, 3),
        ]
    ),
    *_threshold(
        [
            ("uint8", "bipolar", 24, 24, _P, False),
            ("int10", "bipolar", 24, 24, _P, True),
            ("uint13", "bipolar", 16, 16, _P, False),
            ("uint7", "bipolar", 24, 12, _P, True),
            ("int11", "bipolar", 24, 12, _P, False),
            ("uint7", "uint2", 8, 8, _P, False),
            ("int9", "uint2", 8, 8, _P, True),
            ("int10", "uint2", 16, 8, _P, False),
            ("int12", "bipolar", 16, 16, _P, False),
            ("uint14", "bipolar", 12, 12, _P, True),
            ("int8", "bipolar", 32, 16, _P, False),
            ("uint12", "bipolar", 16, 8, _P, True),
        ]
    ),
    *(
        {
            "kind": "matvec",
            "w": w,
            "x": x,
            "rows": rows,
            "shape": [n],
            "pe": pe,
            "simd": s,
            "memory": _D,
        }
        for w, x, rows, n, pe, s in [
            ("bipolar", "bipolar", 12, 24, 12, 24),
            ("ternary", "bipolar", 8, 16, 8, 16),
            ("int4", "bipolar", 6, 12, 6, 12),
            ("bipolar", "uint2", 12, 9, 12, 9),
            ("ternary", "uint2", 6, 12, 6, 12),
            ("bipolar", "bipolar", 16, 32, 8, 32),
            ("int4", "uint2", 8, 8, 4, 8),
            ("bipolar", "bipolar", 9, 32, 3, 16),
            ("bipolar", "uint8", 6, 8, 6, 4),
            ("int2", "uint2", 8, 12, 8, 4),
            ("bipolar", "bipolar", 32, 18, 32, 18),
        ]
    ),
]
_MORE: Rows = [
    *(
        {"kind": "shuffle", "x": x, "shape": [4, 4, c], "pe": n}
        for x, c, n in [
            ("uint4", 24, 3),
            ("uint2", 32, 4),
            ("bipolar", 64, 4),
            ("uint2", 16, 1),
            ("uint4", 16, 8),
        ]
    ),
    *(
        {"kind": "pad", "x": x, "shape": s, "pads": [1, 1, 1, 1], "pe": n}
        for x, s, n in [
            ("uint8", [4, 4, 16], 16),
            ("uint4", [6, 6, 12], 12),
            ("uint2", [8, 4, 32], 16),
        ]
    ),
    *(
        {"kind": "deconv", "x": x, "shape": s, "strides": [2, 2], "pe": n}
        for x, s, n in [("uint4", [4, 4, 8], 8), ("uint8", [4, 6, 8], 4), ("uint2", [6, 6, 4], 4)]
    ),
    *(
        {"kind": k, "x": x, "shape": s, "kernel": [n, n], "stride": [st, st], "simd": p, "pe": p}
        for k, x, s, n, st, p in [
            ("maxpool", "uint4", [8, 8, 8], 3, 3, 4),
            ("maxpool", "uint8", [8, 8, 4], 2, 2, 2),
            ("maxpool", "int4", [8, 8, 8], 4, 4, 2),
            ("maxpool", "bipolar", [9, 9, 16], 3, 2, 8),
            ("maxpool", "uint2", [6, 6, 8], 3, 1, 4),
            ("avgpool", "uint4", [6, 6, 8], 2, 1, 4),
            ("window", "uint4", [14, 14, 4], 5, 1, 2),
            ("window", "bipolar", [8, 8, 32], 3, 2, 8),
            ("window", "uint2", [16, 16, 4], 2, 2, 4),
            ("window", "int4", [9, 9, 8], 3, 2, 1),
            ("window", "bipolar", [16, 16, 8], 5, 2, 8),
            ("window", "uint8", [12, 12, 2], 3, 1, 2),
        ]
    ),
]


def _all() -> Rows:
    """Return the chosen rows, five draws by which formulas were judged, and further rows."""
    rows = [row for row in _CHOSEN if not _has_table(row)]
    for group in (*(drawn(seed, _SHARES) for seed in range(1, 6)), _ratios(), _CONSTANTS, _MORE):
        rows += [row for row in group if row not in rows]
    return rows


GRID: Rows = _all()
HELD_OUT: Rows = [row for row in drawn(6, _SHARES) if row not in GRID]
"""Drawn once the formulas were settled."""
