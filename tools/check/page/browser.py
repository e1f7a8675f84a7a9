"""What all checks of the page need: the browser's flags, what reaches its loudspeaker, and a few gestures."""

import io
import wave
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

TEXT = "Hello world. This speech is played while it is made, and drawn while it is played."
DESK = {"width": 720, "height": 900}
PHONE = {"width": 360, "height": 740}
PATIENCE_MS = 60_000
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
]
# What is given to the loudspeaker: pieces, samples, peak, how many pieces came before the stream had ended, the volume;
# and which words were lit.
LISTEN = """
window.heard = {pieces: 0, samples: 0, peak: 0, early: 0, volume: 1, lit: []};
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  const samples = this.buffer.getChannelData(0);
  heard.pieces += 1;
  heard.samples += samples.length;
  heard.peak = Math.max(heard.peak, samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
  heard.early += document.getElementById("pace").textContent === "–";
  return start.apply(this, when);
};
const turn = AudioParam.prototype.setTargetAtTime;
AudioParam.prototype.setTargetAtTime = function (level, ...when) {
  heard.volume = level;
  return turn.call(this, level, ...when);
};
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.matches(".lit")) heard.lit.push(target.textContent);
}).observe(document, { attributes: true, attributeFilter: ["class"], subtree: true });
"""


def opened(context: BrowserContext, url: str, key: str | None) -> Page:
    """The page, once it knows the server's voices; it asks for the key where the server wants one."""
    page = context.new_page()
    page.goto(url)
    if key:
        expect(page.locator("#status")).to_contain_text("API key")
        page.fill("#key", key)
        page.keyboard.press("Tab")
    wait_for_voices(page)
    return page


def wait_for_voices(page: Page) -> None:
    expect(page.locator("#voice-list input").first).to_be_attached()


def watch(page: Page, url: str) -> list[str]:
    """Collect what must not happen: errors in the page, and requests to any other host."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"error in the page: {error}"))

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text} {message.location}")

    page.on("console", hear)

    def see(address: str) -> None:
        if urlsplit(address).netloc != urlsplit(url).netloc and not address.startswith("blob:"):
            problems.append(f"request to another host: {address}")

    page.on("request", lambda request: see(request.url))
    return problems


def speak(page: Page, text: str = TEXT) -> None:
    """Have a text spoken, and wait for its beginning."""
    page.fill("#text", text)
    page.click("#speak")
    expect(page.locator("#status")).to_have_text("Speaking …", timeout=PATIENCE_MS)


def wait_until_made(page: Page) -> None:
    """Wait until all of the speech has come; it may sound on."""
    expect(page.locator("#pace")).not_to_have_text("–", timeout=PATIENCE_MS)


def position(page: Page) -> float:
    """Seconds of the speech that have sounded."""
    return float(page.evaluate("document.getElementById('seek').valueAsNumber"))


def downloaded(page: Page) -> bytes:
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.click("#download")
    return Path(download.value.path()).read_bytes()


def n_samples(wav: bytes) -> int:
    with wave.open(io.BytesIO(wav)) as file:
        return file.getnframes()
