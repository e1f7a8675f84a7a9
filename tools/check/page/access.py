"""Who can use the page: by keys alone, with a screen reader, on a phone, in the dark, as an app."""

from pathlib import Path

from playwright.sync_api import Page, expect

from .browser import PATIENCE_MS, PHONE, TEXT, speak

ORDER = ["insert-pause", "open", "text", "voices", "settings", "speak", "play", "seek", "words", "download", "volume"]


def check(page: Page, axe: Path | None) -> None:
    check_keys(page)
    check_installable(page)
    for details in ("voices", "settings", "api", "keys"):
        page.click(f"#{details} summary")
    speak(page, TEXT * 2)
    expect(page.locator("#status")).to_have_text("Done.", timeout=PATIENCE_MS)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        if axe:
            check_axe(page, axe, scheme)
    check_phone(page)


def check_keys(page: Page) -> None:
    """The keyboard alone speaks, stops and reaches everything, in the order in which it stands."""
    page.fill("#text", TEXT)
    page.focus("#text")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#words .lit")).to_be_visible(timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    assert page.inner_text("#status") == "Stopped."
    page.focus("#insert-pause")
    reached = []
    for _ in range(len(ORDER) + 2):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
        page.keyboard.press("Tab")
    assert [name for name in reached if name in ORDER] == ORDER, f"the keyboard reaches {reached}"


def check_installable(page: Page) -> None:
    """The browser would install the page as an app."""
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["url"].endswith("/page/app.webmanifest")
    assert manifest["errors"] == []
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error for error in found if error["errorId"] != "in-incognito"] == []


def check_axe(page: Page, axe: Path, scheme: str) -> None:
    page.evaluate(axe.read_text(encoding="utf-8"))  # not as a script of the page, which its policy forbids
    found = page.evaluate("axe.run()")
    for violation in found["violations"]:
        for node in violation["nodes"]:
            print(f"axe, {scheme}: {violation['help']}: {node['html']}")
    assert not found["violations"], "axe finds what shuts people out"
    print(f"axe, {scheme}: {len(found['passes'])} rules passed")


def check_phone(page: Page) -> None:
    """Nothing is wider than a small screen."""
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "the page is wider than a phone"
