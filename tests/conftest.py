"""Four emulated devices, shapes and dtypes checked, silent broadcasting between ranks an error."""

import gc
import json
import os
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).parent.parent
# XLA's older emitters compile in half the time; their programs compute the same, more slowly. And
# two processes compile side by side: that each splits its programs for threads only costs time.
QUICK = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
if [int(part) for part in version("jaxlib").split(".")[:2]] >= [0, 11]:
    QUICK = ""  # processes with 0.11.2 die of them
# Programs that need not be fast are compiled in three quarters of the time.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count=4 {QUICK}")
# What was compiled once, by this session or an earlier one, is read back.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(REPOSITORY / ".cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")

import jax
import numpy as np
import pytest

from jaxdml import options
from jaxdml.types import Dataset, Split

jax.config.update("jax_numpy_rank_promotion", "raise")


# Tests name parts of their own in calls of inner functions; commands do not run in this process.
options.allow_all()
# Tracing makes many objects that live: to look for garbage as often as usual takes a tenth of it.
gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Makes variants slow that `default_variants` does not name, or that `one_in` passes over."""
    counts: Counter[Any] = Counter()
    for item in items:
        if isinstance(item, pytest.Function) and (mark := item.get_closest_marker("one_in")):
            if counts[item.function] % mark.args[0]:
                item.add_marker("slow")
            counts[item.function] += 1
    marked = [
        (item, mark)
        for item in items
        if isinstance(item, pytest.Function)
        and (mark := item.get_closest_marker("default_variants"))
    ]
    seen = {(item.function, item.callspec.id) for item, _ in marked}
    all_seen = not any("::" in argument for argument in config.args)
    for item, mark in marked:
        if all_seen and (
            unknown := [name for name in mark.args if (item.function, name) not in seen]
        ):
            raise pytest.UsageError(f"{item.nodeid}: there is no variant {unknown}")
        if item.callspec.id not in mark.args:
            item.add_marker("slow")


@pytest.fixture
def real_data() -> Path:
    """The folder of the real data sets; without one the test is skipped."""
    for folder in (os.environ.get("JAXDML_DATA"), REPOSITORY.parent / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("no real data: set JAXDML_DATA")


@pytest.fixture
def float64():
    """Double precision for the length of a test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def compile_fully():
    """Programs are compiled as for a user: where a test looks at their memory, or their time."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Thirty noisy images of 4 × 4 pixels in three classes, and six to test."""
    random = np.random.default_rng(0)
    y = np.arange(36, dtype=np.int32) % 3
    x = (80 * y[:, None, None, None] + random.integers(0, 60, (36, 4, 4, 1))).astype(np.uint8)
    return Dataset(
        name="tiny",
        train=Split(x[:30], y[:30]),
        validation=Split(x[:0], y[:0]),
        test=Split(x[30:], y[30:]),
        classes=("a", "b", "c"),
        source="made here",
    )


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def command():
    """Runs a command as users do, but in a fork of a process that has imported the library."""
    # programs compile faster, and run slower
    environment = os.environ | {"XLA_FLAGS": QUICK, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    # no test downloads what is published: nothing listens there
    environment |= dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.forks"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=environment,
    ) as process:  # fmt: skip

        def run(*arguments, until=None, signal=None, path=None):
            words = [str(argument) for argument in arguments]
            order = {"arguments": words, "until": until and str(until), "signal": signal}
            order["path"] = path and str(path)
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return Done(*json.loads(process.stdout.readline()))

        yield run
        process.stdin.close()
