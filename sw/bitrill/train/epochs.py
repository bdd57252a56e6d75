"""One epoch of a recipe's training: batches in random order, and the end if the loss diverges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypedDict

import torch
from torch import Tensor

from ..errors import ToolError


class Epoch(TypedDict):
    """Mean loss of an epoch, and the accuracy on the test split after it."""

    loss: float
    accuracy: float


Step = Callable[[Tensor, int], float]
"""Function that trains on the images with these indices and returns their loss.

The second argument is the number of the step, counted from 0 over all epochs.
"""

Report = Callable[[int, int, float], None]
"""Function called after every batch: ``(batch, batches, mean loss so far)``, counted from 1."""


def train_epoch(
    step: Step, images: int, batch: int, *, number: int, report: Report, hint: str = ""
) -> float:
    """Train on ``images`` images once, ``batch`` at a time; return the mean loss.

    Images that fill no batch are left out. ``number``: the epoch, from 1. Raises `ToolError`, with
    ``hint``, if a loss is not finite.
    """
    batches = images // batch
    order = torch.randperm(images)[: batches * batch].view(batches, -1)
    total = 0.0
    for k, chosen in enumerate(order):
        loss = step(chosen, (number - 1) * batches + k)
        total += loss
        if not math.isfinite(total):
            raise ToolError(
                f"training diverged: the loss is {loss} in epoch {number}, batch {k + 1} of"
                f" {batches}{hint}"
            )
        report(k + 1, batches, total / (k + 1))
    return total / batches
