"""form.py and the bodies around it: what is too large is refused before it is taken apart, and what is taken apart
takes a time in proportion to its size.
"""

import json
import tempfile
import time
from contextlib import suppress

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.server.http.requests import form as forms
from pockettts_np.server.http.requests.form import UploadedFile, media_type, multipart_form, urlencoded_form
from pockettts_np.server.limits import Limits, Refusal
from tests.support.live_server import get, make_service, post, raw_connection, recording, served

MEGABYTE = 1_000_000
SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}


def sent(data=None, files=None):
    """A form as a client writes it: its body, and its boundary."""
    request = httpx.Request("POST", "http://x", data=data, files=files)
    return bytearray(request.read()), media_type(request.headers["content-type"])[1]


@settings(max_examples=30)
@given(st.text(), st.binary(), st.text(st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=32)))
def test_a_form_comes_out_as_it_went_in(text, content, name):
    body, boundary = sent(data={"text": text}, files={"voice_wav": (f"a{name}b", content)})
    form = multipart_form(body, boundary, 10_000)
    assert form["text"] == text.replace("\r\n", "\n")
    assert form["voice_wav"].content == content
    assert urlencoded_form(sent(data={"text": text})[0]) == {"text": form["text"]}


@given(st.binary(max_size=300) | st.text(alphabet='-xyz\r\n:;= "', max_size=300).map(str.encode))
def test_any_bytes_are_a_form_or_a_refusal(content):
    for body in (content, b"--x\r\n" + content, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + content):
        for take_apart in (urlencoded_form, lambda body: multipart_form(body, "x", 100)):
            with suppress(Refusal):
                assert isinstance(take_apart(bytearray(body)), dict)


def test_the_name_of_a_file_may_be_in_any_letters():
    body = b'--x\r\nContent-Disposition: form-data; name="voice_wav"; %s\r\n\r\nsound\r\n--x--'
    for name in ('filename="grüße.wav"', "filename*=utf-8''gr%C3%BC%C3%9Fe.wav"):
        form = multipart_form(bytearray(body % name.encode()), "x", 100)
        assert form == {"voice_wav": UploadedFile("grüße.wav", b"sound")}


def test_letters_that_are_not_escaped_are_read_as_utf_8(server):
    """As curl -d sends them."""
    assert urlencoded_form(bytearray("text=Grüße+aus %C3%96l".encode())) == {"text": "Grüße aus Öl"}
    for body in (b"text=\xff", b"text=%ff"):
        with pytest.raises(Refusal, match="not UTF-8"):
            urlencoded_form(bytearray(body))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([b"nothing"], "headers of a part are missing"),
        ([b"Content-Type: text/plain\r\n\r\nhello"], 'no Content-Disposition with a "name"'),
        ([b"Content-Disposition: form-data; name=a; x=" + b"x" * 5000 + b"\r\n\r\nhello"], "too long"),
        ([b'Content-Disposition: form-data; name="a"\r\n\r\nhello'] * 21, "Too many fields"),
        ([b'Content-Disposition: form-data; name="a"; filename="a"\r\n\r\nhello'] * 2, "Too many files"),
        ([b'Content-Disposition: form-data; name="a"\r\n\r\n\xff'], "'a' is not UTF-8"),
        ([b'Content-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 101], "'a' has 101 bytes; wanted at most 100"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(parts, why):
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    with pytest.raises(Refusal, match=why):
        multipart_form(bytearray(body), "x", 100)


HOSTILE = {
    "boundaries": b"--x\r\n" * 4_000_000,
    "line ends": b"\r\n" * 10_000_000,
    "nearly boundaries": b"\r\n--" * 5_000_000,
    "returns": b"--x\r\nContent-Disposition: form-data; name=voice_wav; filename=a\r\n\r\n" + b"\r" * 20_000_000,
    "quotes": b"--x\r\n" + b'content-disposition: form-data; name="' + b'\\";' * 6_000_000,
    "headers": b"--x\r\n" + b"a: b\r\n" * 3_000_000 + b"\r\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_form_takes_no_longer_than_an_honest_one(case):
    begin = time.process_time()
    with pytest.raises(Refusal):
        multipart_form(bytearray(HOSTILE[case]), "x", 130_000)
    assert time.process_time() - begin < 1  # by the letter, in Python, it would be more than ten


# Through the server


def test_a_line_break_is_one_character_though_browsers_send_two(model):
    text = "Hi.\r\n" * 20 + "a" * 20  # 100 characters to who has typed it
    with served(make_service(model, Limits(text_characters=100))) as url:
        for content, status in ((text, 200), (text + "a", 400)):
            assert post(f"{url}/tts", data={"text": content}).status_code == status
            assert post(f"{url}/tts", files={"text": (None, content)}).status_code == status


def big(kind, n_bytes):
    """A request with so large a field."""
    if kind == "json":
        return {"content": json.dumps(SPEECH | {"input": "a" * n_bytes}), "path": "/v1/audio/speech"}
    if kind == "urlencoded":
        headers = {"Content-Type": forms.URLENCODED}
        return {"content": b"text=" + b"%" * n_bytes, "headers": headers, "path": "/tts"}
    return {"files": {"text": (None, b"a" * n_bytes)}, "path": "/tts"}


@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
@pytest.mark.parametrize("n_bytes", [MEGABYTE, 19 * MEGABYTE])
def test_a_text_over_the_limit_is_refused_before_it_is_parsed(server, monkeypatch, kind, n_bytes):
    def parse(*args, **options):
        raise AssertionError("it was parsed")

    request = big(kind, n_bytes)
    monkeypatch.setattr("pockettts_np.server.http.requests.form.parse_qsl", parse)
    monkeypatch.setattr("pockettts_np.server.service.require_characters", parse)
    got = post(server + request.pop("path"), **request)
    assert got.status_code == 413
    assert "bytes" in got.text


@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
def test_others_are_served_while_too_much_is_sent(server, kind):
    request = big(kind, 130_000)  # what may just be sent
    begin = time.process_time()
    assert post(server + request.pop("path"), **request).status_code in (400, 413)
    assert time.process_time() - begin < 1
    assert get(f"{server}/health").status_code == 200


def test_a_chunked_text_is_cut_at_the_limit(server):
    head = f"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Type: {forms.URLENCODED}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"%" * 0x10000 + b"\r\n"
    with raw_connection(server, head.encode() + 3 * chunk) as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_an_upload_needs_no_writable_folder(model, monkeypatch, tmp_path):
    """As in a container whose file system is read-only."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    sound = recording(30)
    assert len(sound) > MEGABYTE
    with served(make_service(model, Limits(n_workers=1))) as url:
        assert post(f"{url}/tts", data={"text": "Hi."}, files={"voice_wav": ("a.wav", sound)}).status_code == 200


def test_a_content_type_that_is_too_long_is_named():
    with pytest.raises(Refusal, match="Its Content-Type is longer than 4000 characters"):
        media_type(f"multipart/form-data; boundary={'x' * 5000}")
