"""Run folders that are damaged, foreign, or of something else. A finished run is made once."""

import functools
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxdml.estimator.from_run import load
from jaxdml.runs.execution import execute
from jaxdml.runs.storage import opening
from tests.bad_inputs.case import Case
from tests.faults.damage import KINDS

TINY = {
    "system": "dml_ae",
    "data": {"name": "digits", "labelled_count": 20},
    "model": {"hidden": (4,), "latent_dim": 2},
    "train": {"steps": 2, "batch_size": 8},
}


@functools.cache
def finished() -> Path:
    """A run of two points, in a folder that goes when Python ends."""
    scratch = tempfile.TemporaryDirectory()
    finished.scratch = scratch  # type: ignore[attr-defined]
    path = Path(scratch.name) / "run"
    execute.run(TINY, ({"seed": (0, 1)},), path, Path(scratch.name))
    return path


def opened(path: Path) -> None:
    """What the report and `compare` begin with."""
    opening.existing(path).results(whole=True)


def chosen(path: Path) -> None:
    """What `predict` and `embed` begin with."""
    points = sorted(point.name for point in (path / "points").iterdir())
    load(path, points[0]).transform(np.zeros((1, 8, 8, 1), np.float32))


def case(
    came: str, use: Callable[[Path], object], change: Callable[[Path], object], says: str
) -> Case:
    """A finished run that is changed, and then used."""

    def call(folder: Path) -> None:
        path = folder / "run"
        shutil.copytree(finished(), path)
        change(path)
        use(path)

    return Case(came, call, says)


def damaged(kind: str, pattern: str) -> Callable[[Path], None]:
    """Damages the largest file of a pattern, of the first point."""

    def change(path: Path) -> None:
        found = [file for file in sorted(path.glob(pattern)) if file.is_file()]
        KINDS[kind](max(found, key=lambda file: file.stat().st_size), [], random.Random(0))

    return change


def linked(path: Path) -> None:
    """Moves the points out of the run folder, and leaves a link."""
    (path / "points").rename(path.parent / "elsewhere")
    (path / "points").symlink_to(path.parent / "elsewhere")


def renamed(path: Path) -> None:
    """Gives a point the name of another one."""
    first, second = sorted((path / "points").iterdir())
    shutil.copy(second / "result.json", first / "result.json")


def emptied(path: Path) -> None:
    """Takes away all points."""
    shutil.rmtree(path / "points")
    (path / "results.csv").unlink()


STORED = (  # what a run keeps, who reads it, and what is said of it
    ("plan.json", opened, "plan.json", "plan.json is "),
    ("result.json", chosen, "points/*/result.json", "result.json is damaged"),
    ("embeddings", chosen, "points/*/embeddings.npz", "embeddings.npz is "),
    ("networks", chosen, "checkpoints/*/final/**/*", "final is damaged"),
)
RUN_FOLDERS = (
    *(
        case(f"{name} of a run, {kind}", use, change, says)
        for name, use, pattern, says in STORED
        for kind in ("truncated", "one bit flipped", "emptied", "foreign", "missing")
        for change in [damaged(kind, pattern)]
        if (name, kind) != ("result.json", "missing")  # then it is not finished
    ),
    case("a run whose point is another one", chosen, renamed, "is of another point"),
    case("a run whose points are elsewhere, by a link", chosen, linked, "leads out of"),
    case("a run without its points", opened, emptied, "holds no finished points"),
)
