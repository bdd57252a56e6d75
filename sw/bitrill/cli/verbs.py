"""Each verb: options in, a call of `bitrill.flow`, and what to print."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from .. import flow
from ..errors import UnsupportedError
from ..flow.extras import Progress
from . import show


@dataclass(frozen=True)
class Done:
    """What a verb gives: the JSON value, the text for people, the exit code."""

    value: dict[str, Any]
    text: str
    exit_code: int = 0


def train(options: argparse.Namespace, progress: Progress) -> Done:
    value = flow.train(
        options.recipe,
        out=options.out,
        weights=options.weights,
        acts=options.acts,
        dataset=options.dataset,
        epochs=options.epochs,
        seed=options.seed,
        resume=options.resume,
        mean=options.mean,
        std=options.std,
        width=options.width,
        prune=options.prune,
        progress=progress,
    )
    return Done(value, show.trained(value, options.out))


def inspect(options: argparse.Namespace, progress: Progress) -> Done:
    progress("importing", 0, 0)
    try:
        found = flow.inspect(
            options.model,
            folding=options.folding,
            raw_input=options.raw_input,
            input_scale=options.input_scale,
            top=options.top,
        )
    except UnsupportedError as error:
        value = {"error": str(error), "kind": error.kind, "details": error.details}
        return Done(value, show.refused(options.model, error.reasons), error.exit_code)
    return Done(found.json(), show.inspected(found))


def compile(options: argparse.Namespace, progress: Progress) -> Done:
    done = flow.compile(
        options.model,
        out=options.out,
        folding=options.folding,
        raw_input=options.raw_input,
        input_scale=options.input_scale,
        top=options.top,
        fps=options.fps,
        clock_mhz=options.clock_mhz,
        part=options.part,
        board=options.board,
        folder=options.boards,
        style=options.style,
        checkpoints=options.checkpoints,
        progress=progress,
    )
    return Done(done.json(), show.compiled(done))


def run(options: argparse.Namespace, progress: Progress) -> Done:
    outputs = flow.run(options.build, options.input, out=options.out)
    value: dict[str, Any] = {"samples": len(outputs.integers)}
    if options.out is None:
        value["integers"] = outputs.integers.tolist()
        value["floats"] = outputs.floats.tolist()
    else:
        value["files"] = [options.out, str(flow.integers_beside(options.out))]
    return Done(value, show.ran(outputs, value))


def verify(options: argparse.Namespace, progress: Progress) -> Done:
    value = flow.verify(
        options.build,
        engine=options.engine,
        data=options.data,
        samples=options.samples,
        stall=options.stall,
        seed=options.seed,
        weights=options.weights,
        out=options.out,
        progress=progress,
    )
    return Done(value, show.verified(value), 0 if value["ok"] else 1)


def synth(options: argparse.Namespace, progress: Progress) -> Done:
    value = flow.synth(
        options.build,
        part=options.part,
        check=options.check,
        seed=options.seed,
        out=options.out,
        progress=progress,
    )
    check = value.get("check")
    return Done(value, show.synthesised(value), 0 if check is None or check["ok"] else 1)


def boards(options: argparse.Namespace, progress: Progress) -> Done:
    found = flow.boards(options.build, folder=options.boards)
    return Done(found.json(), show.boards(found))


def build(options: argparse.Namespace, progress: Progress) -> Done:
    done = flow.build(
        options.board,
        options.build,
        out=options.out,
        toolchain=options.toolchain,
        clock_mhz=options.clock_mhz,
        seed=options.seed,
        data=options.data,
        samples=options.samples,
        folder=options.boards,
        files_only=options.files_only,
        progress=progress,
    )
    return Done(done.json(), show.built(done))


def flash(options: argparse.Namespace, progress: Progress) -> Done:
    done = flow.flash(
        options.board,
        options.build,
        source=options.source,
        xvc=options.xvc,
        cable=options.cable,
        timeout=options.timeout,
        folder=options.boards,
        self_test=options.self_test,
        port=options.port,
        progress=progress,
    )
    return Done(done.json(), show.flashed(done), 0 if done.ok else 1)


def drive(options: argparse.Namespace, progress: Progress) -> Done:
    done = flow.drive(
        options.board,
        options.build,
        options.input,
        out=options.out,
        source=options.source,
        transport=options.transport,
        port=options.port,
        self_test=options.self_test,
        samples=options.samples,
        weights=options.weights,
        folder=options.boards,
        progress=progress,
    )
    return Done(done.json(), show.driven(done), 0 if done.ok else 1)


def doctor(options: argparse.Namespace, progress: Progress) -> Done:
    value = flow.doctor()
    return Done(value, show.examined(value), 0 if value["ok"] else 3)
