"""HTTP with patience, and with an end to it: what uvicorn's protocol does not bound, which trusts its clients.

This builds on parts of uvicorn that it does not promise; `run` does without them where they are missing.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 500
HEAD_SECONDS = 20.0  # for a request's first line and headers
STALL_SECONDS = 30.0  # in which a client must take something of its answer
PROBE_SECONDS = 0.5  # after which a client that sends nothing more is asked whether it still listens
_FREE_PIECES = 4000  # of a body, of any size
_PIECE_BYTES = 256  # that further ones must have on average: each takes some 50 µs
_NEEDED = (
    "handle_events",
    "on_response_complete",
    "send_400_response",
    "eof_received",
    "pause_writing",
    "handle_websocket_upgrade",
)

if not all(hasattr(H11Protocol, name) for name in _NEEDED):
    raise ImportError("This version of uvicorn has another protocol.")


class _Pieces(h11.Connection):
    """Refuses a body in so many small pieces that reading them would keep everybody waiting."""

    _n_left = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._n_left = _FREE_PIECES * _PIECE_BYTES
        elif isinstance(event, h11.Data):
            self._n_left += len(event.data) - _PIECE_BYTES
            if self._n_left < 0:
                raise h11.RemoteProtocolError("The body comes in too many small pieces.")
        return event


class PatientProtocol(H11Protocol):
    """Drops a connection on which nothing moves, makes room for new ones, and answers a client that has half closed.

    Waiting for a request's head, and for a client that does not take its answer, are bounded here; waiting for a body
    is bounded by whoever reads it.
    """

    _timer: asyncio.TimerHandle | None = None
    _waiting_since = 0.0  # for the client, while it is its turn

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.conn = _Pieces(h11.SERVER)
        self._drop_after(HEAD_SECONDS)
        make_room(self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: for a client that has sent its request and waits for the answer.

        One that leaves looks the same. It is told apart by what comes back when something is sent to it.
        """
        if self.is_clients_turn or self.cycle.response_started:
            return False
        self.cycle.keep_alive = False
        self._timer = self.loop.call_later(PROBE_SECONDS, self._probe)
        return True

    def handle_events(self) -> None:
        cycle = self.cycle
        super().handle_events()
        if self.cycle is not cycle:  # a request's head has come
            self._keep()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on, the socket's own protocol has the connection, and `routes.stream` bounds it."""
        self._keep()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # its request was answered before all of it had come
            self.transport.close()
        logger.warning("%s 400 no_http", self.client[0] if self.client else "nobody")

    def on_response_complete(self) -> None:
        self._drop_after(HEAD_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drop_after(STALL_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.is_clients_turn:
            self._drop_after(HEAD_SECONDS)
        else:
            self._keep()

    @property
    def is_clients_turn(self) -> bool:
        """Whether the server waits for a request, or for the rest of one."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    @property
    def may_be_dropped(self) -> bool:
        """Whether the server waits for the client, also for it to take something of its answer."""
        return self.is_clients_turn or self.flow.write_paused

    @property
    def worth(self) -> tuple[bool, float]:
        """By which connections are kept where there are too many."""
        return not self.is_clients_turn, self._waiting_since

    def _drop_after(self, seconds: float) -> None:
        self._keep()
        self._waiting_since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _probe(self) -> None:
        """Send what says nothing, again and again until the answer begins; to a client that has left, it fails."""
        if self.transport.is_closing() or self.cycle.response_started:
            return
        if self.scope["http_version"] != "1.0":  # which knows nothing that says nothing
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self.transport.write(self.conn.send(go_on))
        self._timer = self.loop.call_later(PROBE_SECONDS, self._probe)


def make_room(connections: Iterable[Any]) -> None:
    """Drop a connection where there are too many: the one whose client has kept the server waiting longest."""
    opened = [connection for connection in connections if not connection.transport.is_closing()]
    if len(opened) > MAX_CONNECTIONS:
        waiting = [connection for connection in opened if getattr(connection, "may_be_dropped", False)]
        dropped = min(waiting, key=lambda connection: connection.worth)  # the new one waits, at the least
        logger.warning("Over %d connections: one that was waited for is dropped.", MAX_CONNECTIONS)
        dropped.transport.abort()
