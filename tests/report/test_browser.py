"""Pages in a real browser: they load without an error, run nothing foreign, and fit a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitrill import flow
from browser import Browser, browser
from compile import NETWORKS, drawn_model
from report.test_build_page import HOSTILE, MOST_BYTES, hostile, page

MOST_SECONDS = 2.0
"""CPU seconds of the page's thread in which it must be parsed and laid out."""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    driver = shutil.which("chromedriver")
    if driver is None or not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no chromium with its driver (apt-get install chromium chromium-driver)")
    with browser(driver) as started:
        yield started


@pytest.fixture(scope="module")
def file(small_compiled: flow.Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on which every name is hostile."""
    made = page(hostile(small_compiled.build), digest=HOSTILE)
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(made.html())
    return path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_a_page_opens(chrome: Browser, file: Path, width: int, dark: bool) -> None:
    chrome.show(width, dark=dark)
    chrome.open(file)
    assert 0 < chrome.busy() < MOST_SECONDS
    assert chrome.messages() == []
    assert chrome.run("return document.documentElement.scrollWidth") == width
    assert chrome.run("return document.querySelector('h1').textContent") == HOSTILE
    assert chrome.run("return document.documentElement.classList.contains('scripted')") is True


def test_headings_sort_and_names_light_up(chrome: Browser, file: Path) -> None:
    chrome.open(file)
    luts = "[...document.querySelectorAll('#layers tbody td:nth-child(2)')].map(c => +c.dataset.v)"
    before = chrome.run(f"return {luts}")
    chrome.run("document.querySelectorAll('#layers thead th')[1].click()")
    assert chrome.run(f"return {luts}") == sorted(before, reverse=True)  # pyright: ignore
    chrome.run(
        "document.querySelector('#layers tbody tr')"
        ".dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))"
    )
    assert chrome.run("return document.querySelectorAll('.lit').length > 1") is True


def test_a_foreign_script_does_not_run(chrome: Browser, file: Path) -> None:
    """The policy stops a script even if it got into the page."""
    planted = file.with_name("planted.html")
    text = file.read_text().replace("<main", "<script>window.ran = 1</script><main")
    planted.write_text(text)
    chrome.open(planted)
    assert chrome.run("return window.ran === undefined") is True
    assert any("Content Security Policy" in m for m in chrome.messages())


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["tfc", "cnv", "resnet8"])
def test_networks_of_the_field(chrome: Browser, tmp_path: Path, name: str) -> None:
    """Their pages are small, and there at once."""
    network = NETWORKS[name]
    build = flow.compile(drawn_model(network), out=tmp_path / "b", fps=network.fps).build
    done = flow.report(build)
    assert done.size < MOST_BYTES
    chrome.show(390)
    chrome.open(done.file)
    assert 0 < chrome.busy() < MOST_SECONDS
    assert chrome.messages() == []
    assert chrome.run("return document.documentElement.scrollWidth") == 390
