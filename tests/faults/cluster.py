"""Faults of a grid on a cluster: a worker or the client is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.conftest import QUICK, REPOSITORY
from tests.faults.matrix import Server, Try, written

FAULTS = ("a worker killed", "a client killed")
SECONDS = 300


def tries(place: Path, count: int, seed: int, only: str = "") -> list[Try]:
    """So many of each."""
    faults = [fault for fault in FAULTS if only in fault]
    if not faults:
        return []
    path = place / "cluster"
    path.mkdir()
    server, done = Server(path), []
    for number in range(count):
        for fault in faults:
            done.append(_try(server, fault, random.Random(f"{fault} {seed + number}")))
            for complaint in done[-1].complaints:
                print(f"{fault}: {complaint}", flush=True)
    server.close()
    return done


def _try(server: Server, fault: str, draw: random.Random) -> Try:
    """Kills at a moment after the first checkpoint, and has the same command finish the grid."""
    workdir = server.place / f"{fault} {draw.random()}"
    words = [
        sys.executable, "-m", "experiments.grid", f"--config={server.config}",
        f"--workdir={workdir}", "--scheduler=local:2",
    ]  # fmt: skip
    environment = os.environ | {"XLA_FLAGS": QUICK, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    process = subprocess.Popen(
        words, cwd=REPOSITORY, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS
    while not any(workdir.glob("checkpoints/*/progress.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(draw.uniform(0, 0.5))
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    workers = [one for one in family if "spawn_main" in " ".join(one.cmdline())]
    if fault == "a client killed":
        process.kill()
        for one in family:  # its cluster goes with it
            one.send_signal(signal.SIGKILL)
    elif workers:
        draw.choice(workers).send_signal(signal.SIGKILL)
    complained = process.communicate(timeout=SECONDS)[1]
    complaints = [complained[-1500:]] if fault == FAULTS[0] and process.returncode else []
    code, _, complained = server.grid(workdir)
    if code:
        return Try(fault, "training", 4, 0, (*complaints, complained[-1500:]))
    result = written(workdir)
    wrong = [name for name, value in server.expected.items() if result.get(name) != value]
    complaints += [f"another {name}" for name in wrong]
    return Try(fault, "training", 0, len(wrong), tuple(complaints))
