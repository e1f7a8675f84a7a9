"""pockettts-np serve: speech over HTTP, for OpenAI's clients, for the reference's, and for people."""

import argparse
import logging
import os
from typing import Any

from ..terminal.options import add_model_command, whole
from .service import add_service_options, limits_of, open_service, require_extra

logger = logging.getLogger(__name__)

KEY_VARIABLE = "POCKETTTS_API_KEY"


def add_parser(commands: Any) -> None:
    """The command and its options."""
    parser = add_model_command(
        commands,
        "serve",
        serve,
        "Serve speech over HTTP: OpenAI's interface, the reference's, and a page for the browser.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in (%(default)s)")
    add("--port", type=whole(0), default=8000, help="port to listen on; 0 takes a free one (%(default)s)")
    add_service_options(parser)
    add("--api-key", metavar="KEY", help=f"what callers must know; better given in the variable {KEY_VARIABLE}")
    add("--allow-origin", action="append", default=[], metavar="URL", help="a site whose pages may use this server")
    add("--allow-voice-urls", action="store_true", help="let callers name public addresses of recordings")
    add("--max-upload", type=whole(1), metavar="MB", help="largest recording that callers may send (20)")


def serve(args: argparse.Namespace) -> None:
    for module in ("starlette", "uvicorn"):
        require_extra(module, "server")
    from ...server.http import run
    from ...server.http.app import create_app

    upload_bytes = None if args.max_upload is None else args.max_upload * 1_000_000
    with run.bound_socket(args.host, args.port) as bound:
        service = open_service(args, limits_of(args, upload_bytes=upload_bytes), args.allow_voice_urls)
        api_key = args.api_key or os.environ.get(KEY_VARIABLE) or None
        if api_key is None and not run.is_loopback(bound):
            logger.warning("Everyone who reaches this machine can use the server; --api-key would ask them for a key.")
        app = create_app(service, api_key, args.allow_origin, run.is_loopback(bound))
        bound.listen()
        logger.info("Listening on %s; Ctrl-C ends.", run.address_of(bound))
        run.make_server(app).run(sockets=[bound])
    logger.info("The server has ended.")
