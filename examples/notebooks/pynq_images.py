# %% [markdown]
# # An image network for a PYNQ-Z2
#
# You train a convolutional network with weights and activations of four bits, compile it for the
# Zynq of a PYNQ-Z2, and make the folder that goes onto the board. The last step, the bitstream,
# needs AMD's Vivado; everything before it, also the proof that the board's logic is right, runs
# here.

# %%
import os
from pathlib import Path

from bitrill import flow

flow.require("train", "compile", "boards", "verify", "build", "drive")

# %% [markdown]
# **Settings.** The small ones train a narrow network on images of 8x8, which takes about a minute.
# The large ones take a LeNet-5 of full width and MNIST. Set the variable `BITRILL_NOTEBOOKS` to
# `large` before you start.

# %% tags=["parameters"]
SETTINGS = {
    "small": {"dataset": "digits", "width": 4, "epochs": 8, "fps": 50_000, "samples": 100},
    "large": {"dataset": "mnist", "width": 6, "epochs": 10, "fps": 5_000, "samples": 1_000},
}
setting = SETTINGS[os.environ.get("BITRILL_NOTEBOOKS", "small")]

# %% [markdown]
# ## Train
#
# `lenet` is LeNet-5 with quantized layers: two convolutions with pooling, then three dense layers.
# `int4` weights are integers from -7 to 7, `acts=4` makes the activations integers of four bits,
# too. With `width` the first convolution has fewer channels, and the others in proportion.

# %%
trained = flow.train(
    "lenet",
    out="model",
    weights="int4",
    acts=4,
    dataset=setting["dataset"],
    width=setting["width"],
    epochs=setting["epochs"],
)
trained

# %% [markdown]
# ## Compile for the board, for a rate
#
# `board` sets the part (an xc7z020) and the clock (100 MHz). `fps` asks for a rate. `compile` then
# finds the folding with the fewest LUTs that reaches it: each layer gets as many multipliers as it
# needs to keep up, and no more.
#
# See *PE* and *SIMD* below: the convolutions see many pixels, so they have several lanes. The dense
# layers work once an image, and few lanes are enough.

# %%
compiled = flow.compile(trained.model, board="pynq-z2", fps=setting["fps"], out="network")
assert compiled.fits
assert compiled.fps >= setting["fps"]
compiled

# %% [markdown]
# A *window* collects the pixels that a kernel sees. It holds some rows of the image and never a
# whole one, so a convolution's output begins before its input has ended: all layers work at the
# same time, on different parts of the image.
#
# ## Which other boards would do?
#
# `boards` gives for each board whether the network fits, how fast the network itself is (*core*),
# how fast the board is with its memory and its link (*system*), and which of them is the limit.

# %%
flow.boards("network")

# %% [markdown]
# The design is made of cells of the 7 series, so boards of other families are refused; compile
# again for these.
#
# ## Verify
#
# The Verilog on test images, bit for bit and cycle for cycle:

# %%
verified = flow.verify("network", data=setting["dataset"], samples=setting["samples"])
assert verified.mismatches == 0
assert verified.cycles_exact
verified

# %% [markdown]
# ## The board's folder
#
# `build` writes all that the board needs. On a Zynq the network sits behind DMA engines: the
# processor puts images into memory, the logic fetches them, and writes the results back. `counters`
# adds, for each layer, a counter of the cycles in which it waits.

# %%
board = flow.build(
    "pynq-z2",
    "network",
    data=setting["dataset"],
    samples=setting["samples"],
    counters=True,
    files_only=True,
)
board

# %%
print("\n".join(sorted({Path(name).parts[0] for name in board.manifest.files})))

# %% [markdown]
# ## The same logic, before there is a bitstream
#
# `drive` runs the board's own driver against the shell in simulation: registers, DMA engines, and a
# memory that answers after 100 cycles. Every output bit is compared.
#
# See *memory waited for the network*: while images follow each other, the network should be the one
# that is waited for. *Slowest layer* names the one that you would have to make faster.

# %%
driven = flow.drive("pynq-z2", "network", transport="simulation")
assert driven.ok
driven

# %% [markdown]
# ## The last step: the bitstream
#
# Vivado turns the folder into `bitrill.bit`. The folder says itself how, so it may be copied to
# another computer. These are its instructions:

# %%
print((board.folder / "README.md").read_text())

# %% [markdown]
# On the board, the driver in the folder needs numpy alone. A program of yours there:
#
# ```python
# from bitrill_driver import connect
#
# with connect(".", transport="pynq") as driver:
#     integers, scores = driver.run(images)
# ```
#
# **Try**: ask for twice the rate, and see which layers get more lanes and what that costs in LUTs.
