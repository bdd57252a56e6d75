# %% [markdown]
# # Your own torch module, compressed
#
# You have a float network in torch. It need not know anything of Bitrill. `compress` takes it
# through steps: train it, quantize it, make it narrower, let the float network teach the small one.
# After each step you see what it cost in accuracy, and what it saved in hardware.

# %%
import os

from bitrill import flow
from bitrill.report.images import Images
from bitrill.train import datasets

flow.require("compress", "compile", "run", "verify")

# %% [markdown]
# **Settings.** Set the variable `BITRILL_NOTEBOOKS` to `large` before you start for more training.

# %% tags=["parameters"]
SETTINGS = {
    "small": {"width": 8, "epochs": 5, "verified": 100},
    "large": {"width": 16, "epochs": 15, "verified": 360},
}
setting = SETTINGS[os.environ.get("BITRILL_NOTEBOOKS", "small")]

# %% [markdown]
# ## The network
#
# It is plain torch, with a residual sum. `make` returns a new one; `compress` calls it by its name.

# %%
import torch
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self, n: int):
        super().__init__()
        self.conv1 = nn.Conv2d(n, n, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(n, n, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + x)


class Net(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.block = Block(width)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(width * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.block(torch.relu(self.bn(self.stem(x)))))
        return self.head(torch.flatten(x, 1))


def make(width: int) -> nn.Module:
    return Net(width)


# %% [markdown]
# ## The recipe
#
# A recipe is a table, here in Python; in a TOML file it looks the same. `hardware` is one target
# for all steps, so that their figures can be compared: 20,000 images a second on a Zynq-7020.
#
# 1. `train`, in floating point. There is no hardware for floats, so these columns are empty.
# 2. `quantize`, without training (`ptq`): weights and activations of 4 bits, whose ranges are found
#    on some images.
# 3. `prune`: the half of each layer's channels with the smallest weights goes. The layers become
#    narrower.
# 4. `distil`: the small network learns from the answers of the float network of step 1.

# %%
recipe = {
    "data": {"name": "digits"},
    "model": {"module": "__main__:make", "arguments": {"width": setting["width"]}},
    "hardware": {"part": "xc7z020clg400-1", "fps": 20_000},
    "training": {"epochs": setting["epochs"], "learning_rate": 0.005},
    "step": [
        {"kind": "train"},
        {
            "kind": "quantize",
            "how": "ptq",
            "layers": {"*": {"weights": "int4", "acts": 4, "scale": "channel"}},
        },
        {"kind": "prune", "shape": "channel", "criterion": "l1", "ratio": 0.5, "epochs": 2},
        {"kind": "distil", "teacher": "step 1", "how": "hinton"},
    ],
}
compressed = flow.compress(recipe, out="small")
compressed

# %% [markdown]
# Read the table from top to bottom. Quantizing costs little accuracy and makes hardware possible.
# Pruning halves the channels, so a layer between two pruned ones has a quarter of the weights;
# accuracy falls, and teaching gets some of it back. *Weight bits* and *LUTs* are what you pay on
# the chip.
#
# *Advice* says what practical rules would try next, with their sources.

# %%
float_row, quantized, pruned, taught = compressed.rows
assert pruned.nonzero < 0.6 * quantized.nonzero
assert taught.lcs < quantized.lcs
print(f"{quantized.lcs:,} LUTs before pruning, {taught.lcs:,} after it")

# %% [markdown]
# ## To hardware
#
# The file `small/model.onnx` was compared with torch. From here on it goes as with any other model.

# %%
compiled = flow.compile(compressed.model, part="xc7z020clg400-1", fps=20_000, out="network")
compiled

# %%
verified = flow.verify("network", data="digits", samples=setting["verified"])
assert verified.mismatches == 0
assert verified.cycles_exact
verified

# %% [markdown]
# ## What it answers
#
# The golden model on all test images: the same accuracy as torch's, since it is the same network.
# Below stand the images that it reads wrongly.

# %%
images, labels = datasets.load("digits", "test")
decided = flow.run("network", images).floats.argmax(1)
accuracy = float((decided == labels).mean())
assert abs(accuracy - compressed.accuracy) < 0.01
print(f"accuracy of the golden model {accuracy:.2%}, of torch {compressed.accuracy:.2%}")

# %%
wrong = (decided != labels).nonzero()[0][:10]
Images(images[wrong], [f"{decided[k]} (is {labels[k]})" for k in wrong])

# %% [markdown]
# **Try**: `"weights": "ternary"` in the second step with `"how": "qat"`; a `ratio` of 0.75; run the
# cell again after a change with `flow.compress(recipe, out="small", redo=True)`: steps before the
# change are not done again.
