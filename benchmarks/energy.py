"""The energy estimate of published networks, beside the watts that were measured for them.

    python benchmarks/energy.py [NAME ...]

Each network of `PUBLISHED` is drawn with its shape and bits, and folded for the published rate,
clock and part. Its estimated energy a frame is compared with chip watts over frames a second. The
hardware is Bitrill's, not theirs, and their watts hold static power, too. ``theirs``: the fabric
term alone, for the LUTs that were published. Beyond a factor of `SPREAD`, an estimate is unfit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from bitrill.errors import BitrillError
from bitrill.flow.import_and_fold import Goal, fold_for, integers, load
from bitrill.parts.devices import part_of
from bitrill.resources.energy import LUT_PJ, SPREAD, energy_nj
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing.predict import predict
from compile import Network, drawn_model


@dataclass(frozen=True)
class Published:
    """A measured design: chip ``watts`` at ``fps`` and ``clock_mhz`` on ``part``; its source."""

    network: Network
    part: str
    clock_mhz: float
    fps: float
    watts: float
    luts: int | None
    source: str

    @property
    def fabric_uj(self) -> float | None:
        """The fabric term of the estimate for the published LUTs, uJ a frame."""
        cycles = self.clock_mhz * 1e6 / self.fps
        return None if self.luts is None else self.luts * cycles * LUT_PJ / 1e6


_FINN = "Umuroglu et al., FPGA 2017, chip power"

PUBLISHED = {
    "sfc-max": Published(
        Network("dense", 1, 1, 256, 28), "xc7z045", 200, 12_361e3, 7.3, 91_131, _FINN
    ),
    "lfc-max": Published(
        Network("dense", 1, 1, 1024, 28), "xc7z045", 200, 1_561e3, 8.8, 82_988, _FINN
    ),
    "cnv-max": Published(Network("cnv", 1, 1, 64, 32), "xc7z045", 200, 21.9e3, 3.6, 46_253, _FINN),
    "sfc-fix": Published(
        Network("dense", 1, 1, 256, 28), "xc7z045", 200, 12.2e3, 0.4, 5_155, _FINN
    ),
    "lfc-fix": Published(
        Network("dense", 1, 1, 1024, 28), "xc7z045", 200, 12.2e3, 0.8, 5_636, _FINN
    ),
    "cnv-fix": Published(Network("cnv", 1, 1, 64, 32), "xc7z045", 200, 11.6e3, 2.3, 29_274, _FINN),
    "ternary-cnn": Published(
        Network("cnv", 2, 2, 64, 32),
        "xcu250",
        250,
        27e3,
        6.8,
        None,
        "Prost-Boucle et al., FPL 2017, VC709",
    ),
}
"""``ternary-cnn`` has the shape of FINN's CNV here: theirs has padding and wider dense layers."""


HEAD = ("network", "LUTs", "cycles", "estimate", "published", "ratio", "theirs", "ratio")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PUBLISHED)}")
    names = parser.parse_args().names or list(PUBLISHED)
    print(line(HEAD))
    for name in names:
        try:
            print(line(row(name, PUBLISHED[name])), flush=True)
        except BitrillError as error:
            print(f"{name:12} {error}", flush=True)
    return 0


def line(cells: Sequence[str]) -> str:
    return f"{cells[0]:12}" + "".join(f"{cell:>16}" for cell in cells[1:])


def row(name: str, of: Published) -> tuple[str, ...]:
    """Return a row: LUTs, cycles a frame, estimated and published uJ a frame, their ratios."""
    graph = integers(load(drawn_model(of.network)))
    folded, _ = fold_for(graph, of.clock_mhz, [Goal(part_of(of.part), of.fps)], deep=True)
    luts = sum(network_resources(folded).values(), Resources()).lcs
    estimate, published = energy_nj(folded) / 1e3, of.watts / of.fps * 1e6
    figures = (f"{luts:,}", f"{float(predict(folded).ii):,.0f}", _uj(estimate), _uj(published))
    theirs = of.fabric_uj
    fabric = ("-", "-") if theirs is None else (_uj(theirs), _ratio(theirs / published))
    return (name, *figures, _ratio(estimate / published), *fabric)


def _uj(value: float) -> str:
    return f"{value:.3g} uJ"


def _ratio(value: float) -> str:
    fit = 1 / SPREAD <= value <= SPREAD
    return f"{value:.2f}" if fit else f"{value:.2f} unfit"


if __name__ == "__main__":
    raise SystemExit(main())
