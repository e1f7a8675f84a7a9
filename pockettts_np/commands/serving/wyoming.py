"""pockettts-np wyoming: a voice for Home Assistant."""

import argparse
import logging
from typing import Any

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
        help="where to listen: tcp://HOST:PORT, 0.0.0.0 lets others in, port 0 is any; or unix://PATH (%(default)s)",
    )
    add_service_options(parser)


def wyoming(args: argparse.Namespace) -> None:
    require_extra("wyoming", "wyoming")
    import asyncio

    from ...server.wyoming import WyomingServer

    service = open_service(args, limits_of(args))

    async def run() -> None:
        server = WyomingServer(service)
        server.end_on_signals()
        await server.run(args.uri)

    asyncio.run(run())
    logger.info("The server has ended.")
