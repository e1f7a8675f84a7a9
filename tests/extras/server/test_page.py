"""The page: everything it needs comes from the server, it may load nothing else, its parts fit together, and a browser
can speak with it.
"""

import base64
import io
import json
import posixpath
import re
import shutil
import struct
import subprocess
import sys
import wave
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np import TTSModel, export_model_state
from pockettts_np.server.http.guard.access import access
from tests.support.live_server import PATIENCE_SECONDS, get, make_service, post, served

PAGE = Path(str(resources.files("pockettts_np.server.http") / "page"))
TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
FILES = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.*"))
TEXTS = {name: (PAGE / name).read_text(encoding="utf-8") for name in FILES if not name.endswith(".png")}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}
MANIFEST = json.loads(TEXTS["app.webmanifest"])


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.feed(TEXTS["index.html"])

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


ELEMENTS = Elements().found
IDS = [attributes["id"] for _, attributes in ELEMENTS if "id" in attributes]


def test_the_page_is_served(server):
    got = get(server)
    assert got.status_code == 200
    assert got.text == TEXTS["index.html"]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(server, name):
    got = get(f"{server}/page/{name}")
    assert got.content == (PAGE / name).read_bytes()
    assert got.headers["content-type"].startswith(TYPES[name.rpartition(".")[2]])
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [*("/page/", "/page/data", "/page/app.py", "/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py")],
)
def test_nothing_else_is(server, path):
    assert get(server + path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/health", "/nothing"])
def test_the_browser_may_load_nothing_from_elsewhere(server, path):
    headers = get(server + path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for kind in ("script", "style", "connect", "worker", "manifest"):
        assert policy[f"{kind}-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"unsafe|\*|https?:", headers["content-security-policy"])
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", TEXTS)
def test_no_file_names_another_host(name):
    text = TEXTS[name].replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", text) == []


def test_the_markup_holds_no_script_and_no_style():
    for tag, attributes in ELEMENTS:
        assert tag != "style"
        assert tag != "script" or "src" in attributes
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_address_is_relative_to_the_page():
    """So that a proxy may show it anywhere."""
    addresses = [value for _, attributes in ELEMENTS for name, value in attributes.items() if name in ("src", "href")]
    asked = re.findall(r'\bask\("([^"]*)"', TEXTS["data/server.js"])
    assert set(asked) == {"v1/audio/voices", "tts"}
    assert not [name for name, text in SCRIPTS.items() if "fetch(" in text and name != "data/server.js"]
    assert not [address for address in addresses + asked if re.match(r"/|\w+:", address)]


def test_the_page_can_be_installed_as_an_app():
    """Also where a proxy shows it under a path: all its addresses are relative to the manifest."""
    home = "https://site.example/speech/"
    (manifest,) = [attributes["href"] for _, attributes in ELEMENTS if attributes.get("rel") == "manifest"]
    address = urljoin(home, manifest)
    assert urljoin(address, MANIFEST["start_url"]) == urljoin(address, MANIFEST["scope"]) == home
    sizes = {}
    for icon in MANIFEST["icons"]:
        path = PAGE.parent / urljoin(address, icon["src"]).removeprefix(home)
        assert path.is_file()
        assert icon["type"] == TYPES[path.suffix[1:]]
        if path.suffix == ".png":
            width, height = struct.unpack(">II", path.read_bytes()[16:24])
            sizes[icon["sizes"]] = f"{width}x{height}"
    assert sizes == {"192x192": "192x192", "512x512": "512x512"}  # what browsers want of an app


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
    samples = np.random.default_rng(0).uniform(-1, 1, 512) * np.linspace(0, 1, 512) ** 4
    levels = run("listen/spectrum.js", f"[...levels(Float32Array.from({samples.tolist()}), 170)]")
    power = np.abs(np.fft.rfft(samples * np.hanning(513)[:512])[:170] * 4 / 512) ** 2
    want = np.clip(np.rint(255 * (10 * np.log10(power) + 85) / 75), 0, 255)
    assert np.abs(np.array(levels) - want).max() <= 1


def run(module, expression):
    """The value of an expression of JavaScript that uses names of a module of the page."""
    node = shutil.which("node") or pytest.skip("There is no node; install it from the system's packages.")
    program = f"{SCRIPTS[module]}\nconsole.log(JSON.stringify({expression}));"
    done = subprocess.run([node, "--input-type=module"], input=program, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 200), max_size=12), st.booleans())
@example([], True)
@example(list(range(1500)), True)  # a byte at a time
@example([43, 44, 45, 46, 47], False)
def test_the_page_reads_a_speech_however_it_is_cut(cuts, as_events):
    """A WAV, or events with a WAV inside: the same samples and words from pieces of any size."""
    samples = np.arange(-40, 40, dtype=np.int16) * 300
    words = [{"word": "Grüße", "start": 0.1, "end": 0.2}, {"word": "dir.", "start": 0.25, "end": 0.5}]
    body = recording_of(samples)
    if as_events:
        sounds = [body[:50], body[50:51], body[51:], b""]
        told = [[], words[:1], [], words[1:]]
        events = [
            {"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode(), "words": some}
            for sound, some in zip(sounds, told, strict=True)
        ]
        lines = [
            f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in [*events, {"type": "speech.audio.done"}]
        ]
        body = "".join(lines).encode()
    edges = [0, *sorted({cut for cut in cuts if cut < len(body)}), len(body)]
    pieces = [list(body[begin:end]) for begin, end in pairwise(edges)]
    kind = "text/event-stream; charset=utf-8" if as_events else "audio/wav"
    expression = f"""await (async () => {{
      const stream = new ReadableStream({{ start(controller) {{
        for (const piece of {pieces}) controller.enqueue(Uint8Array.from(piece));
        controller.close();
      }} }});
      const found = {{ samples: [], words: [], rates: [] }};
      for await (const piece of pieces(new Response(stream, {{ headers: {{ "Content-Type": "{kind}" }} }}))) {{
        found.samples.push(...piece.samples);
        found.words.push(...piece.words);
        found.rates.push(piece.rateHz);
      }}
      return found;
    }})()"""
    found = run("data/stream.js", expression)
    assert found["samples"] == samples.tolist()
    assert found["words"] == (words if as_events else [])
    assert found["rates"][-1] == 24_000


def recording_of(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(24_000)
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([{"type": "error", "error": {"message": "No memory."}}], "Error: No memory."),
        ([{"type": "speech.audio.delta", "audio": ""}], "TypeError: The events end without the last one."),
    ],
)
def test_the_page_sees_that_a_speech_was_cut(events, sentence):
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    expression = f"""await (async () => {{
      const response = new Response({json.dumps(body)}, {{ headers: {{ "Content-Type": "text/event-stream" }} }});
      try {{
        for await (const piece of pieces(response)) piece;
      }} catch (error) {{
        return String(error);
      }}
    }})()"""
    assert run("data/stream.js", expression) == sentence


def test_the_file_to_keep_is_what_has_come():
    """Also of a speech longer than the room that is made for it at first."""
    expression = """await (async () => {
      const speech = new Speech({});
      for (let i = 0; i < 400; i += 1) speech.add({ samples: new Int16Array(1000).fill(i), rateHz: 16000, words: [] });
      speech.end();
      const bytes = new Uint8Array(await speech.wav().arrayBuffer());
      return [Buffer.from(bytes).toString("base64"), speech.seconds, [...speech.samples(399_999, 5)]];
    })()"""
    content, seconds, rest = run("data/speech.js", expression)
    with wave.open(io.BytesIO(base64.b64decode(content))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_array_equal(samples, np.repeat(np.arange(400), 1000))
    assert seconds == 25
    assert rest == [399]


def test_a_word_is_lit_from_its_beginning_to_the_next():
    starts = [0.5, 0.5, 1.25, 4.0]
    times = [0.0, 0.49, 0.5, 1.0, 1.25, 3.99, 4.0, 9.0]
    expression = f"""(() => {{
      const speech = new Speech({{}});
      speech.words = {json.dumps([{"word": "a", "start": start} for start in starts])};
      return {times}.map((seconds) => speech.wordAt(seconds));
    }})()"""
    want = [sum(start <= time for start in starts) - 1 for time in times]
    assert run("data/speech.js", expression) == want


WRITTEN = """# A *title*
It costs **$100**, isn't it? 40–60°C … naïve **Be**trag! A é हिन्दी ((x))."""
# Words as the model says them, and what is lit for each where that is another text.
SAID = [
    *("A", "title", "It", "costs", "$100,", "isn't", "it?", "40–60°C …", "naïve", "Betrag!"),
    *("A", "é", "हिन्दी", "((x))."),
]
LIT = {"title": "*title*", "$100,": "**$100**,", "40–60°C …": "40–60°C", "Betrag!": "**Be**trag!"}


def test_words_are_found_in_the_text_with_its_marks():
    """One after the other, as the model says them: without Markdown, and a mark that stands alone with its word."""
    expression = f"""(() => {{
      let rest = {json.dumps(WRITTEN)};
      return {json.dumps(SAID)}.map((word) => {{
        const match = patternOf(word).exec(rest);
        rest = rest.slice(match.index + match[0].length);
        return match[0];
      }});
    }})()"""
    assert run("listen/words.js", expression) == [LIT.get(word, word) for word in SAID]


@given(st.text(min_size=1, max_size=20))
@settings(deadline=None, max_examples=10)
@example("[.*+?^${}()|\\/]")
@example("a-b/c")
def test_any_word_can_be_looked_for(word):
    if word := re.sub(r"[\s\ufeff]", "", word):
        found = run("listen/words.js", f"patternOf({json.dumps(word)}).exec({json.dumps(f'… {word} …')})[0]")
        assert found == word


def test_every_control_has_a_label():
    labelled = {attributes["for"] for tag, attributes in ELEMENTS if tag == "label"}
    labelled |= {attributes["id"] for tag, attributes in ELEMENTS if "id" in attributes and "aria-label" in attributes}
    controls = {attributes["id"] for tag, attributes in ELEMENTS if tag in ("input", "select", "textarea")}
    assert controls <= labelled <= set(IDS)
    assert any(attributes.get("role") == "status" for _, attributes in ELEMENTS)
    assert all("alt" in attributes for tag, attributes in ELEMENTS if tag == "img")
    assert ("html", {"lang": "en"}) in ELEMENTS
    assert any(attributes.get("name") == "viewport" for _, attributes in ELEMENTS)
    assert not [attributes for _, attributes in ELEMENTS if attributes.get("tabindex", "0") != "0"]


def test_the_scripts_and_the_markup_know_the_same_elements():
    used = {name for text in SCRIPTS.values() for name in re.findall(r'byId\("([\w-]+)"\)', text)}
    assert len(IDS) == len(set(IDS))
    assert used <= set(IDS)
    for name in ("aria-describedby", "aria-labelledby", "aria-controls", "data-of"):
        named = {id_ for _, attributes in ELEMENTS for id_ in attributes.get(name, "").split()}
        assert named <= set(IDS)


def test_every_file_is_used():
    for name in FILES:
        others = "".join(text for other, text in TEXTS.items() if other != name)
        assert name == "index.html" or name.rpartition("/")[2] in others


def test_what_modules_import_is_exported():
    n_imports = 0
    for name, text in SCRIPTS.items():
        for names, module in re.findall(r'import \{ ([\w, ]+) \} from "([\w./-]+)"', text):
            other = SCRIPTS[posixpath.normpath(posixpath.join(posixpath.dirname(name), module))]
            exported = set(re.findall(r"export (?:class|const|(?:async )?function\*?) (\w+)", other))
            assert set(names.split(", ")) <= exported
            n_imports += 1
    assert n_imports == sum(text.count("\nimport ") for text in SCRIPTS.values())


def test_the_server_tells_the_page_what_it_reads(server):
    told = get(f"{server}/v1/audio/voices").json()
    wanted = set(re.findall(r"(?<![/\w])server\.(\w+)", TEXTS["page.js"]))
    for name in ("compose/settings.js", "compose/voices.js"):
        (fields,) = re.findall(r"show\(\{ (.*) \}\) \{", TEXTS[name])
        wanted |= {re.match(r"\w+", field)[0] for field in fields.split(", ") if "=" not in field}
    assert {"word_times", "formats", "speeds", "voices", "longest_text"} <= wanted
    assert wanted <= told.keys()
    assert told["word_times"] is False  # of the tiny model
    assert {"wav", "flac"} <= set(told["formats"])
    assert all("language" not in voice for voice in told["voices"])


def test_voices_of_the_catalogue_tell_their_language(model):
    with served(make_service(replace(model, config=replace(model.config, released=True)))) as url:
        voices = {voice["id"]: voice for voice in get(f"{url}/v1/audio/voices").json()["voices"]}
    assert voices["juergen"]["language"] == "german"
    assert voices["alba"]["language"] == "english"
    assert "language" not in voices["default"]


def test_a_person_can_use_it_in_a_browser(tmp_path):
    """Type, hear, stop, download, upload a voice: tools.check.page, where Chromium and playwright are installed."""
    pytest.importorskip("playwright", reason="pip install playwright")
    chromium = shutil.which("chromium") or pytest.skip("There is no chromium; install it from the system's packages.")
    model = TTSModel.load_model("builtin")  # which can be heard
    voice = tmp_path / "voice.safetensors"
    export_model_state(model.get_default_voice(), voice)
    root, tool = Path(__file__).parents[3], [sys.executable, "-m", "tools.check.page"]
    voices = tmp_path / "voices"
    voices.mkdir()
    service = make_service(model, folder=voices)
    with served(service, access=access(api_key="secret"), edits_voices=True) as url:
        command = [*tool, url, "--chromium", chromium, "--screenshots", tmp_path, "--upload", voice, "--key", "secret"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10 * PATIENCE_SECONDS)
    assert done.stdout.endswith("The page works.\n"), done.stdout + done.stderr
    assert "of speech\n" in done.stdout.partition("upload:")[2]
    assert (voices / "voice.safetensors").read_bytes() == voice.read_bytes()
    assert (tmp_path / "page_phone.png").read_bytes().startswith(b"\x89PNG")
