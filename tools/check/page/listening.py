"""The speech in the page: it sounds while it comes, can be paused and wound, shows its words, and is kept."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from .browser import PATIENCE_MS, TEXT, downloaded, n_samples, position, speak, wait_until_made


def check(page: Page) -> None:
    check_stream(page)
    check_words(page)
    check_pause(page)
    check_stop(page)
    check_past(page)
    check_formats(page)
    check_long_text(page)


def check_stream(page: Page) -> None:
    """Samples have reached the loudspeaker while more were coming, and the file to keep is the same speech."""
    speak(page)
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    heard = page.evaluate("heard")
    del heard["lit"]
    print(f"first sound {page.inner_text('#first')}, {page.inner_text('#length')} of speech, heard {heard}")
    assert heard["early"] > 1, "nothing sounded before the stream had ended"
    assert heard["peak"] > 0.05, "the speech is silent"
    assert n_samples(downloaded(page)) == heard["samples"], "the file and what was heard differ in length"
    assert brightness(page) > 1000, "the spectrogram is empty"


def brightness(page: Page) -> int:
    """How many pixels of the spectrogram are bright."""
    return int(
        page.evaluate("""() => {
          const shown = document.getElementById("spectrogram");
          const { width, height } = shown.getBoundingClientRect();
          const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
          copy.drawImage(shown, 0, 0, width, height);
          return copy.getImageData(0, 0, width, height).data.filter((value, i) => i % 4 === 0 && value > 150).length;
        }""")
    )


def check_words(page: Page) -> None:
    """Words light up one after the other; a click on one, and the arrow keys, play from it."""
    page.evaluate("heard.lit = []")
    speak(page)
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    words, lit = TEXT.split(), page.evaluate("heard.lit")
    assert page.locator("#words span").all_inner_texts() == words, "not every word can be lit"
    rest = iter(words)
    assert all(word in rest for word in lit), f"the words were lit in another order: {lit}"
    assert len(lit) > len(words) / 2, f"few words were lit: {lit}"
    assert first_lit(page, lambda: page.click("#words >> text=drawn")) == "drawn"
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.focus("#words")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    lit = words.index(page.inner_text("#words .lit"), words.index("drawn"))
    assert first_lit(page, lambda: page.keyboard.press("ArrowLeft")) == words[lit - 1]
    page.keyboard.press("Space")
    page.keyboard.press("Escape")


def first_lit(page: Page, act: Callable[[], None]) -> str:
    """The word that is lit after a gesture."""
    page.evaluate("heard.lit = []")
    act()
    for _ in range(50):
        page.wait_for_timeout(100)
        if lit := page.evaluate("heard.lit"):
            return str(lit[0])
    raise AssertionError("no word was lit")


def check_pause(page: Page) -> None:
    """A pause is silent while more comes, and the speech goes on where it was; the slider winds it."""
    speak(page, TEXT * 3)
    page.wait_for_timeout(500)
    page.click("#play")
    at, pieces = position(page), page.evaluate("heard.pieces")
    assert at > 0
    wait_until_made(page)
    assert position(page) == at, "the speech went on in a pause"
    assert page.evaluate("heard.pieces") == pieces, "something sounded in a pause"
    page.focus("#seek")
    page.keyboard.press("ArrowRight")
    assert abs(position(page) - at - 1) < 0.11, "an arrow key does not wind by a second"
    box = page.locator("#plot").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert abs(position(page) - 5) < 0.5, "a click on the spectrogram does not wind"
    page.focus("#play")
    page.keyboard.press("Space")
    page.wait_for_timeout(500)
    assert position(page) > 5, "it does not go on"
    page.evaluate(
        "const seek = document.getElementById('seek'); seek.value = seek.max - 0.3;"
        "seek.dispatchEvent(new Event('input'))"
    )
    expect(page.locator("#status")).to_have_text("Done.")
    assert page.get_attribute("#play", "aria-label") == "Play"
    page.click("#play")
    page.wait_for_timeout(400)
    assert 0 < position(page) < 2, "a speech that has ended does not begin again"
    page.click("#stop")


def check_stop(page: Page) -> None:
    """Stopping silences the page at once, it keeps what has come, and it can speak again."""
    speak(page, TEXT * 20)
    page.wait_for_timeout(500)
    page.keyboard.press("Escape")
    assert page.inner_text("#status") == "Stopped."
    page.wait_for_timeout(100)
    kept = page.inner_text("#length")
    pieces = page.evaluate("heard.pieces")
    page.wait_for_timeout(500)
    assert page.inner_text("#length") == kept, "speech came after Stop"
    assert page.evaluate("heard.pieces") == pieces, "something sounded after Stop"
    seconds = n_samples(downloaded(page)) / 24_000
    assert seconds > 0.3, "what had come was not kept"
    assert abs(seconds - float(kept.removesuffix(" s"))) < 0.06
    assert "stopped" in page.inner_text("#past li:first-child")


def check_past(page: Page) -> None:
    """What was spoken before can be had back."""
    rows = page.locator("#past li")
    n_rows = rows.count()
    speak(page, "Now another text.")
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    assert rows.count() == n_rows + 1
    length = page.inner_text("#length")
    rows.nth(1).locator("button").click()
    assert page.inner_text("#length") != length
    assert page.evaluate("document.activeElement.ariaCurrent") == "true", "the focus was lost"
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    rows.nth(0).locator("button").click()
    assert page.inner_text("#length") == length
    page.click("#stop")


def check_formats(page: Page) -> None:
    """A whole speech can be had in the server's other formats, and is the same speech."""
    page.click("#settings summary")
    page.select_option("#format", "flac")
    speak(page, "Now another text.")
    wait_until_made(page)
    file = downloaded(page)
    assert file.startswith(b"fLaC"), "the download is no FLAC"
    n_flac = int.from_bytes(file[18:26]) & (1 << 36) - 1  # of its STREAMINFO; 0 where a stream does not tell
    n_wav = round(24_000 * float(page.inner_text("#length").removesuffix(" s")))
    assert n_flac == 0 or abs(n_flac - n_wav) < 2_400, "the file is another speech"
    page.select_option("#format", "wav")
    page.click("#settings summary")
    page.click("#stop") if page.is_enabled("#stop") else None


def check_long_text(page: Page) -> None:
    """Of a long text, the spectrogram shows a part in which words can be told apart, and all of it on demand."""
    speak(page, TEXT * 5)
    wait_until_made(page)
    marks = page.locator("#axis span")
    assert marks.first.inner_text() == "0:00"
    assert marks.last.inner_text() in ("0:09", "0:10")
    page.click("#zoom")
    assert page.get_attribute("#zoom", "aria-pressed") == "true"
    length = float(page.inner_text("#length").removesuffix(" s"))
    minutes, seconds = marks.last.inner_text().split(":")
    assert length - 10 < 60 * int(minutes) + int(seconds) <= length
    page.click("#zoom")
    page.click("#stop")
