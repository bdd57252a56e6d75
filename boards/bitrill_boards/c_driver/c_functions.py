"""Functions of single elements in C, under the names of ``driver/functions.py``.

An expression has ``x``, in a binary function also ``y``, and attributes by ``{name}``.
"""

UNARY = {
    "Abs": "fabs(x)",
    "Ceil": "ceil(x)",
    "Clip": "fmin(fmax(x, {min}), {max})",
    "Elu": "elu(x, {alpha})",
    "Erf": "erf(x)",
    "Exp": "exp(x)",
    "Floor": "floor(x)",
    "Gelu": "0.5 * x * (1 + {gelu})",
    "HardSigmoid": "hard_sigmoid(x, {alpha}, {beta})",
    "HardSwish": "x * hard_sigmoid(x, 1.0 / 6, 0.5)",
    "LeakyRelu": "x < 0 ? {slope} * x : x",
    "Log": "log(x)",
    "Mish": "x * tanh(softplus(x))",
    "Neg": "-x",
    "PRelu": "x < 0 ? {slope} * x : x",
    "Reciprocal": "1 / x",
    "Relu": "fmax(x, 0)",
    "Round": "rint(x)",
    "Selu": "{gamma} * elu(x, {alpha})",
    "Sigmoid": "sigmoid(x)",
    "Sign": "x > 0 ? 1 : x < 0 ? -1 : 0",
    "Softplus": "softplus(x)",
    "Softsign": "x / (1 + fabs(x))",
    "Sqrt": "sqrt(x)",
    "Swish": "x * sigmoid({alpha} * x)",
    "Tanh": "tanh(x)",
    "ThresholdedRelu": "x > {alpha} ? x : 0",
}
"""Functions of one element."""

BINARY = {
    "Add": "x + y",
    "Div": "x / y",
    "Max": "fmax(x, y)",
    "Min": "fmin(x, y)",
    "Mul": "x * y",
    "Pow": "pow(x, y)",
    "Sub": "x - y",
}
"""Functions of two elements."""

GELU = {
    "none": "erf(x / 1.4142135623730951)",
    "tanh": "tanh(0.7978845608028654 * (x + rounded(0.044715 * pow(x, 3))))",
}
"""Factor of a Gelu by its attribute ``approximate``."""

DEFAULTS = {
    "Clip": {"min": "-INFINITY", "max": "INFINITY"},
    "Elu": {"alpha": "1.0"},
    "HardSigmoid": {"alpha": "0.2", "beta": "0.5"},
    "Selu": {"alpha": "1.67326319217681884765625", "gamma": "1.05070102214813232421875"},
    "Swish": {"alpha": "1.0"},
    "ThresholdedRelu": {"alpha": "1.0"},
}
"""Attributes that need not be given."""

HELPERS = {
    "rounded": """
/* A product that no compiler fuses with an addition. */
static double rounded(double product)
{
    const volatile double kept = product;
    return kept;
}
""",
    "sigmoid": """
static double sigmoid(double x)
{
    const double e = exp(-fabs(x)); /* never overflows */
    return (x >= 0 ? 1 : e) / (1 + e);
}
""",
    "softplus": """
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
""",
    "elu": """
static double elu(double x, double alpha)
{
    return x < 0 ? alpha * expm1(x) : x;
}
""",
    "hard_sigmoid": """
static double hard_sigmoid(double x, double alpha, double beta)
{
    return fmin(fmax(rounded(alpha * x) + beta, 0), 1);
}
""",
    "top": """
/* The number of the element that follows `before` in the order of a TopK; sign -1: smallest first.
 * Equal elements are ordered by number; before -1: the first of all. */
static int32_t top(const double *x, int32_t n, int32_t step, int32_t before, double sign)
{
    int32_t k, best = -1;
    for (k = 0; k < n; ++k) {
        const double v = sign * x[k * step];
        const double last = before < 0 ? 0 : sign * x[before * step];
        if (before >= 0 && (v > last || (v >= last && k <= before)))
            continue;
        if (best < 0 || v > sign * x[best * step])
            best = k;
    }
    return best;
}
""",
}
"""Definitions that expressions use, each after those that it uses."""
