"""What large numbers cost beside training: points to plan, embeddings in a graph, tasks of a fleet.

    python -m experiments.limits --plan=10000
    python -m experiments.limits --graph=1000000
    python -m experiments.limits --tasks=2000

The first plans a grid of so many points on digits, without training. The second finds the nearest
neighbours of so many vectors approximately, and compares a sample with the exact ones. The third
has a Dask scheduler in this process hand out so many chunks whose work is to do nothing.
"""

import contextlib
import dataclasses
import logging
import pickle
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from configs import digits
from jaxdml.commands import cli
from jaxdml.graph.neighbours import nearest
from jaxdml.runs.execution import cluster, execute
from jaxdml.runs.execution.chunk_trainer import Chunk, Size
from jaxdml.runs.planning import description, grid, loading, plan, points
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import flatten

PLAN = flags.DEFINE_integer("plan", None, "Plan a grid of so many points.")
GRAPH = flags.DEFINE_integer("graph", None, "Find the neighbours of so many vectors.")
EXACT = flags.DEFINE_integer("exact", 50_000, "Search so many of the vectors exactly, or none.")
TASKS = flags.DEFINE_integer("tasks", None, "Hand out so many chunks that do nothing.")
WORKERS = 4
DIM, CLUSTERS, RANK = 64, 100, 8  # of the vectors
NEIGHBOURS, QUERIES = 10, 1000


def main() -> None:
    """Prints what is asked for."""
    if PLAN.value:
        planning(PLAN.value)
    if GRAPH.value:
        graph(GRAPH.value, EXACT.value)
    if TASKS.value:
        print(f"{'points a chunk':>14}{'KiB a task':>12}{'tasks/s':>9}{'points/s':>10}")
        for of_chunk in (1, 16, 64):
            size, rate = tasks(TASKS.value, of_chunk)
            points_a_second = of_chunk * rate
            print(
                f"{of_chunk:>14}{size / 2**10:>12.0f}{rate:>9.0f}{points_a_second:>10.0f}",
                flush=True,
            )


@contextlib.contextmanager
def timed(name: str) -> Iterator[None]:
    """Prints the seconds of a block, and those of CPU time, of all threads."""
    began, cpu = time.monotonic(), time.process_time()
    yield
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    print(f"{name:<34}{seconds:9.2f} s {cpu:9.2f} s of CPU time", flush=True)


def seeds_grid(count: int) -> grid.Grid:
    """A grid of two systems and four numbers of labels, with as many seeds as it takes."""
    seeds = tuple((seed, seed) for seed in range(max(1, count // 8)))
    labels = {"data.labelled_count": (20, 60, 200, 600), ("seed", "data.labels_seed"): seeds}
    return ({"system": ("dml", "dml_ae"), **labels},)


def planning(count: int) -> None:
    """Plans a grid as a run does before it trains, once what it needs is imported."""
    base, over = flatten(digits.get_config().to_dict()), seeds_grid(count)
    loading.loader(Path())(grid.expand(base, over[:1])[0].setting)  # imports
    with tempfile.TemporaryDirectory() as scratch, timed("in all"):
        run_folder = folder.Folder(Path(scratch))
        with timed("grid to points"):
            of_grid = grid.expand(base, over)
        with timed("ids, and what is finished"):
            of_grid = points.with_stored_ids(of_grid, run_folder.plan()["points"])
            finished = frozenset(p.id for p in of_grid if run_folder.result(p.id) is not None)
        with timed("points to cohorts"):
            planned = plan.plan(of_grid, loading.loader(Path()), finished)
        with timed("plan.json"):
            execute.remember(run_folder, of_grid, grid.paths(over), planned, Path())
        print(description.describe(planned).splitlines()[-1 - len(description.notes_of(planned))])


def vectors(count: int) -> np.ndarray:
    """Vectors like embeddings, f32[N, D]: Gaussians of low rank, put on the unit sphere."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, DIM)) / np.sqrt(DIM)
    bases = rng.normal(size=(CLUSTERS, RANK, DIM)) / np.sqrt(DIM)
    of_cluster = rng.integers(CLUSTERS, size=count)
    z = np.empty((count, DIM), np.float32)
    for number in range(CLUSTERS):
        rows = np.flatnonzero(of_cluster == number)
        inside = 0.5 * rng.normal(size=(len(rows), RANK)) @ bases[number]
        z[rows] = centres[number] + inside + 0.02 * rng.normal(size=(len(rows), DIM))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def graph(count: int, exactly: int) -> None:
    """Finds neighbours approximately, and says which share of the exact ones they are."""
    z = vectors(count)
    print(f"{count:,} vectors of {DIM} dimensions, {NEIGHBOURS} neighbours")
    with timed("compiling, with 1,000 vectors"):
        nearest(z[:1000], NEIGHBOURS, approximate=True)
    with timed("approximate search"):
        found = nearest(z, NEIGHBOURS, approximate=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{peak:.2f} GiB at most, {z.nbytes / 2**30:.2f} of them the vectors")
    queries = np.random.default_rng(1).choice(count, min(QUERIES, count), replace=False)
    common = [
        len(set(found.rows[query]) & set(exact)) / NEIGHBOURS
        for query, exact in zip(queries, exact_rows(z, queries), strict=True)
    ]
    print(f"recall of {len(queries)} queries: {np.mean(common):.4f}, at least {min(common):.1f}")
    if exactly:
        with timed(f"exact search of {exactly:,}"):
            nearest(z[:exactly], NEIGHBOURS)


def exact_rows(z: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The exact neighbours of some vectors of length 1: those with the largest products."""
    rows = []
    for block in np.array_split(queries, -(-len(queries) // 50)):
        products = z[block] @ z.T
        products[np.arange(len(block)), block] = -np.inf
        rows.append(np.argpartition(-products, NEIGHBOURS, axis=1)[:, :NEIGHBOURS])
    return np.concatenate(rows)


def nothing(paths: cluster.WorkerPaths, chunk: Chunk, finished: frozenset[str]) -> float:
    """In place of `cluster.carry_out`."""
    return 0.0


def tasks(count: int, of_chunk: int) -> tuple[int, float]:
    """Bytes of a task, and how many of them a scheduler hands out in a second, to the last answer.

    Args:
      count: so many tasks.
      of_chunk: points of each.
    """
    import distributed

    base = flatten(digits.get_config().to_dict())
    of_grid = grid.expand(base, seeds_grid(8 * of_chunk))
    members = plan.plan(of_grid, loading.loader(Path())).cohorts[0]
    members = dataclasses.replace(members, points=members.points[:of_chunk])
    chunk = Chunk(members, Size(of_chunk, 1, 1))
    answers: list[float] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as local,
        cluster.connected(local.scheduler_address) as client,
    ):
        fleet = cluster.Tasks(client, folder.Folder(Path(scratch)), Path(), lambda: 0, print)
        for number in (WORKERS, count):  # the first ones open the connections
            began = time.monotonic()
            for _ in range(number):
                fleet.submit(
                    lambda loss, _: answers.append(loss), chunk, nothing, chunk, frozenset()
                )
            fleet.finish()
        seconds = time.monotonic() - began
    assert len(answers) == WORKERS + count
    return len(pickle.dumps(chunk)), count / seconds


if __name__ == "__main__":
    cli.main(main)
