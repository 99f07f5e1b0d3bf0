"""The foreign files that the pages use: pinned by version and sha256, kept in the repository with their licences.

`python -m consumers.gateway.pages.vendor` fetches them again from the npm registry, into `vendor/`.
"""

import hashlib
import io
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "vendor"
REGISTRY = "https://registry.npmjs.org"


@dataclass(frozen=True)
class Vendored:
    """One file of an npm package: where it stands in there, what it is called here, what it has to be."""

    package: str
    version: str
    member: str
    name: str
    sha256: str


_CHARTS = ("lightweight-charts", "5.2.1")  # Apache-2.0, TradingView; its licence asks that the logo stays on the chart
FILES = (
    Vendored(
        *_CHARTS,
        "dist/lightweight-charts.standalone.production.mjs",
        "lightweight-charts.standalone.production.mjs",
        "1bb1ee79f9d4dd17261b53d930f7a8995748276f80e7ba0e24412b5068062f5f",
    ),
    Vendored(
        *_CHARTS,
        "LICENSE",
        "lightweight-charts.LICENSE",
        "70c9d5382506dd184465425c08a99ad9bd6d9ac1313c252968ba0b585e5ef823",
    ),
)


def wrong_files() -> list[str]:
    """Names of files that are not there, or are not what is pinned."""
    return [file.name for file in FILES if _sha256(FOLDER / file.name) != file.sha256]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def fetch() -> None:
    """Write every file anew. Raises OSError, and ValueError where the registry has something else."""
    FOLDER.mkdir(exist_ok=True)
    archives: dict[str, bytes] = {}
    for file in FILES:
        url = f"{REGISTRY}/{file.package}/-/{file.package}-{file.version}.tgz"
        if url not in archives:
            with urllib.request.urlopen(url, timeout=60) as answer:
                archives[url] = answer.read()
        with tarfile.open(fileobj=io.BytesIO(archives[url])) as archive:
            member = archive.extractfile(f"package/{file.member}")
            content = b"" if member is None else member.read()
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise ValueError(f"{url}: {file.member} has sha256 {found}, expected {file.sha256}")
        (FOLDER / file.name).write_bytes(content)


if __name__ == "__main__":
    fetch()
