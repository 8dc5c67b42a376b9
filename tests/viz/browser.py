"""A headless Chromium for tests, spoken to over a pipe in its own DevTools protocol: no driver, no port, no network."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
IS_MISSING = CHROMIUM is None and not os.environ.get("TEST_BROWSER")
"""Whether tests are skipped; `make test-pages` asks for a browser, and then they fail without one."""


class Browser:
    """One page in a browser of its own. ``requests`` are the addresses that it asked for, ``errors`` what it threw."""

    def __init__(self, *, home: Path, width: int = 1200, height: int = 1000) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self._in, self._out = ours_in, ours_out
        self._read, self._number = b"", 0
        self.requests: list[str] = []
        self.errors: list[str] = []

        def hand_over() -> None:  # Chromium reads from 3 and writes to 4
            kept = os.dup(theirs_in), os.dup(theirs_out)
            for descriptor, wanted in zip(kept, (3, 4), strict=True):
                os.dup2(descriptor, wanted)

        self._process = subprocess.Popen(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                "--no-first-run", "--disable-background-networking", f"--user-data-dir={home}",
                f"--window-size={width},{height}", "about:blank",
            ],
            preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        pages = self._call("Target.getTargets", {}, session=None)["targetInfos"]
        page = next(one["targetId"] for one in pages if one["type"] == "page")
        attached = self._call("Target.attachToTarget", {"targetId": page, "flatten": True}, session=None)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol to the page and return its result."""
        return self._call(method, parameters, session=self._session)

    def open(self, path: Path, *, dark: bool = False) -> None:
        """Show a file, and wait until its scripts have run."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=path.as_uri())
        for _ in range(200):
            if self.run("document.readyState") == "complete" and self.run("location.protocol") == "file:":
                break
            time.sleep(0.05)
        self.screenshot()  # until a first picture is drawn, Chromium drops what a mouse does
        self.settle()

    def settle(self) -> None:
        """Wait for the next frames to be drawn."""
        frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
        self.call("Runtime.evaluate", expression=frames, awaitPromise=True)

    def run(self, expression: str) -> Any:
        """Return the value of an expression of the page's."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def move(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.settle()

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)
        self.settle()

    def tap(self, x: float, y: float) -> None:
        """Touch the page there, and let go."""
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def screenshot(self) -> bytes:
        """Return a PNG of what is seen."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _call(self, method: str, parameters: dict[str, Any], *, session: str | None) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return heard["result"]
            if heard.get("method") == "Network.requestWillBeSent":
                self.requests.append(heard["params"]["request"]["url"])
            if heard.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(json.dumps(heard["params"])[:500])

    def _next(self) -> Any:
        while b"\0" not in self._read:
            assert select.select([self._in], [], [], 60)[0], "the browser says nothing"
            read = os.read(self._in, 2**20)
            assert read, "the browser has ended"
            self._read += read
        first, _, self._read = self._read.partition(b"\0")
        return json.loads(first)
