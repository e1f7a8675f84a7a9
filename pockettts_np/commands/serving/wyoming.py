"""pockettts-np wyoming: a voice for Home Assistant."""

import argparse
import logging
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..terminal.options import add_model_command
from .service import add_service_options, limits_of, open_service, require_extra

logger = logging.getLogger(__name__)


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


def wyoming(args: argparse.Namespace) -> None:
    require_extra("wyoming", "wyoming")
    _require_place(args.uri)
    import asyncio

    from ...server.wyoming import WyomingServer

    service = open_service(args, limits_of(args))

    async def run() -> None:
        server = WyomingServer(service)
        server.end_on_signals()
        await server.run(args.uri)

    asyncio.run(run())
    logger.info("The server has ended.")


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
    _require_free(Path(urlsplit(uri).path))


def _require_free(path: Path) -> None:
    """Refuse a socket that another server has: asyncio would take it away without a word."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be made: there is no folder {path.parent}.")
    if not path.exists():
        return
    if not path.is_socket():
        raise FileExistsError(f"{path} is a file, and no socket; name another path.")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:  # what a server left behind that was killed
            return
    raise OSError(f"Another server listens at {path}; end it, or name another path.")
