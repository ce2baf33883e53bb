# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: it says nothing in its console, and what it shows is there."""

import json
import shutil
import subprocess
import time
import urllib.request

import pytest

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(
    not (DRIVER and BROWSER), reason="needs chromium and chromedriver (Debian: chromium-driver)"
)

LOOK = """
const inside = [...document.querySelectorAll('svg.chart')].map(e => e.getBoundingClientRect());
const images = [...document.images];
return {
  charts: inside.length,
  drawn: inside.filter(r => r.width > 100 && r.height > 30).length,
  lines: [...document.querySelectorAll('svg.chart path')].map(e => e.getTotalLength()),
  images: images.length,
  loaded: images.filter(i => i.complete && i.naturalWidth > 0).length,
  width: document.documentElement.scrollWidth,
  window: window.innerWidth,
  ground: getComputedStyle(document.body).backgroundColor,
};
"""


class Browser:
    """A session of the WebDriver protocol (www.w3.org/TR/webdriver2), spoken by hand."""

    def __init__(self, port, folder):
        self._base = f"http://127.0.0.1:{port}"
        options = {"binary": BROWSER, "args": [*ARGUMENTS, f"--user-data-dir={folder}"]}
        asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": asked}})
        self._base += f"/session/{found['sessionId']}"

    def open(self, path):
        self._call("POST", "/url", {"url": path.as_uri()})

    def resize(self, width, height):
        self._call("POST", "/window/rect", {"width": width, "height": height})

    def prefer(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self._call("POST", "/goog/cdp/execute", command)

    def run(self, script):
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def console(self):
        return self._call("POST", "/se/log", {"type": "browser"})

    def quit(self):
        self._call("DELETE", "")

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        port = _port(driver)
        session = Browser(port, tmp_path_factory.mktemp("profile"))
        yield session
        session.quit()
    finally:
        driver.terminate()
        driver.wait()


def _port(driver):
    """The port that the driver chose, as it says itself."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        line = driver.stdout.readline()
        if "successfully on port" in line:
            return int(line.rpartition("on port ")[2].strip().rstrip("."))
    raise TimeoutError("chromedriver does not start")


@pytest.fixture(scope="module")
def opened(browser, html, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html, encoding="utf-8")
    browser.open(path)
    return browser


def test_plots_and_images_are_there_and_the_console_is_silent(opened):
    seen = opened.run(LOOK)
    assert seen["charts"] == seen["drawn"] >= 6
    assert sum(length > 10.0 for length in seen["lines"]) >= 8
    assert seen["images"] == seen["loaded"] > 5
    assert opened.console() == []


def test_a_phone_shows_it_without_scrolling_sideways(opened):
    opened.resize(500, 900)  # no window of chromium is narrower
    seen = opened.run(LOOK)
    assert seen["width"] <= seen["window"]
    assert seen["charts"] == seen["drawn"]


def test_it_has_a_night_side(opened):
    opened.prefer("light")
    day = opened.run(LOOK)["ground"]
    opened.prefer("dark")
    assert opened.run(LOOK)["ground"] != day
