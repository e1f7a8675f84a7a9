"""A file of a Hugging Face model repository: its name, what the hub says of it, its place in the cache.

The cache: `models--owner--repo/` holds `blobs/HASH`, `snapshots/COMMIT/path` as links to them, and
`refs/REVISION` with the commit that a branch had when last asked; locks are under `.locks/`.
"""

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..files.locks import locked
from ..files.usage import inode
from ..files.writing import beside, sync_file, sync_folder
from ..settings import expanded, is_on, offline_switch, setting, unquoted
from .download import digest, download
from .errors import AccessError, CorruptError, HubError, NetworkError, NotFoundError
from .http import Remote, check_address, open_url, patiently

if TYPE_CHECKING:
    from email.message import Message
    from http.client import HTTPResponse

logger = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")  # of an owner or a repository
_REVISION_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]{0,198}[A-Za-z0-9_+-])?")
_OTHER_KINDS = {"datasets", "spaces", "models", "kernels", "buckets"}
FORMS = "a path, hf://owner/repo/path, hf://owner/repo/path@revision, or an http(s) address"


def _hf_home() -> Path:
    home = setting("HF_HOME")
    return expanded(home) if home else expanded(setting("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def hub_cache() -> Path:
    """The folder that every Hugging Face tool shares. FileNotFoundError: nothing says where it is."""
    folder = setting("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    return expanded(folder) if folder else _hf_home() / "hub"


def _endpoint() -> str:
    endpoint = (setting("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    check_address(endpoint, "HF_ENDPOINT")
    return endpoint


def token() -> str | None:
    """The user's own, from the environment or the file that `hf auth login` writes."""
    if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        return None
    found, source = setting("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), "HF_TOKEN"
    if found is None:
        with contextlib.suppress(OSError):
            path = setting("HF_TOKEN_PATH")
            file = expanded(path) if path else _hf_home() / "token"
            source = str(file)
            found = file.read_text(encoding="utf-8", errors="replace")
    found = unquoted(found or "")
    if found and not re.fullmatch(r"[!-~]+", found):
        raise ValueError(f"{source} holds characters that no token has (a space, a line break?). Copy it again.")
    return found or None


@dataclass(frozen=True)
class HubFile:
    """A file of a model repository, cached in the layout of the Hugging Face hub."""

    owner: str
    repo: str
    path: str
    revision: str

    @classmethod
    def parse(cls, uri: str) -> "HubFile":
        before, at, revision = uri.removeprefix("hf://").partition("@")
        owner, repo, path = [*before.split("/", 2), "", ""][:3]
        revision = revision if at else "main"
        if any(not _NAME.fullmatch(name) or "--" in name or ".." in name for name in (owner, repo)):
            problem = "it names no owner and repository"
        elif owner in _OTHER_KINDS:
            problem = f"only model repositories can be fetched, not {owner}"
        elif any(
            not part or part[-1] in ". " or len(part.encode("utf-8", "replace")) > 200 for part in path.split("/")
        ):
            problem = "the path has a part that is empty, too long, or ends in a dot or space"
        elif not path.isprintable() or re.search(r'[\\:*?"<>|]', path) or len(path) > 1000:
            problem = "the path has characters that not every system can store, or is too long"
        elif len(revision) > 200 or any(
            not _REVISION_PART.fullmatch(part) or ".." in part for part in revision.split("/")
        ):
            problem = "the revision is no branch, tag or commit"
        else:
            return cls(owner, repo, path, revision)
        raise ValueError(f"{uri[:300]!r} cannot be fetched: {problem}. Expected {FORMS}.")

    @property
    def is_fixed(self) -> bool:
        """Whether the revision is a commit, so that the name means this content for ever."""
        return _COMMIT.fullmatch(self.revision) is not None

    @property
    def shown(self) -> str:
        return f"{self.path} of {self.owner}/{self.repo} at {self._shown_revision}"

    @property
    def _shown_revision(self) -> str:
        return self.revision[:10] if self.is_fixed else self.revision

    @staticmethod
    def root() -> Path:
        return hub_cache()

    @property
    def _folder_name(self) -> str:
        return f"models--{self.owner}--{self.repo}"

    def _pointer(self, commit: str) -> Path:
        return hub_cache() / self._folder_name / "snapshots" / commit / self.path

    def _blob(self, content_hash: str) -> Path:
        return hub_cache() / self._folder_name / "blobs" / content_hash

    def _ref(self) -> Path:
        return hub_cache() / self._folder_name / "refs" / self.revision

    def cached(self) -> Path | None:
        with contextlib.suppress(FileNotFoundError):  # there is no home folder
            commit = self.revision if self.is_fixed else _read_ref(self._ref())
            return self._pointer(commit) if commit and self._pointer(commit).is_file() else None
        return None

    def drop_damaged(self) -> None:
        """Takes the file out of the cache where its hash is not the one that it came with."""
        pointer = self.cached()
        if pointer is None:
            return
        blob = pointer.resolve()
        wanted = blob.name if _DIGEST.fullmatch(blob.name) else self._told_digest()
        if wanted is None or digest(pointer, len(wanted)) == wanted:
            return
        logger.warning("%s was damaged in the cache, and is no longer there.", self.shown)
        pointer.unlink()
        self._blob(wanted).unlink(missing_ok=True)  # where there are no links, it may be the same file

    def _told_digest(self) -> str | None:
        """What the hub says, where no link leads to a name that is the hash; None: it cannot be asked."""
        if offline_switch():
            return None
        try:
            return self._resolve(1)[1].digest
        except HubError as error:
            logger.info("%s is not checked for damage. %s", self.shown, error)
            return None

    def size_bytes(self) -> int | None:
        """What the hub says; None where it does not."""
        return self._resolve(None)[1].size_bytes

    def fetch(self, n_tries: int | None) -> Path:
        try:
            commit, remote = self._resolve(n_tries)
        except (NetworkError, AccessError) as error:
            if cached := self.cached():
                logger.warning("%s The file in the cache is used.", error)
                return cached
            raise
        pointer = self._pointer(commit)
        if not _is_whole(pointer, remote):
            self._store(remote, pointer)
        if commit != self.revision:
            with contextlib.suppress(OSError):  # a cache that may only be read still serves
                _write_ref(self._ref(), commit)
        return pointer

    def _store(self, remote: Remote, pointer: Path) -> None:
        blob = self._blob(str(remote.digest))
        with locked(hub_cache() / ".locks" / self._folder_name / f"{remote.digest}.lock") as is_locked:
            if not _is_whole(blob, remote):
                blob.parent.mkdir(parents=True, exist_ok=True)
                blob.unlink(missing_ok=True)
                download(remote, blob, is_locked, PurePosixPath(self.path).name)
            if not _is_whole(pointer, remote):
                pointer.parent.mkdir(parents=True, exist_ok=True)
                _link(blob, pointer)

    def _resolve(self, n_tries: int | None) -> tuple[str, Remote]:
        """Asks the hub for the commit, the hash and the length, without the content."""
        endpoint, secret = _endpoint(), token()
        base, name = f"{endpoint}/{self.owner}/{self.repo}/resolve", quote(self.path)

        def refusal(status: int, headers: "Message") -> HubError:
            return self._refusal(status, headers.get("X-Error-Code", ""), secret is not None)

        asked = Remote(f"{base}/{quote(self.revision, safe='')}/{name}", self.shown, refusal, secret)
        with patiently(lambda: open_url(asked, "HEAD", follow=_leads_to_answer), n_tries) as response:
            headers = response.headers
            if response.status >= 400:
                raise refusal(response.status, headers)
            commit = headers.get("X-Repo-Commit", "")
            etag = headers.get("X-Linked-Etag") or headers.get("ETag") or ""
            length = headers.get("X-Linked-Size") or ""
            if response.status == 200:
                length = length or headers.get("Content-Length", "")
        content_hash = etag.removeprefix("W/").strip('"')
        if not _COMMIT.fullmatch(commit) or not _DIGEST.fullmatch(content_hash):
            raise HubError(
                f"{endpoint} answers for {self.shown} without the commit and the hash that a Hugging Face "
                "hub sends. Check HF_ENDPOINT and the proxy settings."
            )
        if commit != self.revision and self.is_fixed:
            raise CorruptError(f"{endpoint} answers for {self.shown} with the commit {commit}. Check HF_ENDPOINT.")
        size_bytes = int(length) if re.fullmatch(r"\d{1,18}", length) else None
        return commit, Remote(f"{base}/{commit}/{name}", self.shown, refusal, secret, size_bytes, content_hash)

    def _refusal(self, status: int, code: str, has_token: bool) -> HubError:
        page, tokens = f"{_endpoint()}/{self.owner}/{self.repo}", f"{_endpoint()}/settings/tokens"
        if status == 401 and not has_token:
            return AccessError(
                f"{self.shown} is only for users who are logged in, or does not exist (HTTP 401). Accept "
                f"the terms at {page}, make a token at {tokens}, and set HF_TOKEN to it."
            )
        if status == 401:
            return AccessError(
                f"The hub does not accept your token for {self.shown} (HTTP 401). Make a new one at "
                f"{tokens}, set HF_TOKEN to it, and accept the terms at {page}."
            )
        if status == 403:
            return AccessError(
                f"Your account has no access to {self.shown} (HTTP 403). Accept the terms at {page}, and "
                f"let the token in HF_TOKEN read gated repositories at {tokens}."
            )
        if status == 404:
            missing = {
                "EntryNotFound": f"{self.owner}/{self.repo} has no file {self.path} at {self._shown_revision}",
                "RevisionNotFound": f"{self.owner}/{self.repo} has no revision {self.revision}",
            }.get(code, f"There is no {self.shown}")
            return NotFoundError(f"{missing} (HTTP 404). Compare with the files listed at {page}/tree/main.")
        return HubError(f"The hub refuses {self.shown} (HTTP {status}). See whether {page} opens in a browser.")


def cached_files(wanted: Iterable[HubFile]) -> list[Path]:
    """What the cache holds of these files alone: their names, and every blob that no other name leads to."""
    folders = {hub_cache() / file._folder_name for file in wanted}
    names = {name for file in wanted if (name := file.cached())}
    others = {name for folder in folders for name in folder.glob("snapshots/**/*") if name.is_file()} - names
    alone = set(map(inode, names)) - set(map(inode, others))
    blobs = {blob for folder in folders for blob in folder.glob("blobs/*") if blob.is_file() and inode(blob) in alone}
    return sorted(names | blobs)


def _leads_to_answer(response: "HTTPResponse", same_origin: bool) -> bool:
    """Whether to follow: not on to the content's own server once the hub has said what it is."""
    return same_origin or "X-Repo-Commit" not in response.headers


def _is_whole(path: Path, remote: Remote) -> bool:
    return path.is_file() and remote.size_bytes in (None, path.stat().st_size)


def _read_ref(path: Path) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        commit = path.read_text(encoding="ascii").strip()
        return commit if _COMMIT.fullmatch(commit) else None
    return None


def _write_ref(path: Path, commit: str) -> None:
    if _read_ref(path) == commit:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside(path) as aside:  # a link in its place is replaced, not followed
        aside.write_text(commit, encoding="ascii")
        aside.replace(path)


def _link(blob: Path, pointer: Path) -> None:
    """Makes `pointer` show the blob: a relative link, or where the system has none a hard link or a copy."""
    with beside(pointer) as aside:
        try:
            aside.symlink_to(os.path.relpath(blob, pointer.parent))
        except (OSError, NotImplementedError):
            try:
                aside.hardlink_to(blob)
            except (OSError, NotImplementedError):
                shutil.copyfile(blob, aside)
                sync_file(aside)
        aside.replace(pointer)
        sync_folder(pointer.parent)
