# %% [markdown]
# # Keywords on an iCEBreaker
#
# A small network tells twelve "words" apart, each of three tones in noise, on an FPGA of 5,280 LUTs
# with four inputs. The data is drawn here, so nothing is downloaded; the accuracy says nothing
# about real speech. What you learn is how to fit a network into little memory and logic.

# %%
import os

import numpy as np
from bitrill import flow
from bitrill.report.images import Images
from bitrill.train import generated

flow.require("compress", "inspect", "compile", "run", "verify", "build", "drive")

# %% [markdown]
# **Settings.** The large ones train longer and make the bitstream, which needs nextpnr (`pip
# install 'bitrill[place]'`). Set the variable `BITRILL_NOTEBOOKS` to `large` before you start.

# %% tags=["parameters"]
SETTINGS = {
    "small": {"width": 24, "epochs": 8, "verified": 50, "driven": 20, "bitstream": False},
    "large": {"width": 32, "epochs": 30, "verified": 600, "driven": 200, "bitstream": True},
}
setting = SETTINGS[os.environ.get("BITRILL_NOTEBOOKS", "small")]

# %% [markdown]
# ## The data
#
# A sound is ten frequency bands over 49 frames. Time runs from left to right, bands from top to
# bottom; below stands the word. A word is an order of three tones, so it has to be told by when
# each tone sounds.

# %%
sounds, words = generated.load("tones", "test")
Images(np.swapaxes(sounds[:6], 2, 3), words[:6])

# %% [markdown]
# ## Train for the chip
#
# The memory decides: 30 blocks of 4 kbit are all there is. The first matrix is by far the largest,
# so its weights become ternary (-1, 0, 1), in two bits; the others get four. In the recipe `1` is
# that matrix' name in the torch module. Activations have two bits, and so has the input.
#
# The first step trains in floating point, the second inserts quantizers and trains on.

# %%
recipe = {
    "data": {"name": "tones"},
    "model": {"recipe": "kws_mlp", "width": setting["width"]},
    "hardware": {"part": "ice40up5k-sg48", "clock_mhz": 24, "fps": 500},
    "training": {"batch": 32, "learning_rate": 0.003, "epochs": setting["epochs"]},
    "step": [
        {"kind": "train"},
        {
            "kind": "quantize",
            "layers": {
                "*": {"weights": "int4", "acts": 2},
                "1": {"weights": "ternary", "acts": 2},
                "input": {"acts": 2},
            },
        },
    ],
}
compressed = flow.compress(recipe, out="trained")
compressed

# %% [markdown]
# See the second row: *weight bits* against the chip's 122,880 bits of block memory.
#
# ## What each layer stores and computes

# %%
flow.inspect(compressed.model, no_advice=True)

# %% [markdown]
# ## Compile for the board
#
# The iCEBreaker runs at 24 MHz. A serial line of 1 Mbaud brings some hundred frames a second, so a
# few products at a time are enough: see *PE* and *SIMD*.

# %%
compiled = flow.compile(compressed.model, board="icebreaker", out="network")
compiled

# %%
(roofline,) = compiled.rooflines
print(f"about {roofline.estimate:.0%} of the LUTs; limited by: {roofline.limit}")

# %% [markdown]
# ## Verify

# %%
verified = flow.verify("network", data=sounds, samples=setting["verified"])
assert verified.mismatches == 0
assert verified.cycles_exact
verified

# %%
decided = flow.run("network", sounds).floats.argmax(1)
accuracy = float((decided == words).mean())
assert abs(accuracy - compressed.accuracy) < 0.01
print(f"accuracy of the golden model {accuracy:.2%}, of torch {compressed.accuracy:.2%}")

# %% [markdown]
# ## The board
#
# `build` writes the board's folder. With open tools it also makes the bitstream: Yosys, nextpnr,
# icepack. The small setting leaves that out.

# %%
board = flow.build(
    "icebreaker",
    "network",
    data=sounds,
    samples=setting["driven"],
    files_only=not setting["bitstream"],
)
board

# %% [markdown]
# The board's shell in simulation, with the driver of the board and the levels of its serial line:

# %%
driven = flow.drive("icebreaker", "network", transport="simulation")
assert driven.ok
driven

# %% [markdown]
# ## With a real board
#
# ```text
# bitrill build icebreaker network           # the bitstream: some minutes
# bitrill flash icebreaker network
# bitrill drive icebreaker network --port /dev/ttyUSB1
# ```
#
# **Try**: `"weights": "ternary"` for every layer, and see whether the accuracy holds; a `width` of
# 256, as in the published network, and see what does not fit.
