"""access.py and guard.py: who may ask, by which name, from which page; what the owner says is judged at once."""

import re
import socket

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.server.http.guard.access import Access, access, is_same_site, require_origin
from tests.support.live_server import get, make_service, post, raw_connection, served

TEXT = {"text": "Hello world."}
SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}
SITE = "https://reader.example"

# What the owner says


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (SITE, SITE),
        ("https://reader.example/", SITE),
        ("HTTPS://Reader.Example:443", SITE),
        ("http://reader.example:8080", "http://reader.example:8080"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http://[::1]:80/", "http://[::1]"),
        ("moz-extension://0f1e2d3c", "moz-extension://0f1e2d3c"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("*", "*"),
        ("null", "null"),
        ("chrome-extension://*", "chrome-extension://*"),
        ("Moz-Extension://*/", "moz-extension://*"),
    ],
)
def test_a_site_is_understood_however_it_is_written(given, sent):
    assert require_origin(given) == sent


WRONG = {
    "a name alone": ({"origins": ["site"]}, "wanted one like https://site.example"),
    "a path": ({"origins": ["https://site/app"]}, "without a path"),
    "half an address": ({"origins": ["http://[bad"]}, "is not a site"),
    "a user": ({"origins": ["http://me@site"]}, "is not a site"),
    "a port beyond all": ({"origins": ["http://site:99999"]}, "is not a site"),
    "an empty site": ({"origins": [""]}, "is not a site"),
    "a wildcard": ({"origins": ["https://*.example"]}, "is not a site"),
    "every site of a scheme": ({"origins": ["https://*"]}, "is not a site"),
    "every host": ({"hosts": ["*"]}, "is not a name"),
    "a host with a port": ({"hosts": ["speech.example:80"]}, "without a port"),
    "a host with a scheme": ({"hosts": ["http://speech.example"]}, "is not a name"),
    "an empty host": ({"hosts": [""]}, "is not a name"),
    "an empty key": ({"api_key": ""}, "is empty"),
    "a key with a line break": ({"api_key": "secret\n"}, "a line break"),
    "a key with a space": ({"api_key": "my secret"}, "a space"),
    "a key in other letters": ({"api_key": "schlüssel"}, "beyond ASCII"),
    "a proxy by name": ({"proxies": ["nginx"]}, "is not an address"),
    "a path without its slash": ({"root_path": "speech"}, "wanted one like /speech"),
    "a path with a query": ({"root_path": "/speech?x"}, "is not a path"),
    "a path of slashes": ({"root_path": "//evil.example"}, "is not a path"),
    "a path beyond ASCII": ({"root_path": "/é"}, "in ASCII"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_could_never_work_is_refused(case):
    options, why = WRONG[case]
    with pytest.raises(ValueError, match=re.escape(why)) as refused:
        access(**options)
    assert "secret" not in str(refused.value)
    assert "schl" not in str(refused.value)


def test_a_path_may_end_in_a_slash():
    assert access(root_path="/").root_path == ""
    assert access(root_path="/apps/speech/").root_path == "/apps/speech"


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://a.example", "a.example", True),
        ("http://a.example", "a.example:80", True),
        ("https://A.example:443", "a.example", True),
        ("http://a.example:8000", "a.example:8000", True),
        ("http://a.example:8000", "a.example", False),
        ("null", "null", False),
        ("", "", False),
        ("http://", "", False),
        ("http://evil.example", "a.example", False),
    ],
)
def test_whose_page_it_is(origin, host, same):
    assert is_same_site(origin, host) == same


# By which name


@pytest.fixture(scope="module")
def open_server(model):
    """Without a key, as when others can reach it."""
    with served(make_service(model), access=access(hosts=["speech.example"], origins=[SITE])) as url:
        yield url


STRANGE_NAMES = ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[", "", "[::1", "a b", "2130706433"]


@pytest.mark.parametrize("host", STRANGE_NAMES)
def test_a_name_that_leads_here_from_elsewhere_is_refused(open_server, host):
    """DNS rebinding: the browser takes the page of evil.example and this server for one site."""
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
        for method, path in (("GET", "/health"), ("GET", "/"), ("POST", "/tts")):
            assert httpx.request(method, open_server + path, headers=headers).status_code == 403
    assert "--allow-host" in get(open_server, headers={"Host": host}).text


def test_the_servers_own_names_are_known(open_server):
    names = ["localhost", "127.0.0.1", "[::1]", "192.168.1.7", socket.gethostname(), f"{socket.gethostname()}.local"]
    for name in [*names, "speech.example", "SPEECH.example.", "reader.example"]:
        for host in (name, f"{name}:8000"):
            assert get(f"{open_server}/health", headers={"Host": host}).status_code == 200, host
    with raw_connection(open_server, b"GET /health HTTP/1.0\r\n\r\n") as connection:  # a balancer that says no name
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_with_a_key_any_name_will_do_unless_names_are_given(model):
    with served(make_service(model), access=access("secret")) as url:
        assert get(f"{url}/health", headers={"Host": "any.example"}).status_code == 200
    with served(make_service(model), access=access("secret", hosts=["speech.example"])) as url:
        assert get(f"{url}/health", headers={"Host": "any.example"}).status_code == 403


def test_only_a_trusted_proxy_says_by_which_name_it_was_asked(model):
    forwarded = {"X-Forwarded-Host": "speech.example, proxy.example", "Origin": "http://speech.example"}
    for proxies, status in ((["127.0.0.1"], 200), (["10.0.0.0/8"], 403), ([], 403)):
        with served(make_service(model), access=access(hosts=["speech.example"], proxies=proxies)) as url:
            assert post(f"{url}/tts", data=TEXT, headers=forwarded).status_code == status
            assert get(f"{url}/health").status_code == 200
            evil = get(f"{url}/health", headers={"X-Forwarded-Host": "evil.example"}).status_code
            assert evil == (403 if status == 200 else 200)


# With which key


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/voices", "/v1/models", "/tts", "/v1/nothing"])
def test_without_the_key_nothing_is_served(model, path):
    method = "POST" if "speech" in path or path == "/tts" else "GET"
    with served(make_service(model), access=access("secret")) as url:
        for sent, why in ((None, "wants its API key"), ("Basic secret", "wants its"), ("Bearer", "wants its")):
            got = httpx.request(method, url + path, headers={"Authorization": sent} if sent else {})
            assert (got.status_code, got.headers["www-authenticate"]) == (401, "Bearer")
            assert why in got.text
        for wrong in ("wrong", "geheim ß", "secret\xff", "s" * 5000):
            got = httpx.request(method, url + path, headers={"Authorization": f"Bearer {wrong}".encode("latin-1")})
            assert got.status_code == 401
            assert "The API key is wrong." in got.text


def test_with_the_key_everything_is_served_and_the_page_asks_for_it(model):
    with served(make_service(model), access=access("secret")) as url:
        with openai.OpenAI(base_url=f"{url}/v1", api_key="secret", max_retries=0) as client:
            assert client.audio.speech.create(**SPEECH).content
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0)
        with client, pytest.raises(openai.AuthenticationError):
            client.audio.speech.create(**SPEECH)
        assert get(f"{url}/").status_code == 200
        assert get(f"{url}/health").status_code == 200


# From which page


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://[", "x", "http://[::1"]
)
def test_pages_of_other_sites_are_refused(server, origin):
    got = post(f"{server}/tts", data=TEXT, headers={"Origin": origin})
    assert (got.status_code, "--allow-origin" in got.text) == (403, True)
    assert get(f"{server}/page/page.js", headers={"Origin": origin}).status_code == 200  # which it may not read
    assert "access-control-allow-origin" not in get(server, headers={"Origin": origin}).headers


def test_the_servers_own_page_may_ask(server):
    assert post(f"{server}/tts", data=TEXT, headers={"Origin": server}).status_code == 200
    hidden = {"Origin": "https://speech.example", "Sec-Fetch-Site": "same-origin"}  # as behind a proxy
    assert post(f"{server}/tts", data=TEXT, headers=hidden).status_code == 200
    for where in ("cross-site", "same-site", "none"):
        assert post(f"{server}/tts", data=TEXT, headers=hidden | {"Sec-Fetch-Site": where}).status_code == 403


def test_an_allowed_site_may_ask(open_server):
    got = post(f"{open_server}/v1/audio/speech", json=SPEECH, headers={"Origin": SITE})
    assert got.status_code == 200
    assert got.headers["access-control-allow-origin"] == SITE
    refused = post(f"{open_server}/v1/audio/speech", json={}, headers={"Origin": SITE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, SITE)  # it can read why
    assert "Origin" in get(open_server).headers["vary"]


def test_an_allowed_site_may_send_what_openais_client_sends(open_server):
    asked = {
        "Origin": SITE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-stainless-lang, x-stainless-retry-count",
        "Access-Control-Request-Private-Network": "true",
    }
    got = httpx.options(f"{open_server}/v1/audio/speech", headers=asked)
    assert got.status_code == 204
    assert got.headers["access-control-allow-origin"] == SITE
    assert got.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
    assert got.headers["access-control-allow-private-network"] == "true"
    got = httpx.options(f"{open_server}/v1/audio/speech", headers=asked | {"Origin": "http://evil.example"})
    assert got.status_code == 403
    assert "access-control-allow-origin" not in got.headers


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [("*", "https://any.example"), ("*", "null"), ("null", "null"), ("moz-extension://*", "moz-extension://0f1e-2d3c")],
)
def test_more_than_a_site_may_be_allowed(model, allowed, origin):
    with served(make_service(model), access=access(origins=[allowed])) as url:
        got = post(f"{url}/v1/audio/speech", json=SPEECH, headers={"Origin": origin})
        assert (got.status_code, got.headers["access-control-allow-origin"]) == (200, origin)
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        got = httpx.options(
            f"{url}/v1/audio/speech", headers=asked | {"Access-Control-Request-Headers": "x-stainless-os"}
        )
        assert (got.status_code, got.headers["access-control-allow-headers"]) == (204, "x-stainless-os")
        if allowed != "*":
            assert post(f"{url}/tts", data=TEXT, headers={"Origin": "https://any.example"}).status_code == 403
        assert get(f"{url}/health", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),  # typed
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "https://evil.example/page"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"{SITE}/page"}, 200),
        ({"Referer": "http://evil.example/"}, 403),
        ({"Referer": "http://[bad"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": SITE}, 200),
    ],
)
def test_a_page_of_another_site_plays_no_sound(open_server, headers, status):
    assert get(f"{open_server}/tts", params=TEXT, headers=headers).status_code == status


def test_a_sound_takes_the_key_in_its_address_and_nothing_else_does(model):
    with served(make_service(model), access=access("secret")) as url:
        assert get(f"{url}/tts", params=TEXT).status_code == 401
        assert get(f"{url}/tts", params=TEXT | {"api_key": "wrong"}).status_code == 401
        assert get(f"{url}/tts", params=TEXT | {"api_key": "secret"}).status_code == 200
        assert post(f"{url}/tts?api_key=secret", data=TEXT).status_code == 401
        assert get(f"{url}/v1/models?api_key=secret").status_code == 401


LISTS = ["/v1/models", "/v1/models/tts-1", "/v1/audio/models", "/v1/audio/voices", "/v1/audio/speech/voices"]


def test_lists_may_be_open_though_speech_needs_the_key(model):
    with served(make_service(model), access=access("secret", open_lists=True)) as url:
        for path in LISTS:
            assert get(url + path).status_code == 200, path
        assert post(f"{url}/v1/audio/speech", json=SPEECH).status_code == 401
        assert post(f"{url}/v1/audio/voices").status_code == 401
        assert get(f"{url}/metrics").status_code == 401
    with served(make_service(model), access=access("secret")) as url:
        for path in [*LISTS, "/metrics", "/v1", "/dev/captioned_speech"]:
            assert get(url + path).status_code == 401, path


# Any headers

ANY = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\x80\x85\xa0"), max_size=40)
ODD = st.sampled_from(
    ["http://[", "[", "]", "://", "http://a:b", "http://a:99999999999", "bearer", "Bearer  x", "*", "%"]
)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "Origin",
                "Host",
                "Authorization",
                "X-Forwarded-Host",
                "X-Forwarded-For",
                "Sec-Fetch-Site",
                "Content-Type",
                "Access-Control-Request-Method",
                "Range",
                "Accept",
                "Cookie",
                "Referer",
                "If-None-Match",
                "If-Modified-Since",
                "Expect",
                "Connection",
                "Upgrade",
            ]
        ),
        ANY | ODD,
        max_size=4,
    ),
    st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT", "PRI"]),
    st.sampled_from(["/", "/tts", "/tts/", "/v1/models/%00", "/page/page.js", "/v1/audio/speech", "//", "/%ff"]),
)
def test_no_header_is_a_fault_of_the_server(proxied, headers, method, path):
    lines = {"Host": "localhost", "Content-Length": "2"} | headers
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with raw_connection(proxied, head.encode("latin-1") + b"\r\n{}") as connection:
        assert connection.recv(12)[9:10] in (b"2", b"4", b"3")


@pytest.fixture(scope="module")
def proxied(model):
    with served(
        make_service(model), access=Access(api_key="secret", proxies=access(proxies=["127.0.0.1"]).proxies)
    ) as url:
        yield url
