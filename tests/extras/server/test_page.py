"""The page: everything it needs comes from the server, it may load nothing else, its parts fit together, and a browser
can speak with it.
"""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest

from pockettts_np import TTSModel, export_model_state
from pockettts_np.server.http.guard.access import access
from tests.support.live_server import PATIENCE_SECONDS, get, make_service, post, served

PAGE = resources.files("pockettts_np.server.http") / "page"
FILES = sorted(path.name for path in PAGE.iterdir())
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.feed((PAGE / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


ELEMENTS = Elements().found
IDS = [attributes["id"] for _, attributes in ELEMENTS if "id" in attributes]


def test_the_page_is_served(server):
    got = get(server)
    assert got.status_code == 200
    assert got.text == (PAGE / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(server, name):
    got = get(f"{server}/page/{name}")
    assert got.content == (PAGE / name).read_bytes()
    assert got.headers["content-type"].startswith(TYPES[name.rpartition(".")[2]])
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/app.py", "/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py"]
)
def test_nothing_else_is(server, path):
    assert get(server + path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/health", "/nothing"])
def test_the_browser_may_load_nothing_from_elsewhere(server, path):
    headers = get(server + path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"unsafe|\*|https?:", headers["content-security-policy"])
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host(name):
    text = (PAGE / name).read_text(encoding="utf-8")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", text.replace("http://www.w3.org/2000/svg", "")) == []


def test_the_markup_holds_no_script_and_no_style():
    for tag, attributes in ELEMENTS:
        assert tag != "style"
        assert tag != "script" or "src" in attributes
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_address_is_relative_to_the_page():
    """So that a proxy may show it anywhere."""
    addresses = [value for _, attributes in ELEMENTS for name, value in attributes.items() if name in ("src", "href")]
    addresses += re.findall(r'fetch\("([^"]*)"', (PAGE / "page.js").read_text(encoding="utf-8"))
    assert len(addresses) == 6
    assert not [address for address in addresses if re.match(r"/|\w+:", address)]


@pytest.mark.parametrize("base", ["/speech", "/apps/speech"])
def test_a_proxy_may_show_the_page_under_a_path(model, base):
    """`location /speech/ { proxy_pass http://127.0.0.1:8000; }`: the path comes along, the Host and the name do not."""
    headers = {"Origin": "https://site.example", "Sec-Fetch-Site": "same-origin"}
    with served(make_service(model), access=access(root_path=f"{base}/")) as url:
        moved = get(url + base)
        assert moved.status_code == 307
        shown = urljoin(url + base, moved.headers["location"])
        assert shown == f"{url}{base}/"
        for _, attributes in ELEMENTS:
            if address := attributes.get("src") or attributes.get("href"):
                assert get(urljoin(shown, address), headers=headers).status_code == 200
        assert get(urljoin(shown, "v1/audio/voices"), headers=headers).status_code == 200
        assert post(urljoin(shown, "tts"), data={"text": "Hi."}, headers=headers).status_code == 200
        assert get(f"{url}/health").status_code == 200  # as behind a proxy that takes the path away
        assert get(f"{url}/speechless/health").status_code == 404


def test_the_spectrogram_shows_the_levels_of_the_sound():
    """Against NumPy's transform."""
    node = shutil.which("node") or pytest.skip("There is no node; install it from the system's packages.")
    samples = np.random.default_rng(0).uniform(-1, 1, 512) * np.linspace(0, 1, 512) ** 4
    module = (PAGE / "spectrogram.js").read_text(encoding="utf-8")
    program = f"{module}\nconsole.log(JSON.stringify([...levels(Float32Array.from({samples.tolist()}), 170)]))"
    done = subprocess.run([node, "--input-type=module"], input=program, capture_output=True, text=True, check=True)
    power = np.abs(np.fft.rfft(samples * np.hanning(513)[:512])[:170] * 4 / 512) ** 2
    want = np.clip(np.rint(255 * (10 * np.log10(power) + 85) / 75), 0, 255)
    assert np.abs(json.loads(done.stdout) - want).max() <= 1


def test_every_control_has_a_label():
    labelled = {attributes["for"] for tag, attributes in ELEMENTS if tag == "label"}
    controls = {attributes["id"] for tag, attributes in ELEMENTS if tag in ("input", "select", "textarea")}
    assert controls == labelled
    assert any(attributes.get("role") == "status" for _, attributes in ELEMENTS)
    assert all("alt" in attributes for tag, attributes in ELEMENTS if tag == "img")
    assert ("html", {"lang": "en"}) in ELEMENTS
    assert any(attributes.get("name") == "viewport" for _, attributes in ELEMENTS)


def test_the_script_and_the_markup_know_the_same_elements():
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    used = set(re.findall(r'byId\("([\w-]+)"\)', script))
    assert len(IDS) == len(set(IDS))
    assert used <= set(IDS)
    described = {attributes["aria-describedby"] for _, attributes in ELEMENTS if "aria-describedby" in attributes}
    assert described <= set(IDS)


def test_every_file_is_used():
    texts = {name: (PAGE / name).read_text(encoding="utf-8") for name in FILES}
    for name in FILES:
        others = "".join(text for other, text in texts.items() if other != name)
        assert name == "index.html" or name in others


def test_what_modules_import_is_exported():
    for name in FILES:
        for names, module in re.findall(r'import \{ ([\w, ]+) \} from "\./([\w.]+)"', (PAGE / name).read_text("utf-8")):
            exported = set(re.findall(r"export (?:class|function) (\w+)", (PAGE / module).read_text("utf-8")))
            assert set(names.split(", ")) <= exported


def test_the_server_tells_the_page_what_it_reads(server):
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    (fields,) = re.findall(r"const \{ (.*) \} = await response\.json\(\)", script)
    wanted = {field.partition(":")[0] for field in fields.split(", ")}
    assert wanted <= set(get(f"{server}/v1/audio/voices").json())


def test_a_person_can_use_it_in_a_browser(tmp_path):
    """Type, hear, stop, download, upload a voice: tools.check.page, where Chromium and playwright are installed."""
    pytest.importorskip("playwright", reason="pip install playwright")
    chromium = shutil.which("chromium") or pytest.skip("There is no chromium; install it from the system's packages.")
    model = TTSModel.load_model("builtin")  # which can be heard
    voice, screenshot = tmp_path / "voice.safetensors", tmp_path / "page.png"
    export_model_state(model.get_default_voice(), voice)
    root, tool = Path(__file__).parents[3], [sys.executable, "-m", "tools.check.page"]
    with served(make_service(model)) as url:
        command = [*tool, url, "--chromium", chromium, "--screenshot", screenshot, "--upload", voice]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=4 * PATIENCE_SECONDS)
    assert done.stdout.endswith("The page works.\n"), done.stdout + done.stderr
    assert "of speech\n" in done.stdout.partition("upload:")[2]
    assert screenshot.read_bytes().startswith(b"\x89PNG")
