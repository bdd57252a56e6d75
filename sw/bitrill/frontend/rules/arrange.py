"""Rules for DepthToSpace and SpaceToDepth: blocks of places become channels, or the other way."""

from ..symbolic import Call, Known, RefusedError, to_depth, to_space
from .table import rule, since


@rule(
    "DepthToSpace", inputs=1, layout="spatial", integers="kept", blocksize=int, mode=since(11, str)
)
def depth_to_space(call: Call) -> Known:
    x, block = call.image(0), _block(call)
    mode = call.text_attribute("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusedError(f"its mode must be DCR or CRD, not {mode[:40]!r}")
    if len(x.frame) != 3 or x.channels % block**2:
        raise RefusedError(
            f"its data must be [batch, channels, rows, columns] with a multiple of {block**2}"
            f" channels, not {['batch', *x.shape]}"
        )
    order = to_space(x.image, block, columns_first=mode == "CRD")
    return call.arranged(x.reordered(order.reshape(-1), order.shape))


@rule("SpaceToDepth", inputs=1, layout="spatial", integers="kept", blocksize=int)
def space_to_depth(call: Call) -> Known:
    x, block = call.image(0), _block(call)
    if len(x.frame) != 3 or x.shape[1] % block or x.shape[2] % block:
        raise RefusedError(
            f"its data must be [batch, channels, rows, columns] with multiples of {block} rows and"
            f" columns, not {['batch', *x.shape]}"
        )
    order = to_depth(x.image, block)
    return call.arranged(x.reordered(order.reshape(-1), order.shape))


def _block(call: Call) -> int:
    block = call.int_attribute("blocksize", 0)
    if not 1 <= block <= 1 << 10:
        raise RefusedError(f"its blocksize must be 1 to 1024, not {block}")
    return block
