"""Injects faults, and prints fault × moment × tries × points lost × wrong results.

    python -m tests.faults [--tries=2] [--seed=0] [--processes=2]

Exits with 1 where anything was lost, wrong, or ended in a traceback.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from jaxdml.runs.progress import clock
from tests.faults import cluster, matrix
from tests.faults.damage import FILES, KINDS
from tests.faults.injection import FAULTS, MOMENTS
from tests.faults.matrix import Server, Try


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2, help="of each fault at each moment")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="faults whose names hold this")
    options = parser.parse_args()
    began = time.monotonic()
    random.seed(options.seed)
    jobs = [
        (matrix.of_process, fault, moment, options.seed + number)
        for number in range(options.tries)
        for fault in FAULTS
        for moment in MOMENTS
    ] + [
        (matrix.of_files, kind, sort, options.seed + number)
        for number in range(options.tries)
        for kind in KINDS
        for sort in FILES
    ]
    jobs = [job for job in jobs if options.only in f"{job[1]} {job[2]}"]
    with tempfile.TemporaryDirectory(prefix="faults") as place:
        servers: Queue[Server] = Queue()
        ended: list[Try] = []
        for number in range(options.processes):
            path = Path(place) / str(number)
            path.mkdir()
            path.chmod(0o755)
            servers.put(Server(path))
        Path(place).chmod(0o755)

        def attempt(job: tuple) -> Try:
            server = servers.get()
            try:
                done = job[0](server, *job[1:])
            finally:
                servers.put(server)
            ended.append(done)
            left = (time.monotonic() - began) / len(ended) * (len(jobs) - len(ended))
            if len(ended) % 10 == 0:
                print(f"{len(ended)}/{len(jobs)} faults · {clock(left)} left", file=sys.stderr)
            for complaint in done.complaints:
                print(f"{job[1:]} {done.fault} at {done.moment}: {complaint}", flush=True)
            return done

        with ThreadPoolExecutor(options.processes) as threads:
            tries = list(threads.map(attempt, jobs))
        while not servers.empty():
            servers.get().close()
        tries += cluster.tries(Path(place), options.tries, options.seed, options.only)
    print(table(tries))
    bad = [one for one in tries if one.lost or one.wrong or one.complaints]
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(tries)} faults, {len(bad)} of them not survived, {minutes:.0f} minutes")
    return 1 if bad else 0


def table(tries: list[Try]) -> str:
    """Rows of a fault and moment, with sums."""
    rows = ["| fault | moment | tries | points lost | wrong results |", "|:--|:--|--:|--:|--:|"]
    counts = Counter((one.fault, one.moment) for one in tries)
    for key, count in counts.items():
        those = [one for one in tries if (one.fault, one.moment) == key]
        lost, wrong = sum(one.lost for one in those), sum(one.wrong for one in those)
        rows.append(f"| {key[0]} | {key[1]} | {count} | {lost} | {wrong} |")
    lost, wrong = sum(one.lost for one in tries), sum(one.wrong for one in tries)
    rows.append(f"| **all** | | **{len(tries)}** | **{lost}** | **{wrong}** |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
