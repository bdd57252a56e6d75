"""Damaged copies of a small model: each is refused in one line, or means what the file now says.

1,000 copies with mutated bytes and 300 with structural damage. Where one still imports, a float
evaluator that shares no code judges its outputs.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import StorageError, UnsupportedError
from bitrill.frontend import load_model
from frontend.agreement import agrees
from frontend.onnx_models import Net, save
from google.protobuf.message import Message


def victim() -> onnx.ModelProto:
    """A net of two layers with a bit of everything, few of its bytes weights."""
    net = Net(1, 2, 2)
    rng = np.random.default_rng(11)
    shape = net.node("Concat", net.shape_const(1), net.shape_const(-1), axis=0)
    x = net.quant(net.node("Reshape", "x", shape), 0.25, bits=3.0)
    x = net.dense(x, 4, 3, seed=1, scale=[[0.3], [0.2], [0.7]], bits=3.0, narrow=1)
    x = net.node("BatchNormalization", x, *[net.const(rng.uniform(0.5, 2, 3)) for _ in range(4)])
    x = net.quant(net.node("Relu", x), 0.375, bits=2.0, signed=0, rounding="FLOOR")
    x = net.node("Gemm", x, net.weights(2, 3, seed=2, scale=0.5), net.const([0.3, -0.7]), transB=1)
    x = net.node("Div", net.node("Sub", x, net.const(0.1)), net.node("Sqrt", net.const(3.0)))
    return net.proto(x)


def outcome(data: bytes, folder: Path) -> str:
    """``refused``, ``same as judged``, or ``not judged`` by the evaluator; anything else fails."""
    path = folder / "net.onnx"
    path.write_bytes(data)
    try:
        graph = load_model(path)
    except (UnsupportedError, StorageError) as error:
        text = str(error)
        assert text.isprintable(), text
        assert "net.onnx" in text or "node" in text or "tensor" in text or "the output" in text
        return "refused"
    proto = onnx.ModelProto()
    proto.ParseFromString(data)
    return "judged" if agrees(graph, proto, n=6) else "undecided"


def mutated(data: bytes, seed: int) -> bytes:
    """One to three bytes changed, bits flipped, or a piece removed, doubled or moved."""
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        place, kind = rng.randrange(len(out)), rng.choice((0, 0, 1, 1, 1, 2, 3, 4, 4))
        if kind == 0:
            out[place] = rng.randrange(256)
        elif kind == 1:
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[place : place + rng.randrange(1, 9)]
        elif kind == 3:
            piece = out[place : place + rng.randrange(1, 9)]
            out[place:place] = piece
        else:
            out[place] = (out[place] + rng.choice((-1, 1))) % 256
    return bytes(out)


def messages(root: Message) -> list[Message]:
    """Every message inside, depth first."""
    found = [root]
    for field, value in root.ListFields():
        if field.message_type:
            for part in value if field.is_repeated else [value]:
                found += messages(part)
    return found


def restructured(proto: onnx.ModelProto, seed: int) -> bytes:
    """One part removed, doubled, moved, exchanged for another, or a field cleared or changed."""
    rng = random.Random(seed)
    damaged = onnx.ModelProto()
    damaged.CopyFrom(proto)
    message = rng.choice(messages(damaged))
    fields = message.ListFields()
    if not fields:
        return damaged.SerializeToString()
    field, value = rng.choice(fields)
    if not field.is_repeated:
        if rng.random() < 0.5 or field.message_type:
            message.ClearField(field.name)
        elif isinstance(value, str):
            names = [n for node in damaged.graph.node for n in (*node.output, node.op_type)]
            setattr(message, field.name, rng.choice(names))
        elif isinstance(value, int | float):
            setattr(message, field.name, type(value)(value + rng.choice((-1, 1, 2))))
        return damaged.SerializeToString()
    parts = list(value)
    i, kind = rng.randrange(len(parts)), rng.randrange(4)
    if kind == 0:
        del parts[i]
    elif kind == 1:
        parts.insert(rng.randrange(len(parts) + 1), parts[i])
    elif kind == 2:
        parts.insert(rng.randrange(len(parts)), parts.pop(i))
    elif isinstance(parts[i], str):
        parts[i] = rng.choice([t.name for t in damaged.graph.initializer])
    elif isinstance(parts[i], int | float):
        parts[i] = parts[i] + 1
    else:
        parts[i] = parts[rng.randrange(len(parts))]
    copies = onnx.ModelProto()
    copies.CopyFrom(damaged)  # the parts must outlive the field that is cleared
    if field.message_type:
        kept = [type(p).FromString(p.SerializeToString()) for p in parts]
        message.ClearField(field.name)
        getattr(message, field.name).extend(kept)
    else:
        message.ClearField(field.name)
        getattr(message, field.name).extend(parts)
    return damaged.SerializeToString()


def test_the_undamaged_model_is_judged_right(tmp_path: Path) -> None:
    assert outcome(victim().SerializeToString(), tmp_path) == "judged"


@pytest.mark.parametrize("part", range(4))
def test_mutated_bytes(tmp_path: Path, part: int) -> None:
    data = victim().SerializeToString()
    seen = Counter(outcome(mutated(data, seed), tmp_path) for seed in range(part, 1000, 4))
    assert sum(seen.values()) == 250
    assert seen["refused"] > 150
    assert seen["judged"] > 15


def test_structural_damage(tmp_path: Path) -> None:
    proto = victim()
    seen = Counter(outcome(restructured(proto, seed), tmp_path) for seed in range(300))
    assert sum(seen.values()) == 300
    assert seen["refused"] > 150
    assert seen["judged"] > 50
    assert save(proto, tmp_path).is_file()
