"""Checkpoints of a chunk of points, and what stays of them after its last epoch."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdml.options import ConfigError
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network
from jaxdml.runs.planning.points import GridPoint
from jaxdml.runs.storage import files
from jaxdml.runs.storage.files import DamageError
from jaxdml.train import checkpoint
from jaxdml.types import TrainState

HISTORY = "history.jsonl"
OF_PROGRESS = ("epoch", "points", "diverged")  # what progress.json holds at least


class Saved(NamedTuple):
    """What an earlier call left of a chunk."""

    epoch: int  # the last one
    diverged: list[Any]
    history: list[dict[str, Any]]
    checksums: dict[str, str]  # of the folders that hold its arrays; {} in an older version


def read(saved: Path) -> Saved | None:
    """Reads what an earlier call left of a chunk: `None` if no epoch was finished.

    Raises:
      DamageError: if it is not as it was written.

    >>> read(Path("nowhere")) is None
    True
    """
    file = saved / "progress.json"
    if not file.exists():
        return None
    progress = files.read_json(file, OF_PROGRESS)
    done, checksums = progress["epoch"], progress.get("checksums", {})
    history = progress.get("history") or _read_history(saved, done, checksums)
    return Saved(done, progress["diverged"], history, checksums)


def drop_damaged(checkpoints: Path) -> None:
    """Makes chunks begin anew whose checkpoints are damaged; a warning names each.

    Args:
      checkpoints: the folder of all checkpoints.
    """
    for file in checkpoints.glob("*/progress.json"):
        try:
            saved = read(file.parent)
            for name, expected in saved.checksums.items() if saved else ():
                if name != HISTORY and (why := files.damage(file.parent / name, expected)):
                    raise DamageError(file.parent / name, why)
        except DamageError as error:
            warnings.warn(f"{error}, from the first epoch", stacklevel=2)
            file.unlink(missing_ok=True)


def restore(saved: Path, number: int, template: Any) -> Any:
    """What was saved after an epoch that is not the last: states, and what goes with them.

    Raises:
      ConfigError: if they are missing or damaged.
    """
    path = saved / f"epoch_{number}"
    try:
        return checkpoint.restore(path, template)
    except (OSError, ValueError) as error:
        raise ConfigError(_damaged(path)) from error


def final(setup: CohortSetup, saved: Path, rows: int, average: bool) -> Network:
    """Reads the networks of a chunk whose last epoch is done, as `networks` does.

    Raises:
      ConfigError: if they are missing or damaged.
    """
    try:
        return networks(setup.template(rows), saved / "final", average)
    except (OSError, ValueError) as error:
        raise ConfigError(_damaged(saved / "final")) from error


def clean(saved: Path) -> None:
    """Drops what only resuming needed; the parameters stay."""
    for file in ("progress.json", HISTORY):
        (saved / file).unlink(missing_ok=True)
    for old in saved.glob("epoch_*"):
        shutil.rmtree(old)


def networks(template: TrainState, path: Path, average: bool) -> Network:
    """What training kept of the points that were trained together; leading axis P.

    Args:
      template: the shapes of their states, see `SettingOnData.template`.
      path: the folder `final` of their checkpoints.
      rows: how many they are.
      average: whether the average of the weights is wanted, in the place of the last ones.

    Raises:
      OSError, ValueError: if it is missing or damaged.
    """
    kept_path = path.with_name("final_kept")
    kept = {"average": template.average, "kept": template.kept}
    if jax.tree.leaves(kept) and (kept_path.exists() or average):
        kept = checkpoint.restore(kept_path, kept)
    elif jax.tree.leaves(kept):
        kept["kept"] = None  # of a run that was made before it was written
    params = kept["average"] if average else checkpoint.restore(path, template.params)
    return Network(params, kept["kept"])


def chunk_name(chunk: Sequence[GridPoint]) -> str:
    """Names the folder of a chunk's checkpoints: twelve hex digits, by its points and their order.

    >>> len(chunk_name([]))
    12
    """
    return hashlib.sha256(",".join(point.id for point in chunk).encode()).hexdigest()[:12]


def chunks(
    points: Sequence[GridPoint], finished: Set[str], size: int, checkpoints: Path
) -> Iterator[Sequence[GridPoint]]:
    """Yields groups of at most `size` points; before them, groups that were cut off, of any size.

    Args:
      points: all of a cohort.
      finished: ids of those that have a result. They come again only in a group that was cut off
        while its results were written.
      size: the room of a chunk.
      checkpoints: the folder of all checkpoints.

    >>> from jaxdml.runs.planning.points import point
    >>> three = [point({"system": "ae", "seed": seed}) for seed in range(3)]
    >>> [len(group) for group in chunks(three, frozenset(), 2, Path("nowhere"))]
    [2, 1]
    """
    points_by_id = {point.id: point for point in points}
    left = {point.id: point for point in points if point.id not in finished}
    for file in sorted(checkpoints.glob("*/progress.json")):
        group = files.read_json(file, OF_PROGRESS)["points"]
        new = set(group) - finished
        if new and left.keys() >= new and points_by_id.keys() >= set(group):
            for identity in group:
                left.pop(identity, None)
            yield [points_by_id[identity] for identity in group]
    rest = list(left.values())
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def _damaged(path: Path) -> str:
    return f"{path} is missing or damaged: remove {path.parent} to train its points anew"


def _read_history(saved: Path, epochs: int, checksums: Mapping[str, str]) -> list[dict[str, Any]]:
    """The records of so many epochs; there may be more, of a training that was cut off."""
    file = saved / HISTORY
    try:
        lines = file.read_bytes().splitlines(keepends=True)[:epochs]
        expected = checksums.get(HISTORY)
        if expected not in (None, hashlib.sha256(b"".join(lines)).hexdigest()):
            raise DamageError(file, "is damaged (its checksum is another one)")
        records = [json.loads(line) for line in lines]
    except FileNotFoundError as error:
        raise DamageError(file, "is missing") from error
    except ValueError as error:
        raise (
            error if isinstance(error, DamageError) else DamageError(file, f"({error})")
        ) from error
    if len(records) < epochs:
        raise DamageError(file, f"is damaged (it holds {len(records)} of {epochs} epochs)")
    return records


class Saver:
    """Writes checkpoints, one at a time, while training goes on. Use it as a context manager."""

    def __init__(
        self,
        saved: Path,
        total: int,
        chunk: Sequence[GridPoint],
        history: Sequence[Mapping[str, Any]],
    ) -> None:
        self.saved, self.total, self.points = saved, total, [point.id for point in chunk]
        self.written = 0  # records of the history
        self.digest = hashlib.sha256()  # of these
        if history:  # what was cut off may have written more than it counted
            self._write(history, "w")
        self.thread = ThreadPoolExecutor(1, "checkpoint")
        self.writing: Future[None] | None = None

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self.thread.shutdown()

    def save(
        self,
        number: int,
        states: TrainState,
        history: list[dict[str, Any]],
        kept: TrainState | None = None,
        last: bool = False,
    ) -> None:
        """Begins to write the states after epoch `number`, as soon as the last one is written.

        Args:
          number: the epoch.
          states: of the points, in host memory.
          history: of all epochs.
          kept: the networks that the points would end with now, where they are validated.
          last: whether no epoch follows: then the networks alone are written.
        """
        self.wait()
        progress = {
            "epoch": number,
            "epochs": self.total,
            "points": self.points,
            "diverged": states.diverged.tolist(),
        }
        tree = states if last or kept is None else (states, kept)
        self.writing = self.thread.submit(self._save, tree, progress, list(history), last)

    def _save(
        self, tree: Any, progress: dict[str, Any], history: list[dict[str, Any]], last: bool
    ) -> None:
        self._write(history, "a" if self.written else "w")
        _save(self.saved, tree, {**progress, "checksums": {HISTORY: self.digest.hexdigest()}}, last)

    def _write(self, history: Sequence[Mapping[str, Any]], mode: str) -> None:
        """Adds what is new: a thousand epochs are not written a thousand times."""
        self.saved.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{json.dumps(record)}\n" for record in history[self.written :]).encode()
        with (self.saved / HISTORY).open(f"{mode}b") as file:
            file.write(lines)
        self.digest.update(lines)
        self.written = len(history)

    def wait(self) -> None:
        """Waits until the last checkpoint is written.

        Raises:
          OSError: if it could not be.
        """
        if self.writing is not None:
            self.writing.result()


def _save(saved: Path, tree: Any, progress: dict[str, Any], last: bool) -> None:
    """A checkpoint counts once progress.json names its epoch; after the last, less is kept."""
    name = f"epoch_{progress['epoch']}"
    trees = {name: tree}
    if last:
        kept = {"average": tree.average, "kept": tree.kept}
        trees = {"final": tree.params} | ({"final_kept": kept} if jax.tree.leaves(kept) else {})
    for path, arrays in trees.items():
        checkpoint.save(saved / path, arrays)
        progress["checksums"][path] = files.checksum(saved / path)
    files.write_json(saved / "progress.json", progress)
    for old in saved.glob("epoch_*"):
        if old.name not in trees:
            shutil.rmtree(old)
