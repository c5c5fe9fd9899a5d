import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def command():
    """Runs a command as users do, but in a fork of a process that has imported the library."""
    # programs compile faster, and run slower
    environment = os.environ | {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.forks"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
    ) as process:  # fmt: skip

        def run(*arguments, until=None, signal=None):
            words = [str(argument) for argument in arguments]
            order = {"arguments": words, "until": until and str(until), "signal": signal}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return Done(*json.loads(process.stdout.readline()))

        yield run
        process.stdin.close()
