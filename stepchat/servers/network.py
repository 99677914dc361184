"""Reads and checks proxies and certificates in the environment. Errors name the variable, never a password."""

from __future__ import annotations

import os
import re
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from stepchat.catalogue.backends import is_local
from stepchat.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

ADDRESS_HINT = "Check the address, the network and whether the server is running."
CERTIFICATE_HINT = (
    "If your company or your own authority signed it, set SSL_CERT_FILE to a PEM file that contains that authority,"
    " often /etc/ssl/certs/ca-certificates.crt."
)
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_SCHEMES = {"http": "http", "https": "https", "socks": "socks5", "socks5": "socks5", "socks5h": "socks5h"}


class Proxy(NamedTuple):
    """A proxy, and the variable that sets it. `url` may contain a password; `shown` does not."""

    url: str
    shown: str
    variable: str


def proxy_for(url: str, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """Returns the proxy for a server; None for a direct connection, which local servers always get.

    Raises UnreachableError if a setting is not the address of a proxy.
    """
    variables = os.environ if environ is None else environ
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        # The address of the server is invalid, which the request reports.
        return None
    if not host or is_local(url) or _is_excluded(host, port or (443 if parts.scheme == "https" else 80), variables):
        return None
    name, value = _setting(parts.scheme, variables)
    return _read(value, name) if value else None


def _setting(scheme: str, variables: Mapping[str, str]) -> tuple[str, str]:
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        # A web server's CGI scripts get the client's "Proxy" header as HTTP_PROXY.
        if value := ("" if name == "HTTP_PROXY" and "REQUEST_METHOD" in variables else variables.get(name, "").strip()):
            return name, value
    if variables is os.environ and sys.platform in {"darwin", "win32"}:
        from urllib.request import getproxies, proxy_bypass

        return "the system's proxy settings", "" if proxy_bypass(scheme) else getproxies().get(scheme, "")
    return "", ""


def _read(value: str, name: str) -> Proxy:
    value = value.strip().removeprefix("//")
    wrong = UnreachableError(
        f"{name} is not the address of a proxy.", f"Set it to something like http://host:3128, or unset {name}."
    )
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, host, port = _SCHEMES.get(parts.scheme.lower()), parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    # A path is the rest of a password that is not quoted.
    if scheme is None or not host or parts.path.strip("/"):
        raise wrong
    bracketed = f"[{host}]" if ":" in host else host
    shown = f"{scheme}://{bracketed}{f':{port}' if port else ''}"
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return Proxy(f"{scheme}://{login}{shown.partition('://')[2]}", shown, name)


def _is_excluded(host: str, port: int, variables: Mapping[str, str]) -> bool:
    entries = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    return any(_matches(entry.lower(), host, port) for entry in re.split(r"[,;\s]+", entries) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY covers the host. It is `*`, a domain, an address or a network, possibly with a port."""
    if entry == "*":
        return True
    if "://" in entry:
        entry = entry.partition("://")[2].partition("/")[0]
    if (found := _is_in_network(entry, host)) is not None:
        return found
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    if (found := _is_in_network(name, host)) is not None:
        return found
    if name.endswith(".*"):  # 10.1.*
        return host.startswith(name[:-1])
    name = name.strip("[]").removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_in_network(entry: str, host: str) -> bool | None:
    """Whether a host is in a network, or is an address; None if one of the two is a name."""
    try:
        return ip_address(host) in ip_network(entry.strip("[]").replace("]/", "/"), strict=False)
    except ValueError:
        return None


def _split_port(entry: str) -> tuple[str, int | None]:
    name, separator, port = entry.rpartition(":")
    has_port = bool(separator) and port.isdecimal() and (":" not in name or name.endswith("]"))
    return (name, int(port)) if has_port else (entry, None)


def unreachable(url: str, reason: str, proxy: Proxy | None, *, retryable: bool = False) -> UnreachableError:
    """Returns the error for a failed connection, with a hint that fits the reason."""
    through, hint = "", ADDRESS_HINT
    if proxy is not None:
        through = f" through the proxy {proxy.shown}"
        hint = f"Check {proxy.variable}, or add the server to NO_PROXY."
        if reason.startswith("407"):
            hint = f"Set {proxy.variable} to {proxy.shown.replace('://', '://USER:PASSWORD@')}."
            return UnreachableError(f"The proxy {proxy.shown} requires a login (407).", hint)
    if "certificate" in reason:
        hint = CERTIFICATE_HINT
    elif "TLS" in reason or "HTTP" in reason:
        hint = "Check the address and the port."
    return UnreachableError(f"Cannot reach {url}{through}: {reason}.", hint, retryable=retryable)


def certificate_settings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the variables that replace the trusted certificates, with their values."""
    variables = os.environ if environ is None else environ
    return {name: path for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if (path := variables.get(name, ""))}


def trusted_certificates(url: str, environ: Mapping[str, str] | None = None) -> SSLContext:
    """Returns the certificates to trust: those of the system and of certifi, or those that the environment names.

    Raises UnreachableError if the environment names a file that cannot be used. Slow: reads hundreds of certificates.
    """
    import ssl

    import truststore

    named = {} if is_local(url) else certificate_settings(environ)
    for name, path in named.items():
        exists = Path(path).is_file() if name == "SSL_CERT_FILE" else any(map(os.path.isdir, path.split(os.pathsep)))
        if not exists:
            what = "file" if name == "SSL_CERT_FILE" else "directory"
            raise UnreachableError(f"{name} is {path}: no such {what}.", f"Correct {name}, or unset it.")
    if not named:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        import certifi

        context.load_verify_locations(certifi.where())
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(named.get("SSL_CERT_FILE"), named.get("SSL_CERT_DIR"))
    except (ssl.SSLError, OSError):
        settings = " and ".join(f"{name} ({path})" for name, path in named.items())
        raise UnreachableError(
            f"{settings} contains no certificates that can be read.", "It must be a PEM file, or a directory of them."
        ) from None
    return context
