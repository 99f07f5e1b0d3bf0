"""The soft limit that a shell gives is not the one that a history of thousands of segments is read under."""

import subprocess
import sys

from tests.pipeline import ROOT

PROGRAM = """
import resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
from ops.cli import main
assert main(["--version"]) == 0
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
"""


def test_every_verb_may_open_as_many_files_as_the_host_allows() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
