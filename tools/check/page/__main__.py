"""Use the server's page as a person would, in headless Chromium: type, listen while it streams, stop, choose, keep.

pip install playwright pillow; Chromium from the system's packages, or its path in --chromium; axe-core's axe.min.js
from npm.

    pockettts-np serve --language builtin &
    python -m tools.check.page http://127.0.0.1:8000 --axe axe.min.js --screenshots docs/images
"""

import argparse
import io
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from . import access, composing, listening
from .browser import DESK, FLAGS, LISTEN, PHONE, TEXT, opened, speak, wait_until_made, watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--screenshots", type=Path, help="a folder for page.png, page_phone.png and page_dark.png")
    parser.add_argument("--upload", type=Path, help="a recording, or a saved voice, that the model can use")
    parser.add_argument("--key", help="the server's API key")
    parser.add_argument("--axe", type=Path, help="axe.min.js, which looks for what shuts people out")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=FLAGS)
        context = browser.new_context(viewport=DESK, color_scheme="light")
        context.add_init_script(LISTEN)
        page = opened(context, args.url, args.key)
        problems = watch(page, args.url)
        listening.check(page)
        composing.check(page, problems, args.upload, args.key)
        access.check(page, args.axe)
        if args.screenshots:
            take_screenshots(browser, args.url, args.key, args.screenshots)
        browser.close()
    if problems:
        sys.exit("\n".join(problems))
    print("The page works.")


def take_screenshots(browser: Browser, url: str, key: str | None, folder: Path) -> None:
    """The page while it speaks: on a desk, in the dark, on a phone. In 128 colours, as files to keep."""
    from PIL import Image

    for name, scheme, size in (("page", "light", DESK), ("page_dark", "dark", DESK), ("page_phone", "light", PHONE)):
        page = opened(browser.new_context(viewport=size, color_scheme=scheme), url, key)
        speak(page, TEXT)
        wait_until_made(page)
        page.click("#words >> text=drawn")
        shown = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        shown.quantize(128, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
