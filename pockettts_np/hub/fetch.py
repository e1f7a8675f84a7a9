"""Files by name: a path, hf://owner/repo/path[@revision] or an http(s) address, each to a path on this disk.

hf:// files live in the cache that every Hugging Face tool shares, in its layout and under its environment
variables (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE), so what another tool
has fetched is found here, and the other way round. http(s) files live under `cache_dir()`.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..files.locks import locked
from ..files.memory import File, InMemoryFile
from ..settings import cache_dir, offline_switch
from .cache import FORMS, HubFile, token
from .download import download
from .errors import (
    AccessError,
    HubError,
    NetworkError,
    NotFoundError,
    OfflineError,
    storage_errors,
)
from .http import Remote, check_address, shown_address

if TYPE_CHECKING:
    from email.message import Message

logger = logging.getLogger(__name__)

_SUFFIX = re.compile(r"\.[A-Za-z0-9_-]{1,16}")


def local_path(uri: str | Path) -> Path:
    """The absolute path of the file that `uri` names, fetched first where the cache lacks it.

    The log says what is fetched and its size; inside `reporting(progress)`, `progress(done_bytes, total_bytes or
    None, name)` is called while bytes arrive. A revision that is a full commit hash is fetched once and never asked
    for again; a branch is asked for each time, and the cached file serves where the hub cannot be reached.
    Errors: ValueError for a form that is not known; HubError, an OSError, where fetching fails.
    """
    place = _place(uri)
    return place if isinstance(place, Path) else _fetch(place)


def local_file(source: str | File) -> File:
    """`local_path`, or what is in memory as it is."""
    return source if isinstance(source, InMemoryFile) else local_path(source)


def cached_path(uri: str | Path) -> Path | None:
    """The same path when the file is there already, else None. Never touches the network."""
    place = _place(uri)
    if isinstance(place, Path):
        return place if place.is_file() else None
    return place.cached()


def drop_damaged(uris: Iterable[str | Path]) -> None:
    """Takes out of the cache what does not have the hash that it came with, as the log says; web files have none.

    In a cache without symbolic links, as on Windows, the hub is asked for the hash.
    """
    for place in map(_place, uris):
        if isinstance(place, HubFile):
            with storage_errors(place.root()):
                place.drop_damaged()


def fetch_first(uris: Sequence[str | Path]) -> tuple[Path, int]:
    """The first of `uris` that this user may have, and its index. Name a gated repository before an open one.

    Without a token, an hf:// file before the last comes from the cache or not at all. 401, 403 and 404 pass
    on to the next; where the network fails, only a cached file will do. The error is that of the last tried.
    """
    for index, place in _candidates(uris):
        if isinstance(place, Path):
            return place, index
        spare = next(((p, i) for i, u in enumerate(uris) if i > index and (p := cached_path(u))), None)
        try:
            return _fetch(place, 1 if spare else None), index
        except (AccessError, NotFoundError) as error:
            if index == len(uris) - 1:
                raise
            logger.info("%s", error)
        except (NetworkError, OfflineError) as error:
            if spare is None:
                raise
            logger.info("%s The file in the cache is used instead: %s", error, uris[spare[1]])
            return spare
    raise ValueError("fetch_first got no URI; give it one or more.")


def missing_bytes(uris: Sequence[str | Path]) -> int | None:
    """What `fetch_first(uris)` would fetch now: 0 where the file is here, None where the server tells no size.

    Errors as `fetch_first`.
    """
    refusal = None
    for index, place in _candidates(uris):
        if isinstance(place, Path) or place.cached():
            if refusal:  # else whoever fetches the rest hears of it then
                logger.info("%s", refusal)
            return 0
        try:
            _refuse_offline(place)
            return place.size_bytes()
        except (AccessError, NotFoundError) as error:
            if index == len(uris) - 1:
                raise
            refusal = error
        except (NetworkError, OfflineError):
            if not any(map(cached_path, uris)):
                raise
            return 0
    raise ValueError("missing_bytes got no URI; give it one or more.")


def _candidates(uris: Sequence[str | Path]) -> "Iterator[tuple[int, Path | HubFile | _WebFile]]":
    """The places to try, and their indices: without a token none of the hub that is not cached, but the last."""
    for index, uri in enumerate(uris):
        place = _place(uri)
        is_last = index == len(uris) - 1
        if is_last or not isinstance(place, HubFile) or token() is not None or place.cached() is not None:
            yield index, place


def _place(uri: str | Path) -> "Path | HubFile | _WebFile":
    text = str(uri)
    scheme, separator, _ = text.partition("://")
    if isinstance(uri, Path) or not separator:
        if not text or "\0" in text:
            raise ValueError(f"{text[:300]!r} names no file. Expected {FORMS}.")
        return Path(text).absolute()
    if scheme == "hf":
        return HubFile.parse(text)
    if scheme in ("http", "https"):
        check_address(text, "The address")
        return _WebFile(text)
    raise ValueError(f"The scheme {scheme[:40]!r} is not known. Expected {FORMS}.")


def _fetch(place: "HubFile | _WebFile", n_tries: int | None = None) -> Path:
    found = place.cached()
    if found and (place.is_fixed or offline_switch()):
        return found
    _refuse_offline(place)
    with storage_errors(place.root()):
        return place.fetch(1 if found else n_tries)


def _refuse_offline(place: "HubFile | _WebFile") -> None:
    if switch := offline_switch():
        raise OfflineError(
            f"{place.shown} is not in the cache, and {switch} switches the network off. Fetch it once "
            f"with {switch} unset, or copy the cache from a machine that has it."
        )


@dataclass(frozen=True)
class _WebFile:
    """A file at an http(s) address, cached under the SHA-256 of the address."""

    url: str
    is_fixed = True  # fetched once, whatever the address holds later

    @property
    def shown(self) -> str:
        return shown_address(self.url)

    @staticmethod
    def root() -> Path:
        return cache_dir()

    def _final(self) -> Path:
        suffix = PurePosixPath(urlsplit(self.url).path).suffix
        name = hashlib.sha256(self.url.encode()).hexdigest()
        return cache_dir() / (name + (suffix if _SUFFIX.fullmatch(suffix) else ""))

    def cached(self) -> Path | None:
        with suppress(FileNotFoundError):  # there is no home folder
            return self._final() if self._final().is_file() else None
        return None

    @staticmethod
    def size_bytes() -> int | None:
        return None  # told with the content only

    def fetch(self, n_tries: int | None) -> Path:
        final = self._final()
        with locked(final.with_name(f"{final.name}.lock")) as is_locked:
            if not final.is_file():
                remote = Remote(self.url, self.shown, self._refusal)
                download(remote, final, is_locked, PurePosixPath(self.shown).name)
        return final

    def _refusal(self, status: int, headers: "Message") -> HubError:
        kinds = {401: AccessError, 403: AccessError, 404: NotFoundError, 410: NotFoundError}
        return kinds.get(status, HubError)(
            f"The server refuses {self.shown} (HTTP {status}). See whether it opens in a browser."
        )
