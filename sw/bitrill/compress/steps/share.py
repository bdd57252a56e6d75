"""The step ``share``: several weights of a layer become one number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from ...errors import SpecError
from .. import graph_tracing
from ..coded_size import huffman_bits
from ..keys import number
from ..measures import FLOAT_BITS
from ..quantizers.quantizer_table import require_matches
from ..state import Choices, CompressionStep, State, by_pattern, step


@step("share")
@dataclass(frozen=True, kw_only=True)
class Share(CompressionStep):
    """Makes weights share numbers, and trains the numbers for ``epochs``.

    ``entries``: the number of different values in each layer, or a table of it by patterns over
    names; layers that no pattern matches are not changed. Zeros of a step ``prune`` stay, and are
    not counted.

    ``how``: ``kmeans``: clusters of values (Han et al. 2016), initialized evenly between the least
    and the largest (``linear``), by their density, or with values at random (``initial``);
    ``hash``: a hash of the weight's position selects its number, so only the seed is stored
    (HashNet, Chen et al. 2015), initialized with the first weight of each; ``pq``: product
    quantization, clusters of ``size`` consecutive weights, separately for each position in a row
    (Gong et al. 2014); ``fresh``: hashed coefficients of each kernel's cosine transform, with more
    numbers for low frequencies than for high ones (FreshNet, Chen et al. 2015, arXiv 1506.04449),
    for convolutions.
    """

    how: Literal["kmeans", "hash", "pq", "fresh"] = "kmeans"
    entries: int | dict[str, int] = field(default=32, metadata={"low": 2, "high": 1 << 16})
    initial: Literal["linear", "density", "random"] = "linear"
    size: int = number(4, low=1, high=1 << 16)

    def choose(self, state: State) -> Choices:
        names = graph_tracing.weighted_names(state.module)
        if isinstance(self.entries, dict):
            require_matches(self.entries, names, "entries")
        odd = {n: row for n in names if self._entries(n) and (row := _row(state, n)) % self.size}
        if self.how == "pq" and odd:
            rows = ", ".join(f"{row} of {name}" for name, row in odd.items())
            raise SpecError(
                f"size must divide the weights of a row, not {self.size}: {rows}; a table of"
                " entries leaves layers out"
            )
        if self.how == "fresh":
            self._require_kernels(state)
        return {}

    def _require_kernels(self, state: State) -> None:
        """Refuse layers whose weights have no kernels, fewer buckets than bands, or zeros kept."""
        faults = []
        for name, layer in graph_tracing.weighted_layers(state.module):
            weight, entries = layer.weight, self._entries(name)
            assert isinstance(weight, Tensor)
            if not entries:
                continue
            if weight.dim() != 4 or max(weight.shape[2:]) < 2:
                faults.append(f"{name} is a {type(layer).__name__} without kernels")
            elif entries < (bands := sum(weight.shape[2:]) - 1):
                faults.append(f"{name} has {bands} frequencies, and entries are {entries}")
            elif name in state.masks:
                faults.append(f"{name} is pruned, and zeros are none of its frequencies")
        if faults:
            reasons = "; ".join(faults)
            raise SpecError(
                f"fresh shares frequencies of kernels: {reasons}; a table of entries"
                " leaves layers out",
                faults=faults,
            )

    def _entries(self, name: str) -> int:
        return int(by_pattern(self.entries, name))

    def tune(self, state: State, choices: Choices) -> None:
        bits = 0
        for name, layer in graph_tracing.weighted_layers(state.module):
            weight, mask = layer.weight, state.masks.get(name)
            assert isinstance(weight, Tensor)
            if self._entries(name) and self.how == "fresh":
                state.spectra[name] = frequency_buckets(
                    weight.shape, self._entries(name), self.training.seed
                )
                bits += self._entries(name) * FLOAT_BITS
            elif self._entries(name):
                alive = weight.detach() != 0 if mask is None else mask.bool()
                index = self._index(weight.detach(), alive, self._entries(name))
                state.shared[name] = torch.where(alive, index, -1)
                bits += self._bits(index, self._entries(name))
                if self.how != "hash":
                    _average(weight, state.shared[name])
        if self.how != "kmeans":  # of kmeans, the figures tell it with its zeros
            state.notes.append(f"indices and numbers take {bits:,} bits")
        state.fit(self.training)

    def _index(self, weight: Tensor, alive: Tensor, entries: int) -> Tensor:
        """Return which number each weight is."""
        if self.how == "hash":
            places = np.arange(weight.numel(), dtype=np.uint64)
            return torch.from_numpy(buckets(places, entries, self.training.seed)).view(weight.shape)
        if self.how == "pq":
            return product_index(weight, entries, self.size)
        values = weight[alive].double().numpy()
        index = torch.full(weight.shape, -1)
        if len(values):
            start = initial_values(values, entries, self.initial)
            index[alive] = torch.from_numpy(clusters(values[:, None], start[:, None]))
        return index

    def _bits(self, index: Tensor, entries: int) -> int:
        if self.how == "hash":
            return entries * FLOAT_BITS
        codes = index.flatten(1)[:, :: self.size] // self.size
        numbers = index.flatten(1).shape[1] // self.size * entries * self.size
        return huffman_bits(codes.unique(return_counts=True)[1].tolist()) + numbers * FLOAT_BITS


def _row(state: State, name: str) -> int:
    weight = state.module.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight[0].numel()


def initial_values(values: np.ndarray, entries: int, how: str) -> np.ndarray:
    """Return where clusters of values begin, at most one for each distinct value."""
    distinct = np.unique(values)
    if len(distinct) <= entries:
        return distinct
    if how == "linear":
        return np.linspace(distinct[0], distinct[-1], entries)
    if how == "density":
        return np.quantile(values, (np.arange(entries) + 0.5) / entries)
    drawn = torch.randperm(len(distinct))[:entries].numpy()
    return distinct[np.sort(drawn)]


def clusters(points: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the cluster of each point, ``[n, d]``, by k-means from ``[k, d]`` (Lloyd)."""
    kind: Any = KMeans
    with threadpool_limits(1):  # sums depend on the number of threads
        labels = kind(len(start), init=start, n_init=1, max_iter=100).fit_predict(points)
    return labels.astype(int)


def product_index(weight: Tensor, entries: int, size: int) -> Tensor:
    """Return which number each weight is when each ``size`` of a row are one of ``entries``."""
    rows = weight.flatten(1).double().unflatten(1, (-1, size))  # [out, places, size]
    index = torch.zeros(rows.shape, dtype=torch.long)
    for k in range(rows.shape[1]):
        points = rows[:, k].numpy()
        distinct = np.unique(points, axis=0)
        start = distinct[torch.randperm(len(distinct))[:entries].numpy()]
        codes = torch.from_numpy(clusters(points, start))
        index[:, k] = (k * entries + codes[:, None]) * size + torch.arange(size)
    return index.view(weight.shape)


def buckets(places: np.ndarray, entries: int, seed: int) -> np.ndarray:
    """Return the bucket of each place, a hash of it (SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        start = np.uint64((seed << 32) % (1 << 64) + 1)  # layers have fewer places than 2^32
        z = (places + start) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z % np.uint64(entries)).astype(np.int64)


def frequency_buckets(shape: Sequence[int], entries: int, seed: int) -> Tensor:
    """Return the bucket of each coefficient of the cosine transforms of kernels, of ``shape``.

    The band ``row + column`` of a coefficient has buckets of its own: one at least, and of the rest
    twice as many for each band towards low frequencies for as many coefficients (FreshNet's
    observation that natural filters are smooth).
    """
    height, width = shape[-2:]
    band = np.add.outer(np.arange(height), np.arange(width))
    n = height + width - 1
    weights = np.bincount(band.ravel()) * 2.0 ** -np.arange(n)
    counts = 1 + np.floor((entries - n) * weights / weights.sum()).astype(int)
    counts[0] += entries - counts.sum()
    places = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    index = np.zeros(shape, dtype=np.int64)
    for k, (first, count) in enumerate(zip(np.cumsum(counts) - counts, counts, strict=True)):
        where = np.broadcast_to(band == k, shape)
        index[where] = first + buckets(places[where], int(count), seed)
    return torch.from_numpy(index)


def _average(weight: Tensor, index: Tensor) -> None:
    """Set all weights that are one number to their mean."""
    alive = index >= 0
    if not bool(alive.any()):
        return
    count = int(index.max()) + 1
    sums = torch.zeros(count, dtype=torch.double).index_add_(
        0, index[alive], weight.detach()[alive].double()
    )
    means = sums / torch.bincount(index[alive], minlength=count).clamp(min=1)
    with torch.no_grad():
        weight[alive] = means[index[alive]].to(weight.dtype)
