"""Compression of networks in torch, step by step, each one answered by accuracy and by hardware.

A recipe (`recipe.Recipe`) names data, a network and steps: train, quantize, prune, share, factor,
distil. `chain.run` takes them in order. Steps work on anybody's torch module; what libraries have
(Brevitas, torch-pruning, tensorly) is called, and what a step does to the hardware is ours.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas warns of kernels that are optional
    import brevitas.graph  # noqa: F401
