"""A headless browser for tests of pages: WebDriver (W3C 2018) over HTTP, without a library."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
"""Seconds in which the driver and the browser must start on a busy machine."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)

Json = dict[str, object]


class Browser:
    """A session of a driver at ``url``."""

    def __init__(self, url: str):
        options = {"args": list(ARGUMENTS)}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        body = {"capabilities": {"alwaysMatch": wanted}}
        self._url = url
        self._session = _call(f"{url}/session", body)["sessionId"]  # pyright: ignore

    def _do(self, command: str, body: Json | None = None) -> object:
        return _call(f"{self._url}/session/{self._session}/{command}", body)

    def open(self, page: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.devtools("Performance.disable")
        self.devtools("Performance.enable", timeDomain="threadTicks")
        self._do("url", {"url": page.resolve().as_uri()})

    def run(self, script: str) -> object:
        """Return what a script returns."""
        return self._do("execute/sync", {"script": script, "args": []})

    def messages(self) -> list[str]:
        """Return what the console has shown since the last call."""
        found = self._do("se/log", {"type": "browser"})
        return [str(entry["message"]) for entry in found]  # pyright: ignore

    def devtools(self, command: str, **parameters: object) -> object:
        """Call a command of the DevTools protocol."""
        return self._do("goog/cdp/execute", {"cmd": command, "params": parameters})

    def busy(self) -> float:
        """Return the CPU seconds that the page's thread has taken since it was opened."""
        found = self.devtools("Performance.getMetrics")
        return next(m["value"] for m in found["metrics"] if m["name"] == "TaskDuration")  # pyright: ignore

    def show(self, width: int, *, dark: bool = False) -> None:
        """Set the width of the window and the colour scheme."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", media="screen", features=scheme)

    def screenshot(self, file: Path) -> None:
        """Write the whole page as a PNG file."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))  # pyright: ignore

    def close(self) -> None:
        request = urllib.request.Request(f"{self._url}/session/{self._session}", method="DELETE")
        with urllib.request.urlopen(request, timeout=START_SECONDS):
            pass


def _call(url: str, body: Json | None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from error


@contextmanager
def browser(driver: str) -> Iterator[Browser]:
    """Start a driver, the program at ``driver``, with a browser, and end both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        _await(port)
        opened = Browser(f"http://127.0.0.1:{port}")
        try:
            yield opened
        finally:
            opened.close()
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _await(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the driver of the browser did not start")
