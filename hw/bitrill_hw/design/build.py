"""From operator instances to hardware: one component per operator class."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from amaranth.lib import wiring
from bitrill.errors import StageError
from bitrill.ir import Operator
from bitrill.ops import (
    Add,
    ArgMax,
    Concat,
    Convert,
    Deconv,
    Depthwise,
    Fork,
    L1MatVec,
    Lookup,
    MatVec,
    MaxPool,
    Pad,
    Rearrange,
    Requantize,
    Shuffle,
    Split,
    SumPool,
    Threshold,
    Upsample,
    Window,
)

from ..matvec.bitserial import SerialMatVecCore
from ..matvec.dsp import DspMatVecCore
from ..matvec.unrolled import UnrolledCore
from ..matvec.writable import (
    RuntimeDepthwiseCore,
    RuntimeMatVecCore,
    RuntimeThresholdCore,
    StreamedMatVecCore,
)
from ..ops.add import AddCore
from ..ops.argmax import ArgMaxCore
from ..ops.avgpool import SumPoolCore
from ..ops.concat import ConcatCore
from ..ops.convert import ConvertCore
from ..ops.deconv import DeconvCore
from ..ops.depthwise import DepthwiseCore
from ..ops.fork import ForkCore
from ..ops.l1matvec import L1MatVecCore
from ..ops.lookup import LookupCore
from ..ops.matvec import MatVecCore
from ..ops.maxpool import MaxPoolCore
from ..ops.pad import PadCore
from ..ops.rearrange import RearrangeCore
from ..ops.requantize import RequantizeCore
from ..ops.shuffle import ShuffleCore
from ..ops.split import SplitCore
from ..ops.threshold import ThresholdCore
from ..ops.upsample import UpsampleCore
from ..ops.window import WindowCore


def component(op: Operator) -> wiring.Component:
    """The hardware of ``op``: streams ``i`` and ``o``, clock domain ``sync``.

    Payloads are ``lanes`` elements, element 0 in the low bits. Raises `StageError` for an
    operator that is not folded, or that has no hardware.
    """
    if op.impl is None:
        raise StageError(f"{op.name} must be folded (impl set) to become hardware, and is not")
    return register(op)


@singledispatch
def register(op: Any) -> wiring.Component:
    """``@build.register`` adds the component of an operator class."""
    raise StageError(f"{op.name}: no hardware for operator {op.kind}")


@register.register
def _(op: MatVec) -> wiring.Component:
    cores = {"unrolled": UnrolledCore, "runtime": RuntimeMatVecCore, "streamed": StreamedMatVecCore}
    ways = {"serial": SerialMatVecCore, "dsp": DspMatVecCore}
    return cores.get(op.folded.style, ways.get(op.folded.multiply, MatVecCore))(op)


@register.register
def _(op: Threshold) -> wiring.Component:
    return (RuntimeThresholdCore if op.folded.style == "runtime" else ThresholdCore)(op)


@register.register
def _(op: Convert) -> wiring.Component:
    return ConvertCore(op)


@register.register
def _(op: ArgMax) -> wiring.Component:
    return ArgMaxCore(op)


@register.register
def _(op: Fork) -> wiring.Component:
    return ForkCore(op)


@register.register
def _(op: Add) -> wiring.Component:
    return AddCore(op)


@register.register
def _(op: Concat) -> wiring.Component:
    return ConcatCore(op)


@register.register
def _(op: Split) -> wiring.Component:
    return SplitCore(op)


@register.register
def _(op: Upsample) -> wiring.Component:
    return UpsampleCore(op)


@register.register
def _(op: Pad) -> wiring.Component:
    return PadCore(op)


@register.register
def _(op: Window) -> wiring.Component:
    return WindowCore(op)


@register.register
def _(op: MaxPool) -> wiring.Component:
    return MaxPoolCore(op)


@register.register
def _(op: SumPool) -> wiring.Component:
    return SumPoolCore(op)


@register.register
def _(op: Depthwise) -> wiring.Component:
    return (RuntimeDepthwiseCore if op.folded.style == "runtime" else DepthwiseCore)(op)


@register.register
def _(op: Shuffle) -> wiring.Component:
    return ShuffleCore(op)


@register.register
def _(op: Rearrange) -> wiring.Component:
    return RearrangeCore(op)


@register.register
def _(op: Lookup) -> wiring.Component:
    return LookupCore(op)


@register.register
def _(op: Deconv) -> wiring.Component:
    return DeconvCore(op)


@register.register
def _(op: Requantize) -> wiring.Component:
    return RequantizeCore(op)


@register.register
def _(op: L1MatVec) -> wiring.Component:
    return L1MatVecCore(op)
