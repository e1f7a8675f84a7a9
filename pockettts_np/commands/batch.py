"""pockettts-np batch: a manifest of texts in, a folder of sound files out."""

import argparse
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import batch as library
from ..audio.effects import require_processing
from ..audio.encoding import FORMATS, require_format
from ..errors import sentence
from ..files.writing import require_writable
from ..threads.cores import speeches_at_once
from .cluster import connected
from .terminal import options
from .terminal.options import add_model_command, number, whole
from .terminal.progress import StatusLine, bar
from .terminal.speaking import add_speaking_options, speaking_of

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands,
        "batch",
        batch,
        "Speak every text of a manifest, several at once; run it again to go on where it was cut off.",
    ).add_argument
    add(
        "manifest",
        metavar="MANIFEST",
        help='a JSON object a line: {"text": "Hello.", "voice": "alba", "file": "hello.wav", "seed": 1}; only the text '
        "is required",
    )
    add("out", metavar="OUT", help="folder for the sound files and report.jsonl; what is finished there is kept")
    options.add_reading_options(add, "default: as the reference prepares a text")
    add("--jobs", type=whole(1), help="texts at once; default: 8, 4 on a single core, one a core beyond 8")
    add("--format", choices=FORMATS, default="wav", help="of files that the manifest does not name (%(default)s)")
    add("--speed", type=number(0), default=1.0, help="0.25 to 4: slower or faster in the same pitch")
    add("--rate", type=whole(1), help="samples a second; default: the model's 24000")
    add("--ssml", action="store_true", help="every text is a document of SSML: <speak>…</speak>")
    add_speaking_options(add)
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="int8 weights: less memory")
    add("--cluster", metavar="ADDRESS", help="run on the workers of a Dask cluster, such as tcp://host:8786")


def batch(args: argparse.Namespace) -> None:
    gaps, loudness = speaking_of(args)
    require_processing(args.speed, args.rate)
    require_format(args.format, args.rate or 24_000)
    items = library.read_manifest(args.manifest, args.format)
    options.settle_reading(args)
    args.lexicon = tuple(lexicon.current() for lexicon in args.lexicon or ()) or None  # as it is now, for all workers
    options.choose_language(args, {item.voice for item in items if item.voice})
    settings = library.Settings(
        tuple(options.load_arguments(args).items()), args.speed, args.rate, args.ssml, gaps, loudness
    )
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    started, made, seconds, failed = time.perf_counter(), 0, 0.0, 0
    require_writable(folder / library.REPORT_NAME)
    with _workers(args) as workers, StatusLine(shown=not args.quiet) as line:
        for done, (item, result) in enumerate(library.run(items, folder, settings, *workers), 1):
            if isinstance(result, Exception):
                failed += 1
                logger.error("%s: %s", item.file, sentence(result))
            elif result is not None:
                made, seconds = made + 1, seconds + result
            speed = seconds / (time.perf_counter() - started)
            texts = f"{bar(done, len(items))} {done} of {len(items)} texts"
            line.show(f"{texts}, {seconds:.1f} s of speech, {speed:.1f} × real time")
    kept = len(items) - made - failed
    logger.info("%d files written, %d kept, %d failed: %.1f s of speech in %s", made, kept, failed, seconds, folder)
    if failed:
        raise ValueError(f"{failed} of {len(items)} texts failed; {folder / library.REPORT_NAME} says why.")


Workers = tuple[Executor, int, threading.Event | None, Callable[[], None] | None]


@contextmanager
def _workers(args: argparse.Namespace) -> Iterator[Workers]:
    """Threads, which end within a frame when the command is interrupted, or a Dask cluster's workers."""
    if args.cluster is not None:
        with connected(args.cluster) as (executor, n_threads, check):
            yield executor, args.jobs or n_threads, None, check
        return
    n_workers, stop = args.jobs or speeches_at_once(), threading.Event()
    executor = ThreadPoolExecutor(n_workers, "pockettts-batch")
    try:
        yield executor, n_workers, stop, None
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)
