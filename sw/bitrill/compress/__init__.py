"""Compression of torch networks in steps, with accuracy and predicted hardware after each.

A recipe (`recipe.Recipe`) names data, a network and steps: train, quantize, prune, share, factor,
distil. `chain.run` runs them in order. Steps accept any torch module. Methods that libraries have
(Brevitas, torch-pruning, tensorly) are called; the effect on the hardware is computed here.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas warns of kernels that are optional
    import brevitas.graph  # noqa: F401
