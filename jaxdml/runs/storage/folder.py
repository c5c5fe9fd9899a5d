"""The run folder: what a run leaves on disk. A file appears whole or not at all, see `files`.

config.json    the base configuration
plan.json      points, cohorts, grid paths, width and devices
points/<id>/   result.json, history.csv, embeddings.npz; suggestions.npz, suspects.npz
checkpoints/   parameters of finished points; whole states of those in training
report/        tables and figures
results.csv    tidy: one row for each point × protocol × classifier × embedding × metric
per_class.csv  the recall of each class, a row for each accuracy × class
"""

import errno
import functools
import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.data import npz
from jaxdml.options import ConfigError
from jaxdml.runs.storage import files, locks
from jaxdml.runs.storage.files import DamageError

SCORE_COLUMNS = ("protocol", "classifier", "embedding", "metric", "value")
BASELINE_SCORES = "baselines.json"
CHUNK = re.compile(r"[0-9a-f]{12}")  # the folder of a chunk's checkpoints, and what it holds
ID = re.compile(r"[\w-]+")  # of a point
OF_CHUNK = re.compile(r"final.*|epoch_\d+.*|progress\.json|history\.jsonl|\..*")

OF_RESULT = ("point", "status", "config", "scores")  # what result.json holds at least
OF_PLAN = ("points",)
OF_POINT = ("history.csv", "embeddings.npz")  # whose checksums result.json holds
RECALL_COLUMNS = (*SCORE_COLUMNS[:3], "class", "recall")


class Folder:
    """Paths and files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def point(self, identity: str) -> Path:
        """Where a point's files are.

        Raises:
          DamageError: if it is no id of a point, which the plan of a damaged run may hold.
        """
        if not ID.fullmatch(identity):
            raise DamageError(self.path / "plan.json", f"holds {identity!r}, which is no point")
        return self.path / "points" / identity

    @property
    def checkpoints(self) -> Path:
        """Where parameters are."""
        return self.path / "checkpoints"

    @property
    def report(self) -> Path:
        """Where tables and figures are."""
        return self.path / "report"

    def require(self) -> None:
        """Makes sure that the folder of a run under way is still there.

        Raises:
          FileNotFoundError: if somebody has removed it.
        """
        if not (self.path / "plan.json").exists():
            raise FileNotFoundError(errno.ENOENT, "Somebody has removed it", str(self.path))

    @property
    def begun(self) -> bool:
        """Whether it holds a result, or a checkpoint to go on from."""
        return any(self.path.glob("points/*/result.json")) or any(
            self.checkpoints.glob("*/progress.json")
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of the folder during the block.

        Raises:
          ConfigError: if another process is at work in it.
        """
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                other = stack.enter_context(locks.held(self.path / ".lock", wait=False))
            except OSError as error:
                raise ConfigError(f"--workdir={self.path} cannot be written: {error}") from error
            if other is not None:
                raise ConfigError(
                    f"another process works in {self.path}: wait for it, or use another --workdir"
                    f"{other}"
                )
            yield

    @contextmanager
    def chunk_locked(self, name: str) -> Iterator[None]:
        """Waits until a chunk's checkpoints are free, and keeps other processes from them."""
        (self.checkpoints / name).mkdir(parents=True, exist_ok=True)
        with locks.held(self.checkpoints / name / ".lock", wait=True):
            yield

    def check(
        self,
        config: Mapping[str, Any],
        differing: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, tuple[Any, Any]]],
    ) -> None:
        """Makes sure that what the folder holds, if anything, has the same base configuration.

        A folder in which nothing was trained yet is anyone's.

        Args:
          config: the base configuration, flat.
          differing: the fields that may not differ between two of them, but do, and their values.

        Raises:
          ConfigError: if it is a run of another one.
        """
        if not self.begun:
            return
        changed = differing(
            files.read_json(self.path / "config.json"), json.loads(json.dumps(config))
        )
        if changed:
            changes = ", ".join(f"{p} {old!r} → {new!r}" for p, (old, new) in changed.items())
            raise ConfigError(
                f"{self.path} holds a run of another base configuration ({changes}): "
                "use another --workdir"
            )

    def claim(self, config: Mapping[str, Any]) -> None:
        """Writes the base configuration, unless the folder holds a run already."""
        if not self.begun:
            (self.path / "plan.json").unlink(missing_ok=True)
            files.write_json(self.path / "config.json", config)

    def check_data(self, data: Mapping[str, str]) -> None:
        """Makes sure that the data sets of a run are what they were when it began.

        Args:
          data: a data set in words → its fingerprint.

        Raises:
          ConfigError: if one has changed.
        """
        before = self.plan().get("data", {}) if self.begun else {}
        changed = [name for name in data if before.get(name, data[name]) != data[name]]
        if changed:
            raise ConfigError(
                f"the images or labels of the data set {changed[0]} have changed since the run in "
                f"{self.path} began: use another --workdir, where --warm_start={self.path} begins "
                "with what this one has learned, or put back what was there"
            )

    def plan(self) -> dict[str, Any]:
        """The plan, or an empty one."""
        file = self.path / "plan.json"
        empty: dict[str, Any] = {  # runs of older versions lack some of it
            "grid_paths": [],
            "points": {},
            "cohorts": [],
            "classes": {},
            "data": {},
            "devices": None,
            "notes": [],
            "data_dir": None,
            "places": {},
            "invariances": {},
            "columns": {},
            "damaged": {},
        }
        return empty | (files.read_json(file, OF_PLAN) if file.exists() else {})

    @property
    def data_dir(self) -> str | None:
        """Where the data sets lay, if it is known: a damaged plan is mended later."""
        try:
            directory: str | None = self.plan()["data_dir"]
        except DamageError:
            return None
        return directory

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Replaces the plan."""
        files.write_json(self.path / "plan.json", plan)

    def result(self, identity: str) -> dict[str, Any] | None:
        """A point's result, if it is finished.

        Raises:
          DamageError: if it is not as it was written, or of another point.
        """
        file = self.point(identity) / "result.json"
        if not file.exists():
            return None
        result: dict[str, Any] = files.read_json(file, OF_RESULT)
        if result["point"] != identity:
            raise DamageError(file, f"is of another point, {result['point']}")
        return result

    def results(self, whole: bool = False) -> list[dict[str, Any]]:
        """The results of all finished points, in the plan's order.

        A warning names each that is damaged, which is left out.

        Args:
          whole: whether the files that go with it are looked at too, as `damage` does.
        """
        checksum, results = functools.cache(files.checksum), []
        for identity in self.plan()["points"]:
            try:
                result = self.result(identity)
                if result is not None and whole and (error := self.damage(result, checksum)):
                    raise error
            except DamageError as error:
                warnings.warn(f"point {identity} is left out: {error}", stacklevel=2)
            else:
                results += [] if result is None else [result]
        return results

    def damage(
        self, result: Mapping[str, Any], checksum: Callable[[Path], str] = files.checksum
    ) -> DamageError | None:
        """What is damaged of the files that go with a result: losses, embeddings, networks.

        Args:
          result: as `result.json` holds it; of an older version without checksums.
          checksum: `files.checksum`, or what remembers it: points that were trained together share
            their networks' file.
        """
        if "checkpoint" not in result:  # of an archive, which has none of them
            return None
        point = self.point(result["point"])
        known = result.get("files", {})
        expected = {point / name: known.get(name) for name in OF_POINT}
        kept = result["checkpoint"]
        networks = self.checkpoints / Path(kept["path"]).parts[0]
        for name in ("final", "final_kept"):
            sums = kept.get("sha256", {"final": None})
            expected |= {networks / name: sums[name]} if name in sums else {}
        for path, value in expected.items():
            if why := files.damage(path, value, checksum):
                return DamageError(path, why)
        return None

    def history(self, identity: str) -> list[dict[str, str]]:
        """A finished point's losses, epoch by epoch, as text."""
        return files.read_csv(self.point(identity) / "history.csv")

    def embeddings(self, identity: str) -> Mapping[str, np.ndarray]:
        """A finished point's arrays, named as in `EmbeddedPoint`; none if the point diverged.

        Raises:
          DamageError: if they cannot be read.
        """
        path = self.point(identity) / "embeddings.npz"
        if not path.exists():
            raise DamageError(path, "is missing")
        try:
            return npz.read(path, npz.names(path))
        except ConfigError as error:
            raise DamageError(path, "is damaged") from error

    def write_result(
        self,
        result: Mapping[str, Any],
        history: Sequence[Mapping[str, Any]],
        embeddings: Mapping[str, np.ndarray],
    ) -> None:
        """Writes a finished point's files; result.json comes last: then the others are there."""
        run_folder = self.point(result["point"])
        columns = list(dict.fromkeys(name for row in history for name in row))
        checksums = {
            "history.csv": files.write_csv(run_folder / "history.csv", columns, history),
            "embeddings.npz": files.write_npz(run_folder / "embeddings.npz", embeddings),
        }
        files.write_json(run_folder / "result.json", {**result, "files": checksums})

    def drop_orphans(self) -> None:
        """Removes checkpoints that neither a result nor an unfinished training needs.

        What is in that folder besides is left alone.
        """
        needed = {result["checkpoint"]["path"].split("/")[0] for result in self.results()}
        for kept in filter(_is_checkpoint, self.checkpoints.glob("*")):
            file = kept / "progress.json"
            points = files.read_json(file)["points"] if file.exists() else []
            done = all(self.result(identity) is not None for identity in points)
            if kept.name not in needed and done:
                shutil.rmtree(kept)

    def write_results(self, into: Path | None = None) -> None:
        """Writes results.csv and per_class.csv of finished points, by default in this folder."""
        into = into or self.path
        paths = self.plan()["grid_paths"]
        rows: list[dict[str, Any]] = []
        recalls: list[dict[str, Any]] = []
        for result in self.results():
            of_point = {"point": result["point"], "status": result["status"]}
            of_point |= {path: result["config"].get(path) for path in paths}
            for score in result["scores"] or [{}]:
                row = of_point | {name: score.get(name) for name in SCORE_COLUMNS}
                rows.append(row)
                by_class = score.get("recalls", {})
                recalls += [row | {"class": c, "recall": by_class[c]} for c in by_class]
        files.write_csv(into / "results.csv", ("point", "status", *paths, *SCORE_COLUMNS), rows)
        if recalls:
            columns = ("point", "status", *paths, *RECALL_COLUMNS)
            files.write_csv(into / "per_class.csv", columns, recalls)


def _is_checkpoint(path: Path) -> bool:
    """Whether a folder is one of ours, and holds nothing else."""
    if not CHUNK.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
        return False
    return all(OF_CHUNK.fullmatch(inside.name) for inside in path.iterdir())
