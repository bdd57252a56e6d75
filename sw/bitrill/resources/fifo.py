"""The structure of a FIFO, which every edge has: registers, LUTs used as memory or block memory."""

from ..ir import Structure, is_deep


def fifo_structure(width: int, depth: int) -> Structure:
    """Return the counts of a FIFO of ``depth`` slots of ``width`` bits, in the form it takes."""
    s = Structure()
    if depth == 2:
        s.luts(head=width)
        s.flops(held=2 * width)
        return s
    block = is_deep(depth, width)
    words = depth - block
    s.ram(words, width, block=block)
    s.counters(depth + 1, words, words)
    if block:
        s.luts(bypass=width, block=1)
        s.flops(held=width)
    return s
