"""Steps of random models that are functions of domain ``bitrill``: distances and truth tables."""

from __future__ import annotations

from bitrill.frontend.reader.local_functions import DOMAIN
from fuzz.random_net import Draw
from fuzz.random_steps import on_grid


def distances(d: Draw, x: str) -> str:
    """Distances to rows of weights, on one step with the data."""
    shape = d.shape_of(x)
    d.need(len(shape) == 2 and d.later(13) and not d.later(21))
    step = d.scale(x, 4)
    y = d.bipolar(x, step) if d.maybe(0.2) else d.quant(x, step, bits=float(d.whole(2, 6)))
    d.integers.append(y)
    w = d.quant(d.const(d.rng.normal(0, 2, (shape[1], d.whole(1, 6)))), step, bits=4.0)
    return d.node("L1MatMul", y, w, domain=DOMAIN)


def window_distances(d: Draw, x: str) -> str:
    """Distances of windows to kernels, on one step with the data."""
    shape = d.shape_of(x)
    d.need(len(shape) == 4 and d.later(13) and not d.later(21))
    step = d.scale(x, 4)
    y = d.quant(x, step, bits=float(d.whole(2, 6)))
    d.integers.append(y)
    kernel = [d.whole(1, min(n, 3) + 1) for n in shape[2:]]
    w = d.const(d.rng.normal(0, 2, (d.whole(1, 5), shape[1], *kernel)))
    return d.node("L1Conv", y, d.quant(w, step, bits=4.0), domain=DOMAIN)


def tables(d: Draw, x: str) -> str:
    """One or two layers of truth tables, of a thermometer code or of small integers."""
    shape = d.shape_of(x)
    d.need(len(shape) == 2 and d.later(13) and not d.later(21))
    base = 2
    if d.maybe(0.6):
        features = d.rng.integers(0, shape[1], d.whole(1, 13))
        limits = d.rng.normal(0, d.size_of(x), features.shape)
        y = d.thermometer(x if d.maybe() else on_grid(d, x), features, limits)
    else:
        bits = d.whole(1, 4)
        base = 2**bits
        y = d.quant(x, 1.0, bits=float(bits), signed=0)
    for _ in range(d.one(1, 1, 2)):
        reads = d.whole(1, {2: 7, 4: 5, 8: 4}[base])
        rows = d.whole(1, 9)
        wires = d.rng.integers(0, d.shape_of(y)[1], (rows, reads))
        values = (0, 2) if d.maybe(0.8) else (-3, 5)
        y = d.lut_layer(y, wires, d.rng.integers(*values, (rows, base**reads)), base)
        d.integers.append(y)
        base = 2
        if values != (0, 2):
            break
    return y
