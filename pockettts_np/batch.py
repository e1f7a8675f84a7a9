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
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from .audio.effects import closing_silence, processed
from .audio.encoding import SUFFIXES, format_of, open_sink
from .files import replacing_file

if TYPE_CHECKING:
    from .loading.voice import VoiceState
    from .model import TTSModel

REPORT_NAME = "report.jsonl"
_SUFFIXES = {suffix[1:]: suffix for suffix in SUFFIXES}  # by format; those without have no header
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
    """What all items share: arguments of `TTSModel.load_model`, and how the speech is to be heard."""

    model: tuple[tuple[str, Any], ...] = ()
    speed: float = 1.0
    rate_hz: int | None = None

    def key(self, item: Item) -> str:
        """Tells apart what would sound, or be stored, differently."""
        return hashlib.sha256(json.dumps([asdict(self), asdict(item)], sort_keys=True).encode()).hexdigest()[:16]


def read_manifest(path: str | os.PathLike[str], format: str = "wav") -> list[Item]:
    """The items of a file of JSON lines such as {"text": "Hello.", "voice": "alba", "file": "a.wav", "seed": 1}.

    Only the text is required. A file has the format of its ending; without a name it is numbered by line and has the
    format `format`. Blank lines are skipped.
    ValueError: a line that is not such an object, a file outside the folder, or two of the same name.
    """
    items: dict[str, Item] = {}
    with open(path, encoding="utf-8-sig") as lines:  # noqa: PTH123
        for number, line in enumerate(lines, 1):
            if line.strip():
                item = _read_item(line, f"{path}, line {number}", number, format)
                if item.file in items:
                    raise ValueError(f"{path}, line {number}: the file {item.file} is named by an earlier line too.")
                items[item.file] = item
    if not items:
        raise ValueError(f"{path} holds no lines; wanted one JSON object with a text on each.")
    return list(items.values())


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
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
                report.keys[entry["file"]] = entry.get("key", "")
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return report

    def has(self, item: Item, settings: Settings) -> bool:
        """Whether the item's file is there, made from the same line with the same settings."""
        return self.keys.get(item.file) == settings.key(item) and (self.folder / item.file).is_file()

    def add(self, **entry: Any) -> None:
        """Append a line; a line that an earlier run left half-written is ended first."""
        path = self.folder / REPORT_NAME
        with path.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * torn + json.dumps(entry, ensure_ascii=False).encode() + b"\n")


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
    speech = model.generate_audio_stream(voice, item.text, noise=item.seed, stop=stop)
    blocks = processed(speech, model.sample_rate, speed=settings.speed, to_hz=settings.rate_hz)
    with closing(blocks), open_sink(cast("Any", file), item.format, rate_hz) as sink:
        for block in blocks:
            sink.write(block)
            n_samples += len(block)
        sink.write(closing_silence(rate_hz))
    if stop is not None and stop.is_set():
        raise CancelledError
    return file.getvalue(), n_samples / rate_hz


def run(
    items: list[Item],
    folder: Path,
    settings: Settings,
    executor: Executor,
    n_workers: int,
    stop: threading.Event | None,
) -> Iterator[tuple[Item, float | Exception | None]]:
    """Make every file that is not finished; yields each item with its seconds, None (finished before) or its error.

    `stop` goes to the workers, where they are threads. At most two items a worker wait at a time. An error that is no
    fault of an item, such as a full disk, is raised.
    """
    report = Report.of(folder)
    waiting: dict[Future[tuple[bytes, float]], Item] = {}
    options = {} if stop is None else {"stop": stop}
    for item in items:
        if report.has(item, settings):
            yield item, None
            continue
        waiting[executor.submit(speak, settings, item, **options)] = item
        while len(waiting) >= 2 * n_workers:
            yield from _finished(waiting, folder, settings, report)
    while waiting:
        yield from _finished(waiting, folder, settings, report)


def _finished(
    waiting: dict[Future[tuple[bytes, float]], Item], folder: Path, settings: Settings, report: Report
) -> Iterator[tuple[Item, float | Exception]]:
    """Store what is ready, once something is."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        item = waiting.pop(future)
        try:
            data, seconds = future.result()
        except (ValueError, OSError) as error:
            report.add(file=item.file, error=str(error))
            yield item, error
            continue
        path = folder / item.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(path) as file:
            file.write(data)
        report.add(file=item.file, key=settings.key(item), seconds=round(seconds, 3))
        yield item, seconds
