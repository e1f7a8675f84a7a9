"""Speech while it is made, for those who take it: in a `with` block that ends its threads, or in a coroutine."""

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from weakref import WeakSet

from ..threads.relay import End, Relay

Sound = TypeVar("Sound")  # samples [n], or these with words


class Cancellable(Protocol):
    """Speech that any thread may end."""

    def cancel(self) -> None: ...


SomeSpeech = TypeVar("SomeSpeech", bound=Cancellable)

MAX_AHEAD = 16  # pieces that are made before a coroutine takes them


class Stop(threading.Event):
    """An event that is set, too, when another one is."""

    def __init__(self, other: threading.Event | None = None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())


class Speech(Generator[Sound]):
    """A generator of sound. Leaving its `with` block ends the speech and its threads, as `close` does."""

    def __init__(self, pieces: Generator[Sound], stop: Stop) -> None:
        self._pieces = pieces
        self._stop = stop

    def send(self, value: None) -> Sound:
        return self._pieces.send(value)

    def throw(self, *error: Any) -> Sound:
        return self._pieces.throw(*error)

    def close(self) -> None:
        """Say no more. ValueError: another thread waits for a piece at this moment; `cancel` ends that."""
        self._pieces.close()

    def cancel(self) -> None:
        """Say no more, from any thread: the iteration ends within a frame."""
        self._stop.set()
        with suppress(ValueError):  # it is at work, and looks at `stop`
            self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Running:
    """The speech that is being made with a model, so that it can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speeches: WeakSet[Cancellable] = WeakSet()

    def add(self, speech: SomeSpeech) -> SomeSpeech:
        """Take note of it, for as long as somebody else holds it."""
        with self._lock:
            self._speeches.add(speech)
        return speech

    def cancel(self) -> None:
        """End all of it."""
        with self._lock:
            speeches = list(self._speeches)
        for speech in speeches:
            speech.cancel()


async def asynchronous(begin: Callable[[threading.Event], Generator[Sound]]) -> AsyncGenerator[Sound]:
    """What `begin` makes, in a thread of its own that ends with the iteration; at most `MAX_AHEAD` pieces ahead."""
    import asyncio  # only a coroutine needs it

    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Sound | End] = asyncio.Queue()

    def put(item: Sound | End) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(ready.put_nowait, item)

    relay: Relay[Sound] = Relay(put, MAX_AHEAD)

    def pieces() -> Generator[Sound]:
        yield from begin(relay.closed)

    thread = threading.Thread(target=lambda: relay.fill(pieces()), name="pockettts-async", daemon=True)
    thread.start()
    try:
        while not isinstance(item := await ready.get(), End):
            relay.took()
            yield item
        if item.error is not None:
            raise item.error
    finally:
        relay.close()
        await asyncio.to_thread(thread.join)
