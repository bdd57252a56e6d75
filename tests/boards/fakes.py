"""A toolchain that needs no tools, for tests of what stands around toolchains."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bitrill_boards.project import Progress, Project, ToolchainResult

BITSTREAM = b"\x55" * 64


class FakeToolchain:
    """A toolchain that calls ``act`` instead of tools; it may write files, or raise."""

    def __init__(self, act: Callable[[Project], None] | None = None):
        self.act, self.runs = act, 0

    def files(self, project: Project) -> Mapping[str, str]:
        return {"pins.txt": f"{project.board.part} {project.clock_mhz}\n"}

    def readme(self, project: Project) -> str:
        return "## Bitstream by magic\n\nNothing to do.\n"

    def make(self, project: Project, progress: Progress) -> ToolchainResult:
        self.runs += 1
        progress("routing", 1, 2)
        if self.act is not None:
            self.act(project)
        (project.folder / "bitrill.bit").write_bytes(BITSTREAM)
        (project.folder / "report.txt").write_text("fine\n")
        return ToolchainResult("bitrill.bit", 123.456, {"lut": (10, 100)}, ("report.txt",))
