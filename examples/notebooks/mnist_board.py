# %% [markdown]
# # Handwritten digits: from training to a small board
#
# You train a network with weights and activations of one bit, turn it into Verilog, and run it
# inside the logic of a small board. Nothing is rounded after the training: each step is compared
# with the one before it, bit for bit.
#
# Every step is a function of `bitrill.flow`. What it returns has attributes for scripts, and shows
# itself as a table here.

# %%
import os

from bitrill import flow
from bitrill.report.images import Images
from bitrill.train import datasets

flow.require("train", "inspect", "compile", "run", "verify", "build", "drive")

# %% [markdown]
# **Settings.** The small ones take one or two minutes. For the large ones, set the variable
# `BITRILL_NOTEBOOKS` to `large` before you start. MNIST is used if its files are there (in
# `$BITRILL_DATA` or in the cache), else the 8x8 digits that come with scikit-learn.

# %% tags=["parameters"]
SETTINGS = {
    "small": {"epochs": 3, "verified": 200, "driven": 50},
    "large": {"epochs": 15, "verified": 10_000, "driven": 1_000},
}
setting = SETTINGS[os.environ.get("BITRILL_NOTEBOOKS", "small")]
dataset = "mnist" if datasets.is_here("mnist") else "digits"
print(dataset)

# %% [markdown]
# ## The data
#
# Images are numbers from 0 to 1, with the shape `[channels, height, width]`. Below each image
# stands its class.

# %%
images, labels = datasets.load(dataset, "test")
Images(images[:10], labels[:10])

# %% [markdown]
# ## Train
#
# The recipe `tfc` has three hidden layers of 64 neurons. With weights of -1 and +1 a product is an
# XNOR, and a sum is a count of ones: that is why such networks are small in an FPGA.
#
# `train` also exports the network to ONNX, and compares the file with torch before it returns.

# %%
trained = flow.train("tfc", out="model", dataset=dataset, epochs=setting["epochs"])
trained

# %% [markdown]
# ## Look at the network
#
# `inspect` shows what the compiler sees. A *matvec* is a layer's matrix. A *threshold* replaces
# batch norm and activation: it compares the sum with the one number at which the neuron's bit
# changes. These numbers are exact.
#
# See *weight bits*: the whole network takes a few kilobytes, so it needs no memory outside the
# chip.

# %%
inspected = flow.inspect(trained.model, graph="graph.svg", no_advice=True)
inspected

# %% [markdown]
# ## Compile for a board
#
# The ULX3S has an ECP5 FPGA and open tools. `compile` chooses for each layer how many neurons (PE)
# and how many inputs (SIMD) it handles at once. The board is at the end of a serial line, which
# carries some hundred images a second. Behind it a small network is enough: a frame every 4,096
# cycles, with as few LUTs as possible.
#
# The number of cycles is computed, not simulated. It is exact; we check that next.

# %%
compiled = flow.compile(trained.model, board="ulx3s-85f", out="network")
compiled

# %% [markdown]
# ## Verify
#
# The Verilog runs in a simulator on test images. Two things must be right: every bit of every
# output equals the golden model (the integer network in numpy), and every beat moves in its
# predicted cycle.

# %%
verified = flow.verify("network", data=dataset, samples=setting["verified"])
assert verified.mismatches == 0
assert verified.cycles_exact
verified

# %% [markdown]
# The same with pauses: source and sink stop in half of the cycles, at random. Results must stay the
# same, and the cycle of every beat still follows from the prediction.

# %%
stalled = flow.verify("network", data=dataset, samples=20, stall=0.5, out="stalled")
assert stalled.mismatches == 0
assert stalled.cycles_exact
stalled

# %% [markdown]
# ## What the network answers
#
# `run` gives the network's outputs for any images: the integers that the hardware sends, and the
# model's floats, which follow from them. The largest one is the decision.

# %%
outputs = flow.run("network", images[:10])
outputs

# %%
decided = outputs.floats.argmax(1)
Images(images[:10], [f"{d} (is {c})" for d, c in zip(decided, labels[:10], strict=True)])

# %% [markdown]
# ## Onto the board
#
# `build` writes everything that the board needs: the network inside the logic that connects it to
# the serial line (its *shell*), the pins, recorded frames for a self-test, and the host's driver.
# `files_only` leaves out the bitstream, which takes Yosys and nextpnr some minutes.

# %%
board = flow.build("ulx3s-85f", "network", data=dataset, samples=setting["driven"], files_only=True)
board

# %% [markdown]
# `drive` sends the recorded frames through the shell and compares every output bit. Here the shell
# is simulated, down to the levels on the serial line; the driver is the one that a real board gets.
# See *limited by*: the line, not the network, sets the pace.

# %%
driven = flow.drive("ulx3s-85f", "network", transport="simulation")
assert driven.ok
driven

# %% [markdown]
# ## With a real board
#
# Three lines are left, and they need the board at a USB port:
#
# ```text
# bitrill build ulx3s-85f network            # once more, now with the bitstream
# bitrill flash ulx3s-85f network
# bitrill drive ulx3s-85f network --port /dev/ttyUSB0
# ```
#
# **Try**: train with `weights="ternary"` and compare the accuracy and the LUTs; compile for
# `board="tang-nano-9k"`, and see in `flow.boards("network")` what limits the rate.
