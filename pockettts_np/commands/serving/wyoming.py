"""pockettts-np wyoming: a voice for Home Assistant."""

import argparse
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...files.sockets import require_free
from ..terminal.options import add_model_command
from .service import add_service_options, limits_of, open_service, require_extra

logger = logging.getLogger(__name__)

DEFAULT_NAME = "pockettts-np"
_LONGEST_NAME = 63  # bytes of a label (RFC 1035)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    parser = add_model_command(
        commands, "wyoming", wyoming, "Serve speech to Home Assistant over the Wyoming protocol."
    )
    parser.add_argument(
        "--uri",
        default="tcp://127.0.0.1:10200",
        help="where to listen: tcp://HOST:PORT, 0.0.0.0 lets others in, port 0 is any; or unix:///PATH (%(default)s)",
    )
    add_service_options(parser)
    parser.add_argument(
        "--zeroconf",
        nargs="?",
        const=DEFAULT_NAME,
        metavar="NAME",
        help=f"let Home Assistant find the server in the local network, by this name ({DEFAULT_NAME})",
    )


def wyoming(args: argparse.Namespace) -> None:
    require_extra("wyoming", "wyoming")
    _require_place(args.uri)
    if args.zeroconf is not None:
        require_extra("zeroconf", "zeroconf")
        _require_name(args.zeroconf, args.uri)
    import asyncio

    from ...server.wyoming.listening import WyomingServer

    service = open_service(args, limits_of(args))

    async def run() -> None:
        server = WyomingServer(service, args.zeroconf)
        server.end_on_signals()
        await server.run(args.uri)

    asyncio.run(run())
    logger.info("The server has ended.")


def _require_name(name: str, uri: str) -> None:
    """Refuse what nobody could find."""
    if not 0 < len(name.encode()) <= _LONGEST_NAME or "." in name or not name.isprintable():
        raise ValueError(f"{name[:100]!r} is not a name to announce; wanted 1 to {_LONGEST_NAME} bytes without a dot.")
    if not uri.startswith("tcp://"):
        raise ValueError("A Unix socket cannot be found in the network; take --uri tcp://0.0.0.0:10200.")


def _require_place(uri: str) -> None:
    """Refuse, before the model is loaded, a place where nobody can listen or somebody does."""
    try:
        parts = urlsplit(uri)
        is_tcp = parts.scheme == "tcp" and parts.hostname and parts.port is not None and parts.path in ("", "/")
    except ValueError:  # a port beyond 65535, or half an IPv6 address
        is_tcp = False
    if is_tcp:
        return
    if not uri.startswith("unix:///"):
        raise ValueError(f"{uri} is not a place to listen; wanted tcp://HOST:PORT or unix:///PATH.")
    require_free(Path(urlsplit(uri).path))
