"""The subscribers in other languages: what each needs to be built and run, and the proof that its book is right."""

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline import ROOT
from tests.servers.found import CannotBuild, built, program, run

CLIENT = ROOT / "client"
SYMBOL = "BTC-USDT"
Sides = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Language:
    """name: as tests show it. programs: each with what brings it. build: gives the command (symbol and base follow)."""

    name: str
    programs: dict[str, str]
    build: Callable[[], list[str]]

    def missing(self) -> str:
        """Why it can't be had here, "" where it can; builds it where it has to be built."""
        lacks = [f"{name} is not installed ({source})" for name, source in self.programs.items() if not program(name)]
        if lacks:
            return "; ".join(lacks)
        try:
            self.build()
        except CannotBuild as why:
            return f"{self.name} can't be had: {why}"
        return ""


def _recipe(folder: str) -> str:
    return "".join(path.read_text() for path in sorted((CLIENT / folder).iterdir()) if path.is_file())


def _copied(folder: str) -> Callable[[Path], Path]:
    def copy(to: Path) -> Path:
        return Path(shutil.copytree(CLIENT / folder, to / "source"))

    return copy


@functools.cache
def c_program(source: str, *libraries: str) -> Path:
    """A program of client/c, compiled once; CannotBuild says the compiler's own words."""
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"]

    def build(folder: Path) -> None:
        copied = _copied("c")(folder)
        links = [f"-l{library}" for library in libraries]
        run("gcc", *flags, f"{source}.c", "-o", str(folder / source), *links, cwd=copied)

    return built(f"client-c-{source}", _recipe("c"), build) / source


def _c() -> list[str]:
    return [str(c_program("subscriber", "zmq"))]


def _go() -> list[str]:
    def build(folder: Path) -> None:
        run(program("go"), "build", "-o", "../subscriber", ".", cwd=_copied("go")(folder), CGO_ENABLED="0")

    return [str(built("client-go", _recipe("go"), build) / "subscriber")]


def _node() -> list[str]:
    def build(folder: Path) -> None:
        run(program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=_copied("node")(folder))

    return [program("node"), str(built("client-node", _recipe("node"), build) / "source" / "subscriber.mjs")]


def _java() -> list[str]:
    def build(folder: Path) -> None:
        source = _copied("java")(folder)
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
        run(program("mvn"), "--quiet", "--batch-mode", *goal, cwd=source)
        run(program("javac"), "-Xlint:all", "-Werror", "-cp", "lib/*", "Subscriber.java", cwd=source)

    source = built("client-java", _recipe("java"), build) / "source"
    return [program("java"), "-Xmx256m", "-cp", f"{source}:{source}/lib/*", "Subscriber"]


C = Language("c", {"gcc": "Debian's gcc"}, _c)  # and Debian's libzmq3-dev: the compiler names it where it is not there
GO = Language("go", {"go": "Go 1.22 or newer"}, _go)
NODE = Language("node", {"node": "Node 18 or newer", "npm": "its npm"}, _node)
JAVA = Language("java", {"javac": "JDK 17 or newer", "mvn": "Debian's maven"}, _java)


class Subscriber:
    """One that runs, and what it has printed."""

    def __init__(self, name: str, command: Sequence[str], base: int, folder: Path) -> None:
        self.name = name
        self._out = folder / f"{name}.jsonl"
        self._errors = folder / f"{name}.err"
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            given = [*command, SYMBOL, str(base)]
            self.process = subprocess.Popen(given, cwd=ROOT, stdout=out, stderr=errors)

    def books(self) -> Iterator[tuple[int, Sides]]:
        """(sequence, book) of every whole line so far."""
        self.check()
        for line in self._out.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                printed = json.loads(line)
                yield printed["seq"], {side: dict(printed[side]) for side in ("bids", "asks")}

    def last(self) -> Sides | None:
        """Its book as last printed."""
        return next((book for _, book in reversed(list(self.books()))), None)

    def check(self) -> None:
        """It has not ended by itself."""
        assert self.process.poll() is None, f"{self.name} ended: {self._errors.read_text()[-2000:]}"


@contextmanager
def subscribers(commands: dict[str, list[str]], base: int, folder: Path) -> Iterator[list[Subscriber]]:
    """All of them, killed at the end."""
    made = []
    try:
        made += [Subscriber(name, command, base, folder) for name, command in commands.items()]
        yield made
    finally:
        for each in made:
            each.process.kill()
            each.process.wait()
