"""A real browser, driven over its DevTools protocol."""

import base64
import itertools
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from devnet.processes import start

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--remote-debugging-port=0",
    "--window-size=1100,1000",
)  # fmt: skip
SECONDS = 60


class Page:
    """One tab. `complaints`: what the browser wrote to its console, policy violations among it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command of the protocol."""
        asked = next(self._ids)
        self._socket.send(json.dumps({"id": asked, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(SECONDS))
            if message.get("id") == asked:
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(message["params"]))

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        """Go there, and wait until all of it is loaded."""
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === '{url}' && document.readyState === 'complete'")

    def wait_for(self, condition: str) -> None:
        """Until a script's condition holds; what the page shows instead is in the error."""
        holds = self.run(
            f"new Promise(done => {{ const end = Date.now() + {SECONDS * 1000 - 2000}; "
            f"const look = () => {{ if ({condition}) done(true); "
            "else if (Date.now() > end) done(false); else setTimeout(look, 20); }; look() })"
        )
        assert holds, f"never {condition}; the page says: {self.run('document.body.innerText')}"

    def photograph(self, file: Path) -> None:
        """A picture of the whole page, for a person to look at."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def wait_for_file(self, file: Path) -> None:
        """Until the browser has saved it; it has another name before it is whole."""
        end = time.monotonic() + SECONDS
        while not file.exists():
            assert time.monotonic() < end, f"{file} never came: {list(file.parent.iterdir())}"
            time.sleep(0.02)

    def print(self, file: Path) -> int:
        """The page as a PDF, by its own print style; how many sheets that takes."""
        answer = self.call("Page.printToPDF", preferCSSPageSize=True)
        pdf = base64.b64decode(answer["data"])
        file.write_bytes(pdf)
        return len(re.findall(rb"/Type /Page\b", pdf))


@contextmanager
def open_page(folder: Path) -> Iterator[Page]:
    """A tab of a browser of its own, with an empty profile in `folder`."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail(f"no browser is installed: install one of {', '.join(NAMES)}")
    told = folder / "profile" / "DevToolsActivePort"
    options = [*OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    browser = start("chromium", [program, *options], folder)
    try:
        browser.wait_until(lambda: told.exists() and len(told.read_text().split()) == 2, 60)
        port, path = told.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as socket:
            socket.send('{"id": 0, "method": "Target.getTargets"}')
            targets = json.loads(socket.recv(SECONDS))["result"]["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        url = f"ws://127.0.0.1:{port}/devtools/page/{target}"
        with connect(url, max_size=None) as socket:
            yield Page(socket)
    finally:
        browser.stop()
