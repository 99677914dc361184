"""The demo server and a client of it, as in the tests of the servers."""

from tests.servers.conftest import demo, to_demo

__all__ = ["demo", "to_demo"]
