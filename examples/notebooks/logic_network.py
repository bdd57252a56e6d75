# %% [markdown]
# # Logic instead of products: networks of tables, and learned widths
#
# An FPGA computes with tables: a LUT holds any function of six bits. Here you train networks that
# use them directly, and you choose by LUTs and accuracy: the *front* of networks that no other one
# beats.

# %%
import os

from bitrill import flow
from bitrill.flow.result import TextTable
from bitrill.report.scatter import Scatter

flow.require("train", "compile", "verify")

# %% [markdown]
# **Settings.** The large ones need MNIST. Set the variable `BITRILL_NOTEBOOKS` to `large` before
# you start.

# %% tags=["parameters"]
SETTINGS = {
    "small": {"dataset": "digits", "budgets": [200, 400, 800], "luts": 3000, "epochs": 25},
    "large": {"dataset": "mnist", "budgets": [500, 1000, 2000, 4000], "luts": 6000, "epochs": 40},
}
setting = SETTINGS[os.environ.get("BITRILL_NOTEBOOKS", "small")]
dataset = setting["dataset"]

# %% [markdown]
# ## Tables as neurons
#
# The recipe `lutnet` turns each pixel into a few bits (*is it above this limit?*). Each table reads
# six of these bits, and training learns both what the table holds and which bits it reads. Every
# class has its tables; the class with the most ones wins. There is no multiplication, no weight, no
# memory.
#
# `budget` says how many LUTs tables and counters may take. We train one network for each budget.

# %%
tables = {
    budget: flow.train("lutnet", out=f"lutnet_{budget}", dataset=dataset, budget=budget)
    for budget in setting["budgets"]
}
TextTable.of(
    ("budget, LUTs", "tables", "accuracy"),
    [(b, t.metrics["tables"], f"{t.accuracy:.2%}") for b, t in tables.items()],
)

# %% [markdown]
# ## Into hardware, a frame a clock
#
# `unrolled` gives each table a LUT of its own: the network takes a frame in every clock cycle. See
# *cycles a frame*, and the latency in nanoseconds.

# %%
largest = tables[setting["budgets"][-1]]
compiled = flow.compile(largest.model, style="unrolled", out="tables")
assert compiled.build.predicted.ii == 1
compiled

# %%
verified = flow.verify("tables", data=dataset)
assert verified.mismatches == 0
assert verified.cycles_exact
verified

# %% [markdown]
# ## Learned widths
#
# The recipe `precision` stays with matrices, but learns how many bits each weight and each
# activation gets. Zero bits mean that the weight is gone. The loss has an estimate of the LUTs,
# whose price rises until the budget is met; on the way there the run passes through many networks.
#
# It keeps those that no other one beats: each is a file. They are compared on training images that
# were held back, since nothing may be chosen by test images; on the few test images the order may
# be another one.

# %%
precise = flow.train(
    "precision", out="precise", dataset=dataset, budget=setting["luts"], epochs=setting["epochs"]
)
precise

# %% [markdown]
# ## Both fronts
#
# Each point is a network. Further left is smaller, further up is more accurate. LUTs are those of
# tables and counters, or of matrices and thresholds. For these digits tables are the better choice.

# %%
front = precise.metrics["front"]
Scatter(
    "LUTs",
    "accuracy",
    {
        "tables": [(t.metrics["luts"], t.accuracy) for t in tables.values()],
        "learned widths": [(p["luts"], p["accuracy"]) for p in front],
    },
)

# %% [markdown]
# ## A point of the front, compiled
#
# Choose one by its LUTs. We take the smallest of the front: its LUTs were counted in training, from
# the same plan of adders that the compiler makes. The compiled design also has FIFOs and the
# input's logic.

# %%
smallest = min(front, key=lambda point: point["luts"])
design = flow.compile(
    f"precise/front/model_{smallest['luts']}.onnx", style="unrolled", out="precise_smallest"
)
design

# %%
checked = flow.verify("precise_smallest", data=dataset)
assert checked.mismatches == 0
assert checked.cycles_exact
checked

# %% [markdown]
# The accuracy above is that of the golden model on all test images; the hardware gives the same
# bits.
#
# **Try**: `raw_input="uint8", input_scale="1/255"` for `compile` of the tables, with MNIST: then
# the limits of the pixels are compared on the chip.
