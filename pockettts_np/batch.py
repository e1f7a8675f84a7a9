"""Many texts, one run: a manifest of JSON lines in, a folder of sound files and a report out.

Workers are threads that share one copy of the weights, or those of a Dask cluster, each with its own; both run `speak`.
A file counts as finished when the report says that it was made from the same line with the same settings, and it is
still there; a run that was cut off goes on where it was.
"""

import functools
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from .audio.effects import closing_silence, processed
from .audio.encoding import SUFFIXES, format_of, open_sink
from .errors import sentence
from .files.usage import inode
from .files.writing import WRITE_ERRORS, replacing_file
from .hub.catalogue import default_language
from .language.prompts import NO_GAPS, Gaps
from .loading.own_voices import language_of

if TYPE_CHECKING:
    from .loading.voice import VoiceState
    from .model import TTSModel

REPORT_NAME = "report.jsonl"
_SUFFIXES = {suffix[1:]: suffix for suffix in SUFFIXES}  # by format; those without have no header
_CHECK_SECONDS = 1.0
_KEYS: dict[str, Any] = {"text": str, "voice": str, "file": str, "seed": int}


@dataclass(frozen=True)
class Item:
    """A line of the manifest: what to say, in which voice (None: the model's default), into which file and format."""

    text: str
    file: str
    format: str = "wav"
    voice: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Settings:
    """What all items share: arguments of `TTSModel.load_model`, what the texts are, and how they are to be heard."""

    model: tuple[tuple[str, Any], ...] = ()
    speed: float = 1.0
    rate_hz: int | None = None
    ssml: bool = False
    gaps: Gaps = NO_GAPS
    loudness: float | None = None

    def key(self, item: Item) -> str:
        """Tells apart what would sound, or be stored, differently."""
        return hashlib.sha256(json.dumps([asdict(self), asdict(item)], sort_keys=True).encode()).hexdigest()[:16]


def read_manifest(path: str | os.PathLike[str], format: str = "wav") -> list[Item]:
    """The items of a file of JSON lines such as {"text": "Hello.", "voice": "alba", "file": "a.wav", "seed": 1}.

    Only the text is required. A file has the format of its ending; without a name it is numbered by line and has the
    format `format`. Blank lines are skipped.
    ValueError: a line that is not such an object, a file outside the folder, two of the same name, or no UTF-8.
    """
    items: dict[str, Item] = {}
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            item = _read_item(line, f"{path}, line {number}", number, format)
            if item.file in items:
                raise ValueError(f"{path}, line {number}: the file {item.file} is named by an earlier line too.")
            items[item.file] = item
    if not items:
        raise ValueError(f"{path} holds no lines; wanted one JSON object with a text on each.")
    return list(items.values())


def _lines(path: str | os.PathLike[str]) -> Iterator[str]:
    with open(path, encoding="utf-8-sig") as lines:  # noqa: PTH123
        try:
            yield from lines
        except UnicodeDecodeError as error:
            wrong = f"byte {error.object[error.start]:#04x}"
            raise ValueError(f"{path} is not UTF-8 text ({wrong}); convert it first.") from None


def _read_item(line: str, where: str, number: int, format: str) -> Item:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise ValueError(f'{where} is not a JSON object such as {{"text": "Hello."}}.')
    if unknown := sorted(set(table) - set(_KEYS)):
        raise ValueError(f"{where} has the key {unknown[0]!r}; known keys: {', '.join(_KEYS)}.")
    for key, value in table.items():
        if type(value) is not _KEYS[key] or (key == "seed" and value < 0):
            kind = "a whole number from 0 up" if key == "seed" else "a string"
            raise ValueError(f"{where}: {key} is {value!r}; wanted {kind}.")
    if not table.get("text", "").strip():
        raise ValueError(f"{where} has no text.")
    if "file" not in table:
        return Item(file=f"{number:06d}{_SUFFIXES.get(format, '.raw')}", format=format, **table)
    parts = PurePosixPath(table["file"].replace("\\", "/")).parts
    if not parts or ".." in parts or Path(table["file"]).is_absolute():
        raise ValueError(f"{where}: the file {table['file']!r} is not a name inside the output folder.")
    if Path(parts[-1]).suffix not in SUFFIXES:
        raise ValueError(f"{where}: the file {table['file']} does not end in one of {', '.join(SUFFIXES)}.")
    table["file"] = PurePath(table["file"]).as_posix()  # ./a.wav and a.wav are one file
    return Item(format=format_of(table["file"]), **table)


@dataclass
class Report:
    """What was made of each item, a JSON line each, appended as soon as it is known."""

    folder: Path
    keys: dict[str, str] = field(default_factory=dict)  # file name → key of what is in it

    @classmethod
    def of(cls, folder: Path) -> "Report":
        """The report of earlier runs; a last line that was cut off is passed over."""
        report = cls(folder)
        path = folder / REPORT_NAME
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
                report.keys[entry["file"]] = entry.get("key", "")
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return report

    def has(self, item: Item, settings: Settings) -> bool:
        """Whether the item's file is there, made from the same line with the same settings."""
        return self.keys.get(item.file) == settings.key(item) and os.path.isfile(self.folder / item.file)  # noqa: PTH113

    def add(self, **entry: Any) -> None:
        """Append a line; a line that an earlier run left half-written is ended first."""
        path = self.folder / REPORT_NAME
        with path.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")
            line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace")  # for JSON an escape too
            file.write(b"\n" * torn + line + b"\n")


@functools.lru_cache(maxsize=1)
def _load(model: tuple[tuple[str, Any], ...]) -> "TTSModel":
    from .model import TTSModel

    return replace(TTSModel.load_model(**dict(model)), threads=1)


@functools.lru_cache(maxsize=32)
def _voice(model: tuple[tuple[str, Any], ...], name: str | None) -> "VoiceState":
    loaded = _load(model)
    return loaded.get_default_voice() if name is None else loaded.get_state_for_audio_prompt(name)


_loading = threading.Lock()  # one thread loads, the others then find it in the cache


def speak(settings: Settings, item: Item, stop: threading.Event | None = None) -> tuple[bytes, float]:
    """The sound file of an item, and its length in seconds. Loads the model, and each voice, once a process.

    Errors as `TTSModel.load_model`, `get_state_for_audio_prompt` and `generate_audio_stream`; CancelledError: `stop`
    was set meanwhile.
    """
    with _loading:
        model, voice = _load(settings.model), _voice(settings.model, item.voice)
    rate_hz = settings.rate_hz or model.sample_rate
    file, n_samples = io.BytesIO(), 0
    model = replace(model, gaps=settings.gaps, loudness=settings.loudness)
    script = model.script(item.text, ssml=settings.ssml)
    speech = model.generate_audio_stream(voice, script, noise=item.seed, stop=stop)
    blocks = processed(speech, model.sample_rate, speed=settings.speed, to_hz=settings.rate_hz)
    with closing(blocks), open_sink(cast("Any", file), item.format, rate_hz) as sink:
        for block in blocks:
            sink.write(block)
            n_samples += len(block)
        sink.write(closing_silence(rate_hz))
    if stop is not None and stop.is_set():
        raise CancelledError
    return file.getvalue(), n_samples / rate_hz


class NoWorkersError(OSError):
    """Nobody is left to speak, so that the run ends; what it has made stays."""


def run(
    items: list[Item],
    folder: Path,
    settings: Settings,
    executor: Executor,
    n_workers: int,
    stop: threading.Event | None,
    check: Callable[[], None] | None = None,
) -> Iterator[tuple[Item, float | Exception | None]]:
    """Make every file that is not finished; yields each item with its seconds, None (finished before) or its error.

    `stop` goes to the workers, where they are threads. At most two items a worker wait at a time. An error that is no
    fault of an item is raised: a full disk, `NoWorkersError`, and what `check` raises, which is called every second.
    Settings that name no model mean, where items name voices, the built-in one if they are all its own, else english;
    without voices, what `TTSModel.load_model` takes.
    """
    settings = _with_model(settings, items)
    store = _Store(folder, settings)
    waiting: dict[Future[tuple[bytes, float]], Item] = {}
    options = {} if stop is None else {"stop": stop}
    for item in items:
        try:
            if store.has(item):
                yield item, None
                continue
            store.require_place(item)
        except (ValueError, OSError) as error:
            yield item, store.failed(item, error)
            continue
        waiting[executor.submit(speak, settings, item, **options)] = item
        while len(waiting) >= 2 * n_workers:
            yield from _finished(waiting, store, check)
    while waiting:
        yield from _finished(waiting, store, check)


def _with_model(settings: Settings, items: list[Item]) -> Settings:
    """One model for all items and all workers, whichever of them comes first."""
    options = dict(settings.model)
    if options.get("language") is not None or options.get("config") is not None:
        return settings
    voices = {item.voice for item in items if item.voice}
    options["language"] = language_of(voices) if voices else default_language()
    return replace(settings, model=tuple(options.items()))


def _finished(
    waiting: dict[Future[tuple[bytes, float]], Item], store: "_Store", check: Callable[[], None] | None
) -> Iterator[tuple[Item, float | Exception]]:
    """Store what is ready, once something is."""
    while not (done := wait(waiting, None if check is None else _CHECK_SECONDS, FIRST_COMPLETED).done):
        if check is not None:
            check()
    for future in done:
        item = waiting.pop(future)
        try:
            data, seconds = future.result()
            store.add(item, data, seconds)
        except Exception as error:
            if _ends_the_run(error):
                raise
            yield item, store.failed(item, error)
        else:
            yield item, seconds


def _ends_the_run(error: Exception) -> bool:
    is_full = isinstance(error, OSError) and error.errno in WRITE_ERRORS
    return is_full or isinstance(error, (NoWorkersError, CancelledError))


class _Store:
    """The folder of sound files, and its report."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._report = Report.of(folder)
        self._folder = folder
        self._settings = settings
        self._names: dict[tuple[int, int], str] = {}  # by device and inode: what this run has made or kept

    def has(self, item: Item) -> bool:
        """Whether the item's file is finished."""
        is_finished = self._report.has(item, self._settings)
        if is_finished:
            self._remember(item)
        return is_finished

    def require_place(self, item: Item) -> None:
        """Refuse a name that no file in the folder can have, before its text is spoken. OSError, ValueError."""
        path = self._folder / item.file
        try:
            path.stat()
        except FileNotFoundError:
            pass
        except ValueError:
            raise ValueError(f"No file can be named {item.file!r}.") from None
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._folder)):
            raise ValueError(f"The file {item.file} leads out of the folder {self._folder}, by a symbolic link.")

    def add(self, item: Item, data: bytes, seconds: float) -> None:
        """Write the item's file and its line. OSError, ValueError: it cannot have this name."""
        self.require_place(item)
        path = self._folder / item.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and (other := self._names.get(inode(path), item.file)) != item.file:
            raise ValueError(f"The files {item.file} and {other} are one on this disk; give them different names.")
        with replacing_file(path) as file:
            file.write(data)
        self._remember(item)
        self._report.add(file=item.file, key=self._settings.key(item), seconds=round(seconds, 3))

    def failed(self, item: Item, error: Exception) -> Exception:
        """Write the item's line; returns the error."""
        self._report.add(file=item.file, error=sentence(error))
        return error

    def _remember(self, item: Item) -> None:
        self._names[inode(self._folder / item.file)] = item.file
