"""A page in headless Chromium, spoken to through a pipe: what it says, asks for and looks like."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--remote-debugging-pipe"),
)
_AT_ITS_PIPES = """
import fcntl, os, sys
own = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for number, each in enumerate(own, 3):
    os.dup2(each, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads from 3 and writes to 4."""


class Page:
    """An open page."""

    def __init__(self, process: subprocess.Popen[bytes], say: int, hear: int) -> None:
        self._process, self._say, self._hear = process, say, hear
        self._rest, self._number = b"", 0
        self.events: list[dict[str, Any]] = []
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": target, "flatten": True}
        self._session = self._ask("Target.attachToTarget", attach)["sessionId"]
        for each in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{each}.enable")

    def ask(self, method: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
        """What a command gives."""
        return self._ask(method, parameters, self._session)

    def open(self, file: Path, width: int = 1280, scheme: str = "light", height: int = 900) -> None:
        """Show a file, at a width and in a colour scheme."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.ask("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", {"features": features})
        self.events.clear()
        self.ask("Page.navigate", {"url": file.resolve().as_uri()})
        while not any(each["method"] == "Page.loadEventFired" for each in self.events):
            self._hear_one()

    def value(self, expression: str) -> Any:
        """What JavaScript gives; the page itself may run none."""
        asked = {"expression": expression, "returnByValue": True}
        return self.ask("Runtime.evaluate", asked)["result"]["value"]

    def picture(self, file: Path) -> None:
        """Write a PNG of all of it."""
        asked = {"captureBeyondViewport": True}
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", asked)["data"]))

    def printed(self, file: Path) -> None:
        """Write a PDF of it."""
        asked = {"printBackground": True, "preferCSSPageSize": True}
        file.write_bytes(base64.b64decode(self.ask("Page.printToPDF", asked)["data"]))

    def complaints(self) -> list[object]:
        """What was said on the console, and what was asked for besides the page itself."""
        said = [
            each["params"]
            for each in self.events
            if each["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")
            or each["method"] == "Runtime.exceptionThrown"
        ]
        urls = [
            each["params"]["request"]["url"]
            for each in self.events
            if each["method"] == "Network.requestWillBeSent"
        ]
        return [*said, *urls[1:]]

    def _ask(
        self, method: str, parameters: Mapping[str, object] | None = None, session: str = ""
    ) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            asked["sessionId"] = session
        os.write(self._say, json.dumps(asked).encode() + b"\0")
        while True:
            heard = self._hear_one()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                found: dict[str, Any] = heard["result"]
                return found

    def _hear_one(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._hear, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        if "method" in heard:
            self.events.append(heard)
        return heard


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with an empty page, which ends with the block."""
    assert CHROMIUM is not None
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    pipes = [str(their_in), str(their_out)]
    options = [*_OPTIONS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_ITS_PIPES, *pipes, CHROMIUM, *options],
        pass_fds=(their_in, their_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_in)
    os.close(their_out)
    try:
        yield Page(process, our_out, our_in)
    finally:
        process.terminate()
        process.wait(20)
        os.close(our_out)
        os.close(our_in)
