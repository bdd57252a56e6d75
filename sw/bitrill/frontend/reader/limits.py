"""Largest accepted sizes in a model file; each is checked before anything of that size is made."""

FILE_BYTES = 1 << 29
"""Bytes of the model file (512 MiB), and also of all its external data together."""

MESSAGES = 1 << 20
"""Parts of the file (nodes, attributes, tensors, names, ...), counted before it is parsed."""

NODES = 10_000
"""Nodes of the graph."""

NODE_ITEMS = 64
"""Inputs, outputs or attributes of one node."""

OUTPUTS = 64
"""Outputs of a model."""

HOST_NODES = 256
"""Nodes at a model's end that the host computes."""

ATTRIBUTE_ITEMS = 1 << 16
"""Elements of one list attribute."""

RANK = 8
"""Axes of a tensor."""

ELEMENTS = 1 << 24
"""Elements of one tensor."""

TOTAL_ELEMENTS = 1 << 26
"""Elements of all constants together."""

INPUT_ELEMENTS = 1 << 20
"""Elements of one input frame."""

RESULT_ELEMENTS = 1 << 20
"""Elements of a layer's result; more if the input is large, see `results_of`."""

GROWTH = 64
"""Ratio of a result's elements to the input's, if the result is above `RESULT_ELEMENTS`."""

WINDOWS = 64
"""Ratio of the elements of overlapping windows to those of the result."""

CHANNELS = 1 << 16
"""Channels of a concatenation."""

EXACT_ELEMENTS = 1 << 18
"""Elements of a constant that is computed exactly (scales, biases, batch norm)."""

EXACT_WORK = 1 << 20
"""Elements that are computed exactly in one model."""

EXACT_BITS = 1 << 12
"""Bits of the numerator or denominator of an exact parameter."""

EXACT_EXPONENT = 1000
"""Exact parameters are 0, or between 2**-1000 and 2**1000: float64 can approximate them."""

EXACT_TERMS = 8
"""Different square roots in an exact parameter."""

STEPS = 32
"""Functions and affine maps between two quantizers."""

ACTIVATION_BITS = 16
"""Bits of an activation; constants may have 32."""

REASONS = 50
"""Reasons listed for one refused model; the others are only counted."""


def results_of(n_inputs: int) -> int:
    """Return how many elements a result may have in a network with ``n_inputs`` input elements."""
    return min(ELEMENTS, max(RESULT_ELEMENTS, GROWTH * n_inputs))
