"""A run for Weights & Biases: one of theirs for each point, and one for the report."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxdml.export.records import Point, Run
from jaxdml.options import ConfigError

PROJECT = "jaxdml"  # where WANDB_PROJECT names no other
LONGEST = 40  # letters of a run folder's name in an id, which may not have many


def write(run: Run, into: Path, written: Callable[[], None]) -> None:
    """Writes losses by epoch, scores and status, configuration, images, and the report's figures.

    Whether this is sent or only written is up to WANDB_MODE.

    Args:
      run: its points get a run each, of the same id whenever the same folder is exported.
      into: an empty folder whose name is wandb.
      written: is called after each point.

    Raises:
      ConfigError: if Weights & Biases does not take it.
    """
    import wandb

    try:
        for point in run.points:
            _write_point(point, run, into)
            written()
        about = {"name": f"report of {run.name}", "notes": run.text, "job_type": "report"}
        with _started(run, "report", into, about) as report_run:
            if run.figures:
                report_run.log({name: wandb.Image(str(file)) for name, file in run.figures.items()})
    except wandb.errors.Error as error:
        raise ConfigError(
            f"Weights & Biases does not take it: {error} "
            "(WANDB_MODE=offline writes it here, to be sent later)"
        ) from error


def look(into: Path) -> str:
    """How to look at what was written."""
    if any(into.glob("offline-run-*")):
        return f"wandb sync {into}/offline-run-*"
    return f"project {_project()} at Weights & Biases"


def identity(folder: str, part: str) -> str:
    """The id of a run: letters that are allowed, and not too many.

    >>> identity("a/b c", "3ad54fbeadfd")
    'a_b_c-3ad54fbeadfd'
    """
    allowed = re.sub(r"[^\w.-]+", "_", folder, flags=re.ASCII)
    return f"{allowed[:LONGEST]}-{part}"


def nested(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted paths as sections, which is how their pages filter.

    >>> nested({"seed": 0, "loss.name": "triplet", "loss.margin": 0.2})
    {'seed': 0, 'loss': {'name': 'triplet', 'margin': 0.2}}
    """
    tree: dict[str, Any] = {}
    for path, value in config.items():
        *sections, last = path.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    return tree


def _project() -> str:
    return os.environ.get("WANDB_PROJECT", PROJECT)


def _write_point(point: Point, run: Run, into: Path) -> None:
    import wandb

    config = {"point": point.id} | nested(point.config)
    about = {"name": point.name, "notes": point.message, "config": config, "job_type": "point"}
    with _started(run, point.id, into, about, failed=point.status != "ok") as point_run:
        for epoch, values in point.history:
            named = {f"training/{name.replace('.', '_')}": v for name, v in values.items()}
            point_run.log(named, step=epoch)
        pictures = {f"images/{n}": wandb.Image(image) for n, image in point.pictures.items()}
        if pictures:
            point_run.log(pictures, step=point.epoch)
        point_run.summary.update({f"scores/{name}": value for name, value in point.scores.items()})
        point_run.summary.update({"status": point.status, "said": point.message})


@contextmanager
def _started(
    run: Run, part: str, into: Path, about: Mapping[str, Any], failed: bool = False
) -> Iterator[Any]:
    """One run of theirs, with nothing of the machine that exports it."""
    import wandb

    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_save_requirements=False,
    )
    started_run = wandb.init(
        project=_project(),
        id=identity(run.name, part),
        group=run.name,
        dir=into.parent,  # in which it makes a folder `wandb`
        reinit="finish_previous",
        settings=settings,
        **about,
    )
    done = False
    try:
        yield started_run
        done = True
    finally:
        started_run.finish(exit_code=int(failed or not done))
