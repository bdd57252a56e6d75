"""A random model while it is drawn: every tensor's shape and some values of it are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from frontend.float_evaluator import results
from frontend.float_numbers import Num, Undecided
from frontend.onnx_models import Net
from onnx import numpy_helper

BATCH = 3
"""Frames that are computed while a model is drawn."""

LARGEST = 512
"""Elements of a tensor, at most."""

T = TypeVar("T")

MODES = ("ROUND", "ROUND", "ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO")
FURTHER_MODES = ("HALF_EVEN", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


class Unfit(Exception):  # noqa: N818
    """The step that was drawn cannot stand here."""


class Draw(Net):
    """A network whose nodes are computed as they are added; ``one`` of several, by chance."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        rank = int(self.rng.choice([1, 2, 3], p=[0.35, 0.15, 0.5]))
        channels = self.whole(1, 9 if rank == 1 else 5)
        shape = (channels, *(self.whole(2, 8) for _ in range(rank - 1)))
        super().__init__(1, *shape, opset=self.whole(7, 26))
        self.raw = self.maybe(0.1)
        """Whether the model's input is of uint8."""
        given = self.rng.normal(0, 2, (BATCH, *shape))
        given = self.rng.integers(0, 256, given.shape).astype(np.uint8) if self.raw else given
        self.env: dict[str, Num] = {"x": Num.of(given)}
        self.data = {"x"}
        """Tensors that depend on the input."""
        self.integers: list[str] = []
        """What a quantizer gives."""
        self.whole_outputs: list[str] = []

    def whole(self, low: int, high: int) -> int:
        """A random integer of ``low .. high - 1``."""
        self.need(low < high)
        return int(self.rng.integers(low, high))

    def one(self, *choices: T) -> T:
        return choices[self.whole(0, len(choices))]

    def maybe(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def shape_of(self, x: str) -> tuple[int, ...]:
        return self.env[x].v.shape

    def older(self) -> list[str]:
        """Tensors of floats that depend on the input, in their order."""
        names = [o for node in self.nodes for o in node.output]
        return [o for o in names if o in self.data and self.env[o].v.dtype.kind == "f"]

    def size_of(self, x: str) -> float:
        """The spread of a tensor's values, or 1 where there is none."""
        v = np.abs(self.env[x].v.astype(np.float64))
        size = float(np.sqrt(np.mean(np.square(v)))) if v.size else 1.0
        return size if 1e-6 < size < 1e6 else 1.0

    def const(self, value: Any, dtype: Any = np.float32, name: str | None = None) -> str:
        name = super().const(value, dtype, name)
        self.env[name] = Num.of(numpy_helper.to_array(self.constants[-1]))
        return name

    def node(self, op: str, *inputs: str, n: int = 1, **more: Any) -> str:
        """Add a node of ``n`` outputs, or raise `Unfit` where it has no result."""
        out = super().node(op, *inputs, **more)
        made = self.nodes[-1]
        made.output.extend(f"{out}_{k}" for k in range(1, n))
        try:
            with np.errstate(all="ignore"):
                found = results(made, self.env)
        except Undecided:
            found = {out: self.env[inputs[0]]}
        except (ValueError, IndexError, TypeError, np.exceptions.AxisError) as error:
            self.nodes.pop()
            raise Unfit from error
        of_data = not self.data.isdisjoint(made.input)
        sizes = [y.v.size for y in found.values()]
        of_data &= op != "Shape"
        kept = not of_data or all(y.v.shape[:1] == (BATCH,) for y in found.values())
        if not kept or 0 in sizes or max(sizes) > BATCH * LARGEST:
            self.nodes.pop()
            raise Unfit
        self.env |= {name: Num(y.v, np.zeros(y.v.shape)) for name, y in found.items()}
        if of_data:
            self.data.update(found)
        return out

    def later(self, first: int) -> bool:
        """Whether the model's opset is at least ``first``."""
        return self.opset >= first

    def need(self, true: bool) -> None:
        if not true:
            raise Unfit

    def scale(self, x: str, bits: float, *, shape: tuple[int, ...] = ()) -> np.ndarray:
        """Scales that suit a tensor's values: powers of two, or any; rarely odd ones."""
        step = 3 * self.size_of(x) / 2.0**bits * self.rng.uniform(0.4, 2.5, shape)
        if self.maybe(0.6):
            step = 2.0 ** np.round(np.log2(step))
        odd = self.rng.random()
        if odd < 0.03:
            step = step * self.one(0.0, -1.0, 1e-20, 1e20, 1e-42)
        return np.asarray(step, np.float32)


Step = Callable[[Draw, str], str]
"""Adds a step behind a tensor and gives the name of its result."""
