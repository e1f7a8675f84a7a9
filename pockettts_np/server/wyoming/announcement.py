"""Telling Home Assistant where the server is: DNS service discovery in the local network (RFC 6762, RFC 6763)."""

import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from zeroconf import Error, InterfaceChoice
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

logger = logging.getLogger(__name__)

SERVICE = "_wyoming._tcp.local."
INTERFACES: Sequence[str] | InterfaceChoice = InterfaceChoice.All
_FAR_AWAY = ("192.0.2.1", 9)  # an address for examples (RFC 5737): the way there leads through the network's own


@asynccontextmanager
async def announced(host: str, port: int, name: str) -> AsyncIterator[None]:
    """While the block runs, the server at `host` and `port` can be found by `name`.

    A network that takes no announcement is told of in the log: whoever knows the address can still come.
    """
    zeroconf = AsyncZeroconf(INTERFACES)
    try:
        info = AsyncServiceInfo(
            SERVICE, f"{name}.{SERVICE}", port, addresses=[ipaddress.ip_address(reachable(host)).packed]
        )
        await zeroconf.async_register_service(info, allow_name_change=True)
        logger.info("Announced as %s.", info.name.removesuffix(f".{SERVICE}"))
    except (OSError, Error) as error:
        logger.warning("The network takes no announcement: %s", error)
    try:
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()


def reachable(host: str) -> str:
    """The address by which others reach a server that listens at `host`. OSError: there is none."""
    address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    if not ipaddress.ip_address(address).is_unspecified:
        return str(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # which sends nothing
        probe.connect(_FAR_AWAY)
        return str(probe.getsockname()[0])
