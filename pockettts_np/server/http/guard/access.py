"""Who may use the server, and from which pages: what its owner says, judged before anybody asks."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import Scope

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\*]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(:[0-9]*)?", re.IGNORECASE)
_KEY = re.compile(r"[!-~]+")
_ROOT_PATH = re.compile(r"(/[\w.~%-]+)+", re.ASCII)
_EVERY_EXTENSION = re.compile(r"([a-z]+-extension://\*)/?", re.IGNORECASE)
EVERY_SITE = "*"
NO_SITE = "null"
_DEFAULT_PORTS = {"http": "80", "https": "443"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Access:
    """What callers must know, and where they may come from."""

    api_key: str | None = None  # as a bearer token
    origins: frozenset[str] = frozenset()  # other sites whose pages may use this server; "*" is every one
    hosts: frozenset[str] | None = None  # names of this server, beside its numbers; None: any
    proxies: tuple[Network, ...] = ()  # whose X-Forwarded-… is believed
    root_path: str = ""  # under which a proxy shows this server, with / before and none behind
    open_lists: bool = False  # models and voices are listed for those without the key, too

    def is_proxy(self, address: str) -> bool:
        """Whether this is a proxy of the server's owner."""
        with suppress(ValueError):
            return any(ipaddress.ip_address(address) in network for network in self.proxies)
        return False

    def allows_page(self, origin: str) -> bool:
        """Whether the pages of another site may use this server."""
        scheme = origin.partition("://")[0]
        return not self.origins.isdisjoint((origin, EVERY_SITE, f"{scheme}://*"))

    def knows_host(self, host: str) -> bool:
        """Whether a Host header means this server.

        A browser that a stranger's name has led here (DNS rebinding) says that name. Numbers are not looked up, so
        nobody can lead them elsewhere.
        """
        if self.hosts is None:
            return True
        name = name_of(host)
        return name in self.hosts or is_number(name)


def access(
    api_key: str | None = None,
    origins: Iterable[str] = (),
    hosts: Iterable[str] = (),
    proxies: Iterable[str] = (),
    root_path: str = "",
    open_lists: bool = False,
) -> Access:
    """What these words of the server's owner mean. ValueError: one of them could never work.

    Without a key, the server answers to its numbers, to this machine's name and to the names of `hosts` and `origins`.
    With one, to any name, unless `hosts` are given: who does not know the key gets nothing.
    """
    sites = frozenset(map(require_origin, origins))
    names = frozenset(map(require_host, hosts))
    if names or api_key is None:
        machine = socket.gethostname().lower()
        names |= {"localhost", machine, f"{machine}.local", *(name_of(site.partition("://")[2]) for site in sites)}
        names -= {"", "*"}
    return Access(
        require_key(api_key) if api_key is not None else None,
        sites,
        names or None,
        tuple(map(require_proxy, proxies)),
        require_root_path(root_path),
        open_lists,
    )


def require_origin(text: str) -> str:
    """A site as browsers write it in Origin; "*" for every one, "null" for files and frames without a site,
    moz-extension://* for every extension of a browser. ValueError: it is none of these."""
    if text.strip() in (EVERY_SITE, NO_SITE):
        return text.strip()
    if match := _EVERY_EXTENSION.fullmatch(text):
        return match[1].lower()
    match = _ORIGIN.fullmatch(text)
    if match is None or int(match[3] or 0) > 65535:
        raise ValueError(
            f"The origin {text[:100]!r} is not a site; wanted one like https://site.example, without a path."
        )
    scheme, name, port = match[1].lower(), _in_ascii(match[2]), match[3]
    return f"{scheme}://{name}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{name}:{int(port)}"


def require_host(text: str) -> str:
    """A name of this server, in small letters. ValueError: it is none."""
    name = _in_ascii(text).removesuffix(".")
    if not (_NAME.fullmatch(name) or is_number(name)):
        raise ValueError(f"The host {text[:100]!r} is not a name; wanted one like speech.example, without a port.")
    return name


def require_key(text: str) -> str:
    """An API key that a header can hold. ValueError: it cannot, and everybody would be locked out, or nobody."""
    if not text:
        raise ValueError(
            "The API key is empty, which would let everybody in. Give one, or neither --api-key nor POCKETTTS_API_KEY."
        )
    if not _KEY.fullmatch(text):
        raise ValueError(
            "The API key holds a space, a line break or a letter beyond ASCII, which headers cannot carry."
        )
    return text


def require_proxy(text: str) -> Network:
    """The address of a proxy, or a network of them. ValueError: it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        sentence = f"The proxy {text[:100]!r} is not an address; wanted one like 127.0.0.1 or 10.0.0.0/8."
        raise ValueError(sentence) from None


def require_root_path(text: str) -> str:
    """A path without its last slash. ValueError: it is none."""
    path = text.rstrip("/")
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValueError(f"The root path {text[:100]!r} is not a path; wanted one like /speech, in ASCII.")
    return path


def name_of(host: str) -> str:
    """The name or the number in HOST, HOST:PORT or [HOST]:PORT, in small letters; '' where it is none of these."""
    match = _HOST.fullmatch(host)
    return match[1].lower().strip("[]").removesuffix(".") if match else ""


def is_same_site(origin: str, host: str) -> bool:
    """Whether a page of `origin` came from the server that is called `host`."""
    scheme, _, place = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return bool(place) and place.removesuffix(f":{port}") == host.lower().removesuffix(f":{port}")


def client_of(scope: Scope) -> str:
    """The address of whoever is connected."""
    return str((scope.get("client") or ("nobody", 0))[0])


def is_number(name: str) -> bool:
    """Whether this is an IP address."""
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False


def _in_ascii(name: str) -> str:
    """A name as browsers send it. A name that cannot be sent stays as it is."""
    with suppress(UnicodeError):
        return name.lower() if name.isascii() else name.encode("idna").decode()
    return name
