"""The models and builds that `compare_builds` makes with two revisions: data alone.

Models are trained for one epoch on the 8x8 digits: their weights are of every coding, which is what
matters here, and not how well they read digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_DENSE = {
    "binary": "binary --acts 1",
    "binary-a2": "binary --acts 2",
    "ternary": "ternary --acts 2",
    "ternary-a1": "ternary --acts 1",
    "int4": "int4 --acts 4",
    "int4-log": "int4 --acts log3",
    "int8": "int8 --acts 8",
    "pot": "pot --acts 4",
    "pot-log": "pot --acts log3",
    "pot2": "pot2 --acts 4",
    "pot3": "pot3 --acts 8",
    "codebook4": "codebook4 --acts 4",
    "codebook16": "codebook16 --acts 4",
    "ttq": "ttq --acts 2",
    "fgq": "fgq --acts 2",
    "adder": "adder --acts 4",
    "adder-a2": "adder --acts 2",
    "binary-pruned": "binary --acts 1 --prune 0.5",
    "int4-pruned": "int4 --acts 4 --prune 0.7",
}
"""``--weights``, ``--acts`` and ``--prune`` of the recipe ``tfc``."""

_SPARSE = {
    "int4-sparse": "tfc --weights int4 --acts 4 --prune 0.95",
    "pot-sparse": "tfc --weights pot --acts log3 --prune 0.95",
    "pot2-sparse": "tfc --weights pot2 --acts 4 --prune 0.95",
    "codebook4-sparse": "tfc --weights codebook4 --acts 4 --prune 0.95",
    "int8-narrow": "dilated1d --width 2 --weights int8",
    "pot3-narrow": "dilated1d --width 2 --weights pot3",
    "ttq-narrow": "dilated1d --width 2 --weights ttq",
    "fgq-narrow": "dilated1d --width 2 --weights fgq",
}
"""Networks small enough to be unrolled in seconds."""

_CONVOLUTIONAL = {
    "cnv": "cnv --width 4",
    "cnv-ternary": "cnv --width 4 --weights ternary --acts 2",
    "resnet8": "resnet8 --width 4",
    "resnet8-pot": "resnet8 --width 2 --weights pot",
    "mobilenet": "mobilenet --width 2",
    "unet-tiny": "unet-tiny --width 2",
    "dilated1d": "dilated1d --width 4",
    "lenet": "lenet --width 3",
    "lenet-int8": "lenet --width 3 --weights int8 --acts 8",
    "lenet-pruned": "lenet --width 3 --weights codebook4 --prune 0.5",
}

MODELS: dict[str, str] = {
    **{name: f"tfc --weights {given}" for name, given in _DENSE.items()},
    **_CONVOLUTIONAL,
    **_SPARSE,
}
"""Arguments of ``bitrill train``, without ``--out`` and ``--epochs``, by the model's name."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One build: ``bitrill compile`` of a model, and ``bitrill build`` for a board where given.

    ``flags``: of ``compile``. ``board_flags``: of ``build``. ``folding``: content of the file for
    ``--folding``. ``external``: the model is a file of that name in the folder of ``--models``.
    ``refused``: both revisions must fail, with the same message.
    """

    name: str
    model: str
    flags: str = ""
    board: str = ""
    board_flags: str = ""
    folding: Mapping[str, Any] = field(default_factory=dict)
    external: bool = False
    refused: bool = False

    def commands(self, model: str) -> list[list[str]]:
        """Arguments of each call of ``bitrill``; ``model``: path of the model's file."""
        given = [*self.flags.split(), *(["--folding", "given.json"] if self.folding else [])]
        compiles = ["compile", model, "--out", "build", *given]
        if not self.board:
            return [compiles]
        more = ["--files-only", "--samples", "20", *self.board_flags.split()]
        return [compiles, ["build", self.board, "build", *more]]


def _each(models: str, suffix: str, flags: str, **given: Any) -> tuple[Case, ...]:
    return tuple(
        Case(name=f"{model}{suffix}", model=model, flags=flags, **given) for model in models.split()
    )


_MATRICES = ("n3_matmul", "n6_matmul", "n9_matmul", "n12_matmul")

_STYLES = (
    *_each(
        f"binary ternary-a1 {' '.join(_SPARSE)} cnv resnet8-pot dilated1d unet-tiny",
        ".unrolled",
        "--style unrolled",
    ),
    *_each("binary ternary int4 pot2 ttq cnv lenet mobilenet", ".runtime", "--style runtime"),
    *_each("binary ternary int4 resnet8", ".streamed", "--style streamed"),
)

_FOLDINGS = tuple(
    Case(name=f"{model}.{name}", model=model, folding=dict.fromkeys(_MATRICES[:nodes], given))
    for model, name, nodes, given in (
        ("int4", "serial", 3, {"multiply": "serial"}),
        ("int8", "serial", 4, {"multiply": "serial"}),
        ("int4", "dsp", 3, {"multiply": "dsp"}),
        ("int8", "dsp", 2, {"multiply": "dsp"}),
        ("ternary", "pe-simd", 3, {"pe": 4, "simd": 16}),
        ("int4", "block-memory", 2, {"memory": "block"}),
    )
)

_TARGETS = tuple(
    Case(
        name="-".join([f"{model}.", *flags.replace("--", "").split()])
        .replace("/", ":")
        .replace(".-", "."),
        model=model,
        flags=flags,
    )
    for model, flags in (
        ("binary", "--part xc7z020"),
        ("int4", "--part xc7z010"),
        ("pot2", "--fps 500000 --part xc7a35t"),
        ("ternary", "--part lfe5u-85"),
        ("ternary", "--fps 1000000 --part lfe5u-85"),
        ("binary", "--part ice40-hx8k"),
        ("binary", "--part gw1nr-9"),
        ("int4", "--fps 1000000 --clock-mhz 200"),
        ("int4", "--fps 100000 --clock-mhz 50 --part xc7z020"),
        ("lenet", "--fps 10000 --clock-mhz 100 --part xc7z010"),
        ("resnet8", "--part xc7z020 --clock-mhz 150"),
        ("unet-tiny", "--fps 20000 --part lfe5u-85"),
        ("cnv", "--fps 50000 --clock-mhz 100"),
        ("ternary", "--board kv260"),
        ("binary", "--top 1"),
        ("int4", "--top 3"),
        ("lenet", "--top 1 --raw-input uint8 --input-scale 1/255"),
        ("ttq", "--raw-input int8 --input-scale 1/127"),
        ("binary", "--raw-input uint4 --input-scale 1/15"),
        ("int4", "--checkpoints"),
    )
)

_BOARDS = (
    *(
        Case(name=f"binary@{board}", model="binary", flags=flags, board=board)
        for board, flags in (
            ("ulx3s-85f", "--board ulx3s-85f"),
            ("pynq-z2", ""),
            ("tang-nano-9k", "--board tang-nano-9k"),
            ("ice40-hx8k", "--board ice40-hx8k"),
            ("kv260", ""),
        )
    ),
    Case(name="int4-runtime@pynq-z2", model="int4", flags="--style runtime", board="pynq-z2"),
    Case(
        name="lenet@pynq-z1",
        model="lenet",
        flags="--board pynq-z1",
        board="pynq-z1",
        board_flags="--toolchain openxc7",
    ),
)

_REFUSED = (
    Case(
        name="binary.too-small-a-part", model="binary", flags="--part xc7s6 --fps 9e7", refused=True
    ),
    Case(name="int4.no-such-part", model="int4", flags="--part xc7z999", refused=True),
)

_EXTERNAL = (
    Case(name="TFC_1W1A", model="TFC_1W1A.onnx", external=True),
    Case(name="TFC_1W2A", model="TFC_1W2A.onnx", external=True),
    Case(
        name="TFC_1W2A.raw",
        model="TFC_1W2A.onnx",
        flags="--raw-input uint8 --input-scale 1/255 --top 1",
        external=True,
    ),
    Case(name="mnist-conv", model="qonnx_mnist-conv_model.onnx", external=True, refused=True),
)

CASES: tuple[Case, ...] = (
    *(Case(name=name, model=name) for name in MODELS if name not in _SPARSE),
    *_STYLES,
    *_FOLDINGS,
    *_TARGETS,
    *_BOARDS,
    *_REFUSED,
    *_EXTERNAL,
)
