"""pockettts-np serve: speech over HTTP, for OpenAI's clients, for the reference's, and for people."""

import argparse
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...files.sockets import UnixSocket
from ..terminal.options import add_model_command, whole
from .service import add_service_options, limits_of, open_service, require_extra

if TYPE_CHECKING:
    from ...server.http.guard.access import Access

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
    add("--port", type=whole(0, 65535), default=8000, help="port to listen on; 0 takes a free one (%(default)s)")
    add("--unix", type=Path, metavar="PATH", help="listen on a Unix socket there instead of an address")
    add_service_options(parser)
    add("--api-key", metavar="KEY", help=f"what callers must know; better given in the variable {KEY_VARIABLE}")
    add("--allow-host", action="append", default=[], metavar="NAME", help="a name by which callers know this server")
    add(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="a site whose pages may use this server; '*' is every one",
    )
    add("--open-lists", action="store_true", help="list models and voices also for those without the key")
    add("--any-model", action="store_true", help="answer to any name of a model")
    add("--edit-voices", action="store_true", help="let callers with the key add and remove voices in --voices DIR")
    add("--allow-voice-urls", action="store_true", help="let callers name public addresses of recordings")
    add("--max-upload", type=whole(1, 1000), metavar="MB", help="largest recording that callers may send (20)")
    add("--root-path", default="", metavar="PATH", help="where a proxy shows this server, such as /speech")
    add("--trust-proxy", action="append", default=[], metavar="ADDRESS", help="a proxy whose X-Forwarded-For counts")


def serve(args: argparse.Namespace) -> None:
    for module in ("starlette", "uvicorn"):
        require_extra(module, "server")
    from ...server.http import run
    from ...server.http.app import create_app
    from ...server.http.guard.access import EVERY_SITE

    allowed = _access(args)
    if args.edit_voices and (args.voices is None or allowed.api_key is None):
        raise ValueError("--edit-voices needs --voices, where they are kept, and --api-key, for whoever may do it.")
    upload_bytes = None if args.max_upload is None else args.max_upload * 1_000_000
    with _bound(args) as bound:
        service = open_service(args, limits_of(args, upload_bytes=upload_bytes), args.allow_voice_urls)
        if allowed.api_key is None and not run.is_loopback(bound):
            logger.warning("Everyone who reaches this machine can use the server; --api-key would ask them for a key.")
            names = ", ".join(sorted(allowed.hosts or ()))
            logger.info("Without a key, it answers to its IP address and to %s; --allow-host adds a name.", names)
        if allowed.allows_page(EVERY_SITE) and allowed.api_key is None:
            logger.warning("The pages of every site can use the server; --api-key would ask them for a key.")
        bound.listen()
        logger.info("Listening on %s; Ctrl-C ends.", run.address_of(bound))
        app = create_app(service, allowed, args.any_model, args.edit_voices)
        run.make_server(app).run(sockets=[bound])
    logger.info("The server has ended.")


@contextmanager
def _bound(args: argparse.Namespace) -> Iterator[socket.socket]:
    """The socket to listen on; one that is a file is removed at the end."""
    from ...server.http import run

    if args.unix is None:
        with run.bound_socket(args.host, args.port) as bound:
            yield bound
        return
    with run.bound_unix_socket(args.unix) as bound:
        file = UnixSocket.at(args.unix)
        try:
            yield bound
        finally:
            file.remove()


def _access(args: argparse.Namespace) -> "Access":
    """Who may use the server. ValueError: an option that could never work."""
    from ...server.http.guard.access import access

    key = os.environ.get(KEY_VARIABLE) if args.api_key is None else args.api_key
    return access(key, args.allow_origin, args.allow_host, args.trust_proxy, args.root_path, args.open_lists)
