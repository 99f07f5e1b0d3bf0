"""Gets the recorded order flow at set-up: a wheel by hash, never installed, only its sample data taken out.

The data states no licence of its own, so it is no part of this repository: each host fetches it from PyPI once.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "ob-analytics==0.1.0"
WHEEL_SHA256 = "0326a93aaee4ea08356d8dea59868d68592623a2434bbe4d9be379fa855c9c62"
FOLDER = "bitstamp-btcusd-2026-05-02"
MEMBERS = {
    "orders.csv.gz": "880501e94fb43942b7f98cbc37bab421d72703d85898aae8de5da117bf62cdfc",
    "trades.csv": "9fd0dd86023b71eed49026b9b8e8a45d06d2578ced69393ad696f37233e9c795",
}
DEFAULT_CACHE = Path("var") / "data"
_PIP_SECONDS_MAX = 120


class FetchError(RuntimeError):
    """The recording can't be had now; the message says why and what to do."""


def recorded_files(cache_dir: Path = DEFAULT_CACHE) -> list[Path] | None:
    """Orders and trades where an earlier fetch left them, checked by hash; None where they aren't (all) there."""
    paths = [cache_dir / FOLDER / name for name in MEMBERS]
    for path, expected in zip(paths, MEMBERS.values(), strict=True):
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            return None
    return paths


def fetch(cache_dir: Path = DEFAULT_CACHE, index_url: str | None = None) -> list[Path]:
    """Orders and trades of the recording, fetched only if they aren't in cache_dir already.

    Raises FetchError when the package index can't be reached or serves something else.
    """
    found = recorded_files(cache_dir)
    if found is not None:
        return found
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetch-") as folder:
        wheel = _download(Path(folder), index_url)
        _extract(wheel, cache_dir / FOLDER)
    found = recorded_files(cache_dir)
    if found is None:
        raise FetchError(f"{WHEEL} came with other sample data than expected; using none of it")
    return found


def _download(folder: Path, index_url: str | None) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--retries", "1", "--timeout", "10"]
    command += ["-d", str(folder), "-r", str(requirements)]
    if index_url is not None:
        command += ["--index-url", index_url]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise FetchError(
            f"pip took longer than {_PIP_SECONDS_MAX} s to fetch {WHEEL}; is this host offline?"
        ) from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no wheel came"]
        raise FetchError(f"the recorded order flow ({WHEEL}) can't be fetched: {errors[-1]}")
    return wheels[0]


def _extract(wheel: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in MEMBERS:
                temporary = folder / f".{name}.{os.getpid()}"
                temporary.write_bytes(archive.read(f"ob_analytics/_sample_data/{name}"))
                os.replace(temporary, folder / name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FetchError(f"{WHEEL} holds no sample data where it was expected: {error}") from error
