"""Fetches a page of the public web. Addresses of this machine and of private networks are refused, and the address that was
checked is the one connected to, so that neither a redirect nor a name server leads there.
"""

from __future__ import annotations

import asyncio
import codecs
import ipaddress
import socket
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urljoin

from stepchat import __version__
from stepchat.tools.base import ToolError
from stepchat.tools.processes import python_command, run_program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import httpx

Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"
"""The addresses of a host and port. Raises OSError."""
Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_REDIRECTS: Final = 5
_MOST_BYTES: Final = 3_000_000
"""The largest page to read, decompressed."""
_MOST_TEXT: Final = 5_000_000
"""Bytes of the Markdown made of it."""
_SECONDS: Final = 20.0
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""The last 32 bits are an IPv4 address."""
_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 whose addresses are public, besides the above."""
_SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
"""Protocol assignments and 6to4 relays, which some versions of Python call public."""
_TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/javascript", "application/x-yaml")
_TEXT_SUFFIXES: Final = ("+json", "+xml")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system knows for a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in found]


async def fetch(url: str, resolve_host: Resolve = resolve, transport: httpx.AsyncBaseTransport | None = None) -> str:
    """The readable text of a page. Raises ToolError."""
    # Imported late to keep the start fast.
    import httpx

    # Bypasses proxies, because the address to which a proxy connects cannot be checked.
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False, transport=transport) as client:
        for _ in range(_REDIRECTS + 1):
            try:
                request = await _request(client, url, resolve_host)
                response = await client.send(request, stream=True)
                async with aclosing(response):
                    if not response.has_redirect_location:
                        return await _read(response, url)
                    url = urljoin(url, response.headers["location"])
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ToolError(f"Cannot fetch {url}: {str(error) or type(error).__name__}.") from None
    raise ToolError(f"Cannot fetch {url}: more than {_REDIRECTS} redirects.")


async def _request(client: httpx.AsyncClient, url: str, resolve_host: Resolve) -> httpx.Request:
    """A request to an address of the host that is public. Raises ToolError, and httpx.InvalidURL."""
    import httpx

    parsed = httpx.URL(url)
    if parsed.scheme not in _PORTS or not parsed.host:
        raise ToolError(f"{url} is not an http or https address.")
    if parsed.userinfo:
        raise ToolError("An address with a user name or password is not fetched.")
    host, port = parsed.host, parsed.port or _PORTS[parsed.scheme]
    try:
        addresses = await resolve_host(host, port)
    except (OSError, UnicodeError) as error:
        raise ToolError(f"Cannot find {host}: {getattr(error, 'strerror', None) or error}.") from None
    # All of them must be public: a name with a private address among others is an attack.
    if not addresses or not all(map(is_public, addresses)):
        raise ToolError(f"{host} is not on the public internet; only public addresses are fetched.")
    headers = {
        "host": parsed.netloc.decode("ascii"),
        "user-agent": f"stepchat/{__version__}",
        "accept": "text/markdown, text/html, text/plain, */*;q=0.5",
        "accept-encoding": "gzip",
    }
    return client.build_request(
        "GET",
        parsed.copy_with(host=addresses[0], fragment=None),
        headers=headers,
        extensions={**client.build_request("GET", url).extensions, "sni_hostname": parsed.raw_host.decode("ascii")},
    )


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    every = (parsed, *_inside(parsed))
    return all(one.is_global and not one.is_multicast and not _is_special(one) for one in every)


def _is_special(address: Address) -> bool:
    """Whether an address is for special purposes, whatever Python says."""
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in _SPECIAL)
    return address not in _UNICAST and address.ipv4_mapped is None and address not in _NAT64


def _inside(address: Address) -> list[Address]:
    """IPv4 addresses inside an IPv6 address, to which a gateway may forward."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = [inner for inner in (address.ipv4_mapped, address.sixtofour) if inner is not None]
    found += address.teredo or ()
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


async def _read(response: httpx.Response, url: str) -> str:
    if response.is_error:
        raise ToolError(f"{url} answered with HTTP {response.status_code} {response.reason_phrase}.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text = not kind or kind.startswith(_TEXT_TYPES) or kind.endswith(_TEXT_SUFFIXES)
    if not is_text:
        raise ToolError(f"{url} is {kind}; only text is fetched.")
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > _MOST_BYTES:
            raise ToolError(f"{url} is too large: more than {_MOST_BYTES:,} bytes.")
        parts.append(chunk)
    content = b"".join(parts)
    if b"\0" in content[:1_000]:
        raise ToolError(f"{url} is a binary file.")
    text = content.decode(_encoding(response), "replace")
    is_html = "html" in kind or (not kind and "<html" in text[:1_000].lower())
    return await _readable(text) if is_html else text


def _encoding(response: httpx.Response) -> str:
    named = response.charset_encoding or "utf-8"
    with suppress(LookupError):
        return codecs.lookup(named).name
    return "utf-8"


async def _readable(html: str) -> str:
    command = python_command("stepchat.tools.readable")
    done = await run_program(command, html.encode("utf-8", "replace"), limit=_MOST_TEXT)
    if done.code:
        raise ToolError("The page's HTML cannot be converted to text.")
    return done.output.decode("utf-8", "replace")
