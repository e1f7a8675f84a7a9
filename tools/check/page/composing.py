"""What is asked for: the text, the voice and the settings, remembered, and the same as requests of programs."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import Page, expect

from .browser import PATIENCE_MS, TEXT, speak, wait_for_voices, wait_until_made

VOICES = [("default", None), ("alba", "english"), *((f"voice{i}", "english") for i in range(8)), ("juergen", "german")]


def check(page: Page, problems: list[str], upload: Path | None, key: str | None) -> None:
    check_settings(page)
    check_reload(page)
    check_dropped_text(page)
    check_examples(page, key)
    check_refusal(page, problems)
    if upload:
        check_own_voice(page, upload)
        check_given_voice(page, upload)
    check_many_voices(page, problems)
    check_model_without_times(page)


def check_settings(page: Page) -> None:
    """Speed makes a speech shorter, volume makes it quieter, and fields reach the server."""
    page.click("#settings summary")
    speak(page)
    wait_until_made(page)
    natural = float(page.inner_text("#length").removesuffix(" s"))
    page.click("#stop")
    slide(page, "#speed", 1.5)
    page.fill("#sentence-pause", "0.5")
    page.uncheck("#normalize")
    page.fill("#paragraph-pause", "99")
    page.press("#paragraph-pause", "Tab")
    assert page.input_value("#paragraph-pause") == "0", "a pause that cannot be stays"
    with page.expect_request("**/tts") as request:
        speak(page)
    sent = request.value.post_data_buffer.decode(errors="replace")
    for name, value in (("speed", "1.5"), ("sentence_pause", "0.5"), ("normalize", "false")):
        assert f'name="{name}"\r\n\r\n{value}\r\n' in sent, f"{name} was not sent"
    wait_until_made(page)
    assert float(page.inner_text("#length").removesuffix(" s")) < natural, "a faster speech is not shorter"
    slide(page, "#volume", 50)
    assert page.evaluate("heard.volume") == 0.25
    page.click("#stop")


def slide(page: Page, selector: str, value: float) -> None:
    page.locator(selector).evaluate(
        f"(e) => {{ e.value = {value}; e.dispatchEvent(new Event('input', {{bubbles: true}})) }}"
    )


def check_reload(page: Page) -> None:
    """A text and settings outlive the page."""
    page.fill("#text", "My own words.")
    page.reload()
    wait_for_voices(page)
    assert page.input_value("#text") == "My own words."
    assert page.input_value("#speed") == "1.5"
    assert page.input_value("#volume") == "50"
    assert not page.is_checked("#normalize")
    assert page.inner_text("#chosen-settings") == "1.5 ×, more pauses, as written"
    page.click("#settings summary")
    slide(page, "#speed", 1)
    slide(page, "#volume", 100)
    page.fill("#sentence-pause", "0")
    page.check("#normalize")
    assert page.inner_text("#chosen-settings") == "as usual"


def check_dropped_text(page: Page) -> None:
    """A text file that is dropped becomes the text; another file does not."""
    drop(page, "words.txt", "Grüße aus der Datei.")
    expect(page.locator("#status")).to_have_text("words.txt is in the text.")
    assert page.input_value("#text") == "Grüße aus der Datei."
    drop(page, "words.zip", "a\0b")
    expect(page.locator("#status")).to_have_text("words.zip is no text.")
    page.set_input_files("#file", {"name": "more.md", "mimeType": "text/markdown", "buffer": b"More words."})
    expect(page.locator("#text")).to_have_value("More words.")


def drop(page: Page, name: str, text: str) -> None:
    page.evaluate(
        """([name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [name, text],
    )


def check_examples(page: Page, key: str | None) -> None:
    """What the page shows to copy does what it says."""
    environment = os.environ | ({"POCKETTTS_API_KEY": key} if key else {})
    page.fill("#text", """It's "quoted" – and costs $5.""")
    page.click("#api summary")
    commands = {"curl": ["sh", "-c", page.inner_text("#curl")]}
    if find_spec("openai"):
        commands["openai's client"] = [sys.executable, "-c", page.inner_text("#python")]
    for name, command in commands.items():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(command, cwd=folder, env=environment, check=True, timeout=60)
            assert (Path(folder) / "speech.wav").read_bytes().startswith(b"RIFF"), f"{name} got no WAV"
    page.click("#api summary")


def check_refusal(page: Page, problems: list[str]) -> None:
    """A refusal is shown as a sentence."""
    n_before = len(problems)
    page.click("#voices summary")
    page.set_input_files("#upload", {"name": "bad.safetensors", "mimeType": "", "buffer": b"nothing"})
    expect(page.locator("#chosen-voice")).to_have_text("bad")
    page.click("#speak")
    expect(page.locator("#status")).to_have_class("error")
    print("refusal:", page.inner_text("#status"))
    assert page.inner_text("#status").endswith("."), "the refusal is not shown"
    page.get_by_label("Remove: bad").click()
    expect(page.locator("#chosen-voice")).to_have_text("default")
    page.click("#voices summary")
    del problems[n_before:]  # the browser reports the status 400, as it should


def check_own_voice(page: Page, upload: Path) -> None:
    """A voice of one's own is chosen, speaks, is kept by the browser, and can be removed."""
    page.click("#voices summary")
    page.set_input_files("#upload", upload)
    expect(page.locator("#chosen-voice")).to_have_text(upload.stem)
    speak(page, "Now in my own voice.")
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    print("upload:", page.inner_text("#length"), "of speech")
    page.reload()
    wait_for_voices(page)
    assert page.inner_text("#chosen-voice") == upload.stem, "the voice was not kept"
    page.click("#voices summary")
    page.get_by_label(f"Listen: {upload.stem}").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    page.get_by_label(f"Remove: {upload.stem}").click()
    page.reload()
    wait_for_voices(page)
    assert page.locator("#voice-list legend").all_text_contents() == ["This server"], "the voice was not removed"


def check_given_voice(page: Page, upload: Path) -> None:
    """A voice can be given to a server that takes voices, and is the server's from then on."""
    page.click("#voices summary")
    page.set_input_files("#upload", upload)
    expect(page.locator("#chosen-voice")).to_have_text(upload.stem)
    give = page.get_by_label(f"Give to the server: {upload.stem}")
    if give.count():
        give.click()
        expect(page.locator("#status")).to_have_text(f"{upload.stem} is a voice of the server now.")
        assert page.locator("#voice-list legend").all_text_contents() == ["This server"]
        assert page.inner_text("#chosen-voice") == upload.stem
        page.check("[value=default]")
    else:
        page.get_by_label(f"Remove: {upload.stem}").click()
    page.click("#voices summary")


def check_many_voices(page: Page, problems: list[str]) -> None:
    """Voices stand by language, can be searched for and heard, and the choice is remembered."""
    n_before = len(problems)

    def answer(route) -> None:
        about = route.fetch().json()
        about["voices"] = [{"id": name, "name": name} | ({"language": its} if its else {}) for name, its in VOICES]
        route.fulfill(body=json.dumps(about), content_type="application/json")

    page.route("**/v1/audio/voices", answer)
    page.reload()
    wait_for_voices(page)
    page.click("#voices summary")
    assert page.locator("#voice-list legend").all_text_contents() == ["This server", "English", "German"]
    page.fill("#search", "JUE")
    assert page.locator(".voice:visible label").all_text_contents() == ["juergen"]
    assert page.inner_text("#n-found") == "1 found"
    page.check(".voice:visible input")
    page.fill("#search", "english")
    assert page.locator(".voice:visible").count() == 9
    with page.expect_request("**/tts") as request:
        page.get_by_label("Listen: alba").click()
    assert b'name="voice_url"\r\n\r\nalba\r\n' in request.value.post_data_buffer
    expect(page.locator("#status")).to_contain_text("no voice 'alba'")
    del problems[n_before:]  # the browser reports the status 400: the server has no such voice
    page.reload()
    wait_for_voices(page)
    assert page.inner_text("#chosen-voice") == "juergen"
    page.unroute("**/v1/audio/voices")
    page.reload()
    wait_for_voices(page)
    assert page.inner_text("#chosen-voice") == "default", "a voice that is gone was not replaced"


def check_model_without_times(page: Page) -> None:
    """Where the model does not know when its words are spoken, the page does without them."""

    def answer(route) -> None:
        route.fulfill(body=json.dumps(route.fetch().json() | {"word_times": False}), content_type="application/json")

    page.route("**/v1/audio/voices", answer)
    page.reload()
    wait_for_voices(page)
    speak(page, TEXT)
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    assert page.is_hidden("#words")
    assert page.is_hidden("#words-hint")
    page.unroute("**/v1/audio/voices")
    page.reload()
    wait_for_voices(page)
