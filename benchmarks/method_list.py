"""The methods of `methods`: for each the steps of its recipe, its source, its published figure."""

from __future__ import annotations

from method import INT4, INT4_ROW, Method, distilled, factored, pruned, ptq, qat, shared

PLACES = "hardware pending: one number for each place, times all channels there"
CHOSEN = "hardware pending: the k largest channels of each input"
EXITS = "hardware pending: networks of several exits"
SEARCH = "a search, not a step"
CONV = ("3", "7", "10", "14", "17")
"""Convolutions of ``vgg_small`` behind the first."""

QUANTIZERS = (
    Method("4 bits (reference)", "-", "-", INT4),
    Method(
        "BinaryConnect",
        "Courbariaux 2015",
        "MNIST error 1.18 %",
        qat("binary_stochastic", 4, epochs=25),
    ),
    Method("BNN", "Courbariaux 2016", "MNIST error 0.86 %", qat("sign", 1, epochs=25)),
    Method("BWN", "Rastegari 2016", "R18 9.5 t1", qat("binary", 4, scale="channel")),
    Method(
        "XNOR-Net, no input map",
        "Rastegari 2016",
        "AlexNet 44.2 % top-1",
        qat("xnor", 1, epochs=25),
    ),
    Method("TWN", "Li 2016", "R18 3.6 t1", qat("ternary", 4)),
    Method("TTQ", "Zhu 2017", "AlexNet gain 0.3 t1", qat("ttq", 4)),
    Method("TNN", "Alemdar 2017", "MNIST error 1.67 %", distilled("layerwise", "ternary", 2)),
    Method("FGQ", "Mellempudi 2017", "R50 71.1 of 75 %", qat("fgq", 4)),
    Method("DoReFa 1-2", "Zhou 2016", "AlexNet 1-2-6 9.8 t1", qat("dorefa1", "dorefa2")),
    Method("DoReFa 4-4", "Zhou 2016", "R18 W4A4 2.3 t1", qat("dorefa4", "dorefa4")),
    Method("HWGQ", "Cai 2017", "W1A2 R50 6.9 t1", qat("binary", "hwgq2")),
    Method("PACT", "Choi 2018", "R50 W4A4 0.4 t1", qat("dorefa4", "pact4")),
    Method("LSQ", "Esser 2020", "-", qat("lsq3", "lsq3")),
    Method("QIL", "Jung 2018", "R18 W3A3 1.0 t1", qat("qil3", "qil3")),
    Method("LQ-Nets", "Zhang 2018", "R50 W2A2 4.9 t1", qat("lq2", "lq2")),
    Method("INQ", "Zhou 2017", "AlexNet 0.52 t1", qat("inq5", 8)),
    Method("DeepShift-Q", "Elhoushi 2019", "R18 1.09 t1", qat("shift4", 8)),
    Method("DeepShift-PS", "Elhoushi 2019", "R18 1.44 t1", qat("shift_ps4", 8)),
    Method("ShiftCNN", "Gudovskiy 2017", "R18 0.54 t1", ptq("pot2", 8)),
    Method("LogNN", "Miyashita 2016", "AlexNet 6.2 t5", qat("int4", "log3")),
    Method("ABC-Net", "Lin 2017", "R34 5 bases 4.9 t1", qat("abc3", 2)),
    Method("Alpha-blending", "Liu 2019", "-", qat("blend:ternary", 4)),
    Method(
        "Two-step",
        "Wang 2018",
        "W2A2 AlexNet gain 0.9 t1",
        [
            *qat("float", 2),
            *qat("tsq", 2, epochs=0),
            {"kind": "distil", "how": "layerwise", "teacher": "step 2", "epochs": 8},
        ],
    ),
    Method("Loss-aware binary", "Hou 2017", "MNIST 0.09 better than BNN", qat("lab", 2)),
    Method("SYQ", "Faraone 2018", "AlexNet W1A8 0.5 t1", qat("syq", 8)),
    Method("WRPN", "Mishra 2018", "R34 2x W2A2 0.27 t1", qat("int2", 2), base="wide"),
    Method("LightNN", "Ding 2017", "-", qat("pot2", 4)),
)

POST_TRAINING = (
    Method(
        "PTQ min-max",
        "Krishnamoorthi 2018",
        "MobileNet v1 5.2 t1",
        ptq("int4", 4, calibration="minmax"),
    ),
    Method(
        "PTQ max-abs",
        "MKL-DNN",
        "about 1 % with powers of two",
        ptq("int8", 8, calibration="minmax"),
    ),
    Method("PTQ KL", "Migacz 2017", "GoogLeNet 0.36 t1", ptq("int4", 4, calibration="kl")),
    Method("PTQ percentile", "Wu 2020", "-", ptq("int4", 4, calibration="percentile")),
    Method("PTQ MSE", "Banner 2019", "-", ptq("int4", 4, calibration="mse")),
    Method("PTQ HQO", "-", "-", ptq("int4", 4, calibration="hqo")),
    Method("Bias correction", "Nagel 2019", "-", ptq("int3", 4, bias_correction=True)),
    Method("Equalisation", "Nagel 2019", "-", ptq("int3", 4, equalize=True)),
    Method("GPTQ", "Frantar 2022", "-", ptq("int3", 4, gptq=True)),
    Method("GPFQ", "Lybrand 2021", "-", ptq("int3", 4, gpfq=True)),
    Method("Learned rounding", "Nagel 2020", "-", ptq("int3", 4, rounding="learned")),
    Method(
        "Ristretto, powers of two",
        "Gysel 2018",
        "SqueezeNet 0.47 t1",
        ptq("int8", 8, power_of_two=True),
    ),
    Method("Minifloat", "Gysel 2018", "AlexNet 4.64 t1", ptq("float8", 8)),
    Method("Power-of-two weights", "Gysel 2018", "AlexNet 3.33 t1", ptq("pot1", 8)),
    Method("Integer only", "Jacob 2018", "R50 1.5 t1", ptq("int8", 8, zero_points=True)),
)

PRUNING = (
    Method("Magnitude", "Han 2015", "AlexNet to 0.090", pruned(0.8)),
    Method("OBD", "LeCun 1990", "a quarter fewer", pruned(0.8, criterion="obd")),
    Method("OBS", "Hassibi 1993", "XOR nets up to 90 % fewer", pruned(0.8, criterion="obs")),
    Method("Random", "-", "-", pruned(0.8, criterion="random")),
    Method(
        "Taylor", "Molchanov 2016", "-", pruned(0.5, criterion="taylor", shape="channel"), "conv"
    ),
    Method("APoZ", "Hu 2016", "-", pruned(0.5, criterion="activation", shape="channel"), "conv"),
    Method(
        "L1 filters",
        "Li 2017",
        "VGG-16 cost -34 %",
        pruned(0.5, criterion="l1", shape="channel"),
        "conv",
    ),
    Method(
        "SSL",
        "Wen 2016",
        "AlexNet CPU 5.1x",
        pruned(0.5, criterion="l2", shape="channel", penalty="ssl"),
        "conv",
    ),
    Method(
        "Slimming",
        "Liu 2017",
        "VGG 20x size",
        pruned(0.5, criterion="bn", shape="channel", penalty="slimming"),
        "conv",
    ),
    Method(
        "FPGM",
        "He 2019",
        "R101 42 % FLOPs, 0.05 t1",
        pruned(0.5, criterion="fpgm", shape="channel"),
        "conv",
    ),
    Method(
        "SFP",
        "He 2018",
        "R50 29.8 %, 1.54 t1",
        pruned(0.5, criterion="l2", shape="filter", schedule="soft"),
        "conv",
    ),
    Method(
        "ThiNet",
        "Luo 2017",
        "R50 1.87 t1",
        pruned(0.5, criterion="l1", shape="channel", reconstruct="thinet"),
        "conv",
    ),
    Method(
        "LASSO channels",
        "He 2017",
        "R50 2x, 1.4 t5",
        pruned(0.5, criterion="l1", shape="channel", reconstruct="lasso"),
        "conv",
    ),
    Method(
        "Growing regularisation",
        "Wang 2021",
        "-",
        pruned(0.5, criterion="l1", shape="filter", penalty="growing"),
        "conv",
    ),
    Method("LAMP", "Lee 2021", "-", pruned(0.8, criterion="lamp")),
    Method("DSD", "Han 2016", "gain 1.1 to 4.3", pruned(0.5, schedule="dsd")),
    Method(
        "Lottery ticket",
        "Frankle 2019",
        "R18 88.2 % pruned",
        pruned(0.8, schedule="iterative", rewind="start"),
    ),
    Method(
        "Random masks, rewound",
        "Frankle 2019",
        "-",
        pruned(0.8, schedule="iterative", rewind="start", criterion="random"),
    ),
    Method("Network surgery", "Guo 2016", "AlexNet 17.7x", pruned(0.8, schedule="surgery")),
    Method("Vector", "Mao 2017", "-", pruned(0.5, shape="vector"), "conv"),
    Method("Kernel", "Anwar 2015", "-", pruned(0.5, shape="kernel"), "conv"),
    Method(
        "Group (brain damage)",
        "Lebedev 2016",
        "VGG 2x, 0.7 lost",
        pruned(0.5, shape="group", penalty="group_lasso"),
        "conv",
    ),
    Method("2:4", "-", "-", [{"kind": "prune", "shape": "2:4", "epochs": 10}, *INT4]),
)

SHARING = (
    Method("K-means sharing", "Gong 2014; Han 2016", "16-24x, 1 % lost", shared(entries=16)),
    Method("HashNet", "Chen 2015", "64x", shared(how="hash", entries=256)),
    Method("Product quantization", "Gong 2014", "15-20x", shared(how="pq", entries=16, size=2)),
    Method(
        "Deep Compression",
        "Han 2016",
        "LeNet to 0.025",
        [{"kind": "prune", "ratio": 0.8, "epochs": 10}, *shared(entries=16)],
    ),
    Method(
        "FreshNet", "Chen 2015", "-", shared(how="fresh", entries=dict.fromkeys(CONV, 64)), "conv"
    ),
)

FACTORING = (
    Method("SVD", "Denton 2014", "poor accuracy", factored("svd", ("1", "4"), 12)),
    Method("Tucker-2", "Kim 2015", "poor accuracy", factored("tucker2", CONV, 4), "conv"),
    Method("CP", "Lebedev 2014", "AlexNet conv2 4.5x", factored("cp", CONV, 6), "conv"),
    Method("Separable", "Jaderberg 2014", "up to 4x", factored("separable", CONV, 4), "conv"),
    Method("BTD", "Wang 2016", "-", factored("btd", CONV, 2, blocks=2), "conv"),
    Method(
        "Fixed-point factorised",
        "Wang 2017",
        "R50 2.5 t1",
        [*factored("svd", ("1", "4"), 24)[:1], *qat("ternary", 4, scale="channel")],
    ),
)

DISTILLING = (
    Method(
        "Without a teacher",
        "-",
        "-",
        [*qat("binary", 2, epochs=2), {"kind": "train", "epochs": 15}],
    ),
    Method("Distillation", "Hinton 2015", "-", distilled("hinton")),
    Method("FitNets", "Romero 2014", "-", distilled("fitnets")),
    Method("Attention transfer", "Zagoruyko 2016", "-", distilled("attention"), "conv"),
    Method("Correlation", "Peng 2019", "-", distilled("correlation")),
)

TOPOLOGIES = (
    Method("Bi-Real", "Liu 2018", "R34 11.1 t1", qat("binary", 1, epochs=25, joins=4), "bireal"),
    Method(
        "MeliusNet",
        "Bethge 2020",
        "70.7 % top-1",
        qat("binary", 1, epochs=25, joins=4, others={"0": INT4_ROW, "5": INT4_ROW, "12": INT4_ROW}),
        "meliusnet",
    ),
    Method("Fire", "Iandola 2016", "1/50 of AlexNet", INT4, "squeezenet"),
    Method("Depthwise separable", "Howard 2017", "70 %, 4.2 M", INT4, "mobilenet_v1"),
    Method("Inverted residual", "Howard 2019", "75.2 %, 5.4 M", INT4, "mobilenet_v2"),
    Method("Shuffle", "Zhang 2017", "1/13 of AlexNet's operations", INT4, "shufflenet"),
    Method("ShiftNet", "Wu 2017", "70.1 %, 4.1 M", INT4, "shiftnet", hardware={"fps": 50_000}),
    Method(
        "AdderNet",
        "Chen 2020",
        "R50 1.3 t1",
        pending="`bitrill train --weights adder`, dense layers, LeNet and CNV",
    ),
)

DYNAMIC = (
    Method("FBS", "Gao 2019", "VGG-16 5x, 0.59 t5", pending=CHOSEN),
    Method("XNOR-Net's input map", "Rastegari 2016", "-", pending=PLACES),
    Method("BranchyNet", "Teerapittayanon 2016", "-", pending=EXITS),
    Method("Cascade", "Leroux 2017", "-40 % time, 2 t1", pending=EXITS),
    Method("Network cascade", "Bolukbasi 2017", "R50 1.9x", pending=EXITS),
    Method("MSDNet", "Huang 2018", "2.2x", pending=EXITS),
    Method("BlockDrop, RNP", "Wu 2018; Lin 2017", "R101 20 %", pending=EXITS),
    Method("Conditional", "Bengio 2015", "CIFAR-10 5.3x", pending=EXITS),
    Method("Slimmable", "Yu 2018", "2x, 1.4 t1", pending=SEARCH),
    Method("OFA", "Cai 2019", "-", pending=SEARCH),
    Method("HAQ", "Wang 2019", "MobileNet 4 bits 3.42 t1", pending=SEARCH),
)

METHODS = (
    *QUANTIZERS,
    *POST_TRAINING,
    *PRUNING,
    *SHARING,
    *FACTORING,
    *DISTILLING,
    *TOPOLOGIES,
    *DYNAMIC,
)
"""All methods, in the order of their rows."""

STRONG = (
    *("4-bits-reference", "bwn", "twn", "ttq", "lq-nets", "inq", "ptq-mse", "magnitude"),
    *("deep-compression",),
)
"""Methods that are tried on larger images too."""
