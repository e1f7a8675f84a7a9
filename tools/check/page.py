"""Use the server's page as a person would, in headless Chromium: type, listen while it streams, stop, download.

pip install playwright; Chromium from the system's packages, or its path in --chromium.

    pockettts-np serve --language builtin &
    python -m tools.check.page http://127.0.0.1:8000 --screenshot docs/page.png
"""

import argparse
import io
import sys
import wave
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect, sync_playwright

TEXT = "Hello world. This speech is played while it is made, and drawn while it is played."
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
]
# What is given to the loudspeaker: pieces, samples, peak, and how many pieces came before the stream had ended.
LISTEN = """
window.heard = {pieces: 0, samples: 0, peak: 0, early: 0};
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  const samples = this.buffer.getChannelData(0);
  heard.pieces += 1;
  heard.samples += samples.length;
  heard.peak = Math.max(heard.peak, samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
  heard.early += document.getElementById("keep").hidden;
  return start.apply(this, when);
};
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--screenshot", type=Path)
    parser.add_argument("--upload", type=Path, help="a recording, or a saved voice, that the model can use")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 640, "height": 840})
        problems = watch(page, args.url)
        page.add_init_script(LISTEN)
        page.goto(args.url)
        expect(page.locator("#voice option").first).to_be_attached()
        speak(page)
        expect(page.locator("#status")).to_have_text("Done.", timeout=60_000)
        check_speech(page)
        if args.screenshot:
            args.screenshot.parent.mkdir(exist_ok=True)
            page.screenshot(path=args.screenshot, full_page=True)
        check_second_player(page)
        check_stop(page)
        check_reload(page)
        check_error(page, problems)
        if args.upload:
            page.set_input_files("#upload", args.upload)
            speak(page)
            expect(page.locator("#status")).to_have_text("Done.", timeout=60_000)
            print("upload:", page.inner_text("#length"), "of speech")
        check_phone(page)
        browser.close()
    if problems:
        sys.exit("\n".join(problems))
    print("The page works.")


def watch(page: Page, url: str) -> list[str]:
    """Collect what must not happen: errors in the page, and requests to any other host."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"error in the page: {error}"))
    page.on("console", lambda message: message.type == "error" and problems.append(f"console: {message.text}"))

    def see(address: str) -> None:
        if urlsplit(address).netloc != urlsplit(url).netloc and not address.startswith("blob:"):
            problems.append(f"request to another host: {address}")

    page.on("request", lambda request: see(request.url))
    return problems


def speak(page: Page) -> None:
    page.fill("#text", TEXT)
    page.click("#speak")


def check_speech(page: Page) -> None:
    """Samples have reached the loudspeaker while more were coming, and the file to keep is the same speech."""
    heard = page.evaluate("heard")
    print(f"first sound {page.inner_text('#first')}, {page.inner_text('#length')} of speech, heard {heard}")
    assert heard["early"] > 1, "nothing sounded before the stream had ended"
    assert heard["peak"] > 0.05, "the speech is silent"
    with page.expect_download() as download:
        page.click("#download")
    with wave.open(io.BytesIO(Path(download.value.path()).read_bytes())) as file:
        assert file.getnframes() == heard["samples"], "the file and what was heard differ in length"
    bright = page.evaluate(
        "[...document.getElementById('spectrogram').getContext('2d').getImageData(0, 0, 1000, 192).data]"
        ".filter((value, i) => i % 4 === 0 && value > 150).length"
    )
    assert bright > 1000, "the spectrogram is empty"


def check_second_player(page: Page) -> None:
    """The player of the whole speech silences what still sounds."""
    page.fill("#text", TEXT)
    page.click("#speak")
    expect(page.locator("#status")).to_contain_text("Speaking")
    expect(page.locator("#keep")).to_be_visible(timeout=60_000)  # it has come, and still sounds
    assert page.is_enabled("#stop")
    page.evaluate("document.getElementById('audio').play()")
    expect(page.locator("#status")).to_have_text("Done.")
    assert page.is_disabled("#stop"), "the speech sounds twice"


def check_stop(page: Page) -> None:
    """Stopping silences the page at once, it keeps what has come, and it can speak again."""
    page.evaluate("heardBefore = heard.samples")
    page.fill("#text", TEXT * 20)
    page.click("#speak")
    expect(page.locator("#status")).to_contain_text("Speaking")
    page.click("#stop")
    assert page.inner_text("#status") == "Stopped."
    samples = page.evaluate("heard.samples")
    page.wait_for_timeout(500)
    assert page.evaluate("heard.samples") == samples, "speech came after Stop"
    assert page.is_enabled("#speak")
    with page.expect_download() as download:
        page.click("#download")
    with wave.open(io.BytesIO(Path(download.value.path()).read_bytes())) as file:
        assert file.getnframes() == samples - page.evaluate("heardBefore"), "what had come was not kept"


def check_reload(page: Page) -> None:
    """A text outlives the page."""
    page.fill("#text", "My own words.")
    page.reload()
    expect(page.locator("#voice option").first).to_be_attached()
    assert page.input_value("#text") == "My own words."


def check_error(page: Page, problems: list[str]) -> None:
    """A refusal is shown as a sentence."""
    n_before = len(problems)
    page.fill("#text", "[pause:nonsense]")
    page.click("#speak")
    expect(page.locator("#status")).to_have_class("error")
    print("error:", page.inner_text("#status"))
    assert "pause" in page.inner_text("#status"), "the refusal is not shown"
    del problems[n_before:]  # the browser reports the status 400, as it should


def check_phone(page: Page) -> None:
    """Nothing is wider than a small screen."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page is wider than a phone"


if __name__ == "__main__":
    main()
