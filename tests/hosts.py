"""Hosts made of network namespaces: a network of their own, linked to this one by a cable that can be pulled.

What listens on this host's loopback is reached there on the same port of its own loopback, through the cable.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.disks import run_as_root
from tests.pipeline import ROOT
from tests.servers.base import free_port
from tests.servers.proxy import Link


class Host:
    """One namespace."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.here, self.there = f"10.203.{number}.1", f"10.203.{number}.2"  # the two ends of the cable
        self._cable = f"mlc{number}"

    @property
    def within(self) -> Sequence[str]:
        """What a command runs under to be on that host."""
        return ("ip", "netns", "exec", self.name)

    def pull(self) -> None:
        """Nothing passes any more, and nobody is told."""
        run_as_root("ip", "link", "set", self._cable, "down")

    def plug(self) -> None:
        """As before."""
        run_as_root("ip", "link", "set", self._cable, "up")

    def make(self) -> None:
        """Namespace and cable. Skips the test where this user may not."""
        self.remove()  # what a test run that was killed has left
        run_as_root("ip", "netns", "add", self.name)
        peer = f"{self._cable}p"
        run_as_root("ip", "link", "add", self._cable, "type", "veth", "peer", "name", peer, "netns", self.name)
        run_as_root("ip", "addr", "add", f"{self.here}/24", "dev", self._cable)
        run_as_root("ip", "-n", self.name, "addr", "add", f"{self.there}/24", "dev", peer)
        run_as_root("ip", "-n", self.name, "link", "set", "lo", "up")
        run_as_root("ip", "-n", self.name, "link", "set", peer, "up")
        self.plug()

    def remove(self) -> None:
        """The cable goes with the namespace."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self._cable], check=False, capture_output=True)


@contextmanager
def host(number: int, ports: Sequence[int]) -> Iterator[Host]:
    """A host, which reaches these loopback ports of this one."""
    made = Host(f"mltest-host{number}", number)
    with ExitStack() as stack:
        stack.callback(made.remove)
        made.make()
        for port in ports:
            link = stack.enter_context(Link(port, at=(made.here, free_port())))
            command = [*made.within, sys.executable, "-m", "tests.servers.proxy", str(port), made.here, str(link.port)]
            forward = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.callback(forward.wait)
            stack.callback(forward.terminate)
            assert forward.stdout is not None
            assert forward.stdout.readline() == "ready\n"
            stack.callback(forward.stdout.close)
        yield made
