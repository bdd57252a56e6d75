"""Arguments of the verbs that make a network: `train`, `compress`, `search`."""

from __future__ import annotations

from ..train.lut_recipe import LUTNET
from ..train.precise_recipe import PRECISION
from ..train.recipes import ACTS, CHANNELS, RECIPES, WEIGHTS
from ..train.run_options import DATASETS
from .argument_readers import JOBS, NO_ADVICE, SEED, TRACK, argument, number, whole


def _acts(text: str) -> int | str:
    """Read bits, or the name of a coding of activations."""
    return text if text.startswith("log") else whole(text)


TRAIN = (
    argument(
        "recipe",
        metavar="RECIPE",
        choices=(*RECIPES, LUTNET, PRECISION),
        help="tfc, sfc, lfc: three hidden layers of 64, 256, 1024 neurons; or convolutional:"
        f" {', '.join(CHANNELS)}; or {LUTNET}: tables of six bits, counted by class;"
        f" or {PRECISION}: matrices that learn their widths",
    ),
    argument("--out", required=True, metavar="DIR", help="folder of model.onnx and metrics.json"),
    argument(
        "--weights",
        metavar="W",
        choices=WEIGHTS,
        help="binary, ternary, int4, int8; pot, pot2, pot3: sums of powers of two; codebook4:"
        " 4 shared values (2 to 16); ttq, fgq: ternary with trained scales; adder: no products",
    ),
    argument(
        "--acts",
        type=_acts,
        metavar="A",
        choices=ACTS,
        help="activations: 1, 2, 4 or 8 bits, or log3: powers of two",
    ),
    argument(
        "--prune", type=number, metavar="F", help="share of each layer's weights to set to zero"
    ),
    argument("--budget", type=whole, metavar="LUTS", help="for lutnet (1000) and precision (3000)"),
    argument("--width", type=whole, metavar="C", help="channels of the first convolutional layer"),
    argument("--dataset", default="digits", choices=DATASETS, help="the training data"),
    argument("--epochs", type=whole, metavar="N", help="training epochs; default: the recipe's"),
    SEED,
    argument("--mean", type=number, metavar="M", help="subtracted from x; 0.5 if not given"),
    argument("--std", type=number, metavar="D", help="divides x - M; 0.5 if not given"),
    argument("--resume", action="store_true", help="go on from the checkpoint in DIR"),
    TRACK,
)


COMPRESS = (
    argument(
        "recipe", metavar="RECIPE.toml", help="data, network, hardware and steps; or zoo:NAME"
    ),
    argument(
        "--out", required=True, metavar="DIR", help="folder of model.onnx, steps.json, checkpoints"
    ),
    argument(
        "--redo",
        action="store_true",
        help="if the recipe has changed, repeat the steps in DIR from the first changed one on",
    ),
    NO_ADVICE,
    TRACK,
)


SEARCH = (
    argument(
        "space",
        nargs="?",
        metavar="SPACE.toml",
        help="keys of a recipe, and the values they may have",
    ),
    argument("--trials", type=whole, metavar="N", help="trials in all; default: the space's, 50"),
    *JOBS,
    argument(
        "--out", metavar="DIR", help="folder of front.json and each trial; default: named as SPACE"
    ),
    argument("--seed", type=whole, metavar="S", help="seed of what is drawn; default: the space's"),
    argument(
        "--show",
        metavar="DIR",
        help="show how the search in DIR stands, on a terminal until it is done",
    ),
    TRACK,
)
