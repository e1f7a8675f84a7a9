"""The workers of a Dask cluster, as an executor whose errors are sentences, and a watch over them."""

import importlib.util
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..batch import NoWorkersError
from ..errors import sentence

CONNECT_SECONDS = 10
PATIENCE_SECONDS = 60  # without a worker, or without an answer
_ANSWER_SECONDS = 5
_PACKAGE = __package__.partition(".")[0]


@contextmanager
def connected(address: str) -> Iterator[tuple[Executor, int, Callable[[], None]]]:
    """An executor on the cluster at `address`, the threads of its workers, and what raises where they are gone.

    OSError: no cluster there, or none with workers. ImportError: Dask is not installed here, or this package not there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError('--cluster needs Dask: pip install "pockettts-np[cluster]".') from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say is an error of ours
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:
        raise OSError(f"There is no Dask cluster at {address}: {_first_line(error)}.") from None
    with client:
        n_threads = sum(client.nthreads().values())
        if not n_threads:
            raise OSError(f"The cluster at {address} has no workers; start some with dask worker {address}.")
        _require_package(client, address)
        yield _ClusterExecutor(client.get_executor(pure=False), address), n_threads, _Watch(client, address)


def _require_package(client: Any, address: str) -> None:
    found = client.run(importlib.util.find_spec, _PACKAGE, on_error="ignore")
    if lacking := [worker for worker, spec in found.items() if spec is None]:
        raise ImportError(
            f"{len(lacking)} of {len(found)} workers of the cluster at {address} cannot import {_PACKAGE}, such as "
            f"{lacking[0]}; install it where they run, in the same version as here."
        )


class _Watch:
    """Raises NoWorkersError when called and nobody has been there for some time."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._seen = time.monotonic()

    def __call__(self) -> None:
        if self._has_workers():
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE_SECONDS:
            raise NoWorkersError(
                f"The cluster at {self._address} has had no workers for {PATIENCE_SECONDS:g} seconds; "
                "start some and run this again: it goes on where it was."
            )

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.sync(self._client.scheduler.ncores, callback_timeout=_ANSWER_SECONDS))
        except Exception:  # of the many that Dask has for a scheduler that does not answer
            return False


class _ClusterExecutor(Executor):
    """Dask's own, with its errors in sentences."""

    def __init__(self, executor: Executor, address: str) -> None:
        self._executor = executor
        self._address = address

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As of every executor."""
        future: Future[Any] = Future()
        self._executor.submit(work, *args, **kwargs).add_done_callback(partial(self._hand_on, future))
        return future

    def _hand_on(self, future: Future[Any], done: Future[Any]) -> None:
        if done.cancelled():
            lost = f"The connection to the cluster at {self._address} is lost; run this again: it goes on where it was."
            future.set_exception(NoWorkersError(lost))
        elif (error := done.exception()) is not None:
            future.set_exception(_in_words(error))
        else:
            future.set_result(done.result())


def _in_words(error: BaseException) -> BaseException:
    """An error of Dask's as one of ours; all others as they are."""
    if type(error).__name__ == "KilledWorker":
        return OSError("Every worker that spoke this text died, perhaps for want of memory; their logs say more.")
    cause = error.__cause__
    if isinstance(error, RuntimeError) and isinstance(cause, ImportError):
        return ImportError(f"A worker cannot import {_PACKAGE}: {sentence(cause)}")
    return error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
