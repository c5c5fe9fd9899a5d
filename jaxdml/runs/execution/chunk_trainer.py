"""Carrying out a plan in this process: sizes, training, scores, and the writing of results."""

import functools
import math
import time
import warnings
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax

from jaxdml import data
from jaxdml.options import ConfigError
from jaxdml.runs import interrupt, provenance
from jaxdml.runs.execution import checkpoints, sizing, training
from jaxdml.runs.planning import cohort_setup, loading, splits
from jaxdml.runs.planning.points import Cohort, GridPoint, Static
from jaxdml.runs.scoring.embedding import EmbeddedPoint, embed_point
from jaxdml.runs.scoring.scorer import Scorer
from jaxdml.runs.storage import folder
from jaxdml.settings.setting import Setting
from jaxdml.train import population
from jaxdml.train.programs import Placed
from jaxdml.types import Dataset


class Size(NamedTuple):
    """How many points of a cohort are trained together, and how they lie on the devices."""

    width: int  # so many at once on a device
    rounds: int  # so many times, before results are written
    devices: int
    tried: int = 0  # the width was chosen by trials, for so many points a device
    fed: bool = False  # batches came from the host

    @property
    def chunk(self) -> int:
        """Points that are trained together."""
        return self.width * self.rounds * self.devices

    def holding(self, points: int) -> Self:
        """Returns this size with enough rounds for so many points, or unchanged if it has them.

        >>> Size(width=2, rounds=1, devices=4).holding(20).rounds
        3
        """
        needed = math.ceil(points / (self.width * self.devices))
        return self._replace(rounds=max(self.rounds, needed))


class Chunk(NamedTuple):
    """Points of a cohort that are trained together, from their first epoch to their last."""

    members: Cohort  # of these points only
    size: Size


class ChunkTrainer:
    """What one process keeps from chunk to chunk: compiled programs, and images on the devices.

    Args:
      run_folder: the run folder.
      load: gives data sets.
    """

    def __init__(self, run_folder: folder.Folder, load: loading.LoadDataset) -> None:
        self.run_folder, self.load = run_folder, load
        self.spent: dict[str, float] = {}  # seconds by activity
        self._trials: dict[tuple[Static, int, int], sizing.Trial] = {}
        self._fingerprints: dict[tuple[Static, int], str] = {}  # of the data sets of these
        self._setups: dict[tuple[Static, int], cohort_setup.CohortSetup] = {}
        self._placed: dict[tuple[Static, int, Size], Placed] = {}
        self._images: tuple[Any, Any] | None = None  # one data set's at a time, and one way
        self._trained: tuple[Path, cohort_setup.Network] | None = None  # one chunk's at a time

    @property
    def programs(self) -> int:
        """How many programs trained the cohorts so far."""
        return sum(1 + len(setup.patterns()) for setup in self._setups.values())

    def setup(self, members: Cohort) -> cohort_setup.CohortSetup:
        """The setup of a cohort, from any of its points; made once."""
        key = members.static, members.capacity
        if key not in self._setups:
            setting = members.points[0].setting
            dataset = self.load(setting)
            self._fingerprints[key] = self._notice(setting, dataset)
            self._setups[key] = cohort_setup.setup_of(members, dataset)
        return self._setups[key]

    def _notice(self, setting: Setting, dataset: Dataset) -> str:
        """Returns a data set's fingerprint; warns where it was another when the run was planned."""
        before, now = self.run_folder.plan()["data"], data.fingerprint(dataset)
        if before.get(loading.described(setting), now) != now:
            warnings.warn(
                f"{dataset.name} is not what it was when {self.run_folder.path} was trained: its "
                "images or labels have changed",
                stacklevel=2,
            )
        return now

    def stored_network(
        self, setup: cohort_setup.CohortSetup, path: Path, rows: int, average: bool
    ) -> cohort_setup.Network:
        """See `checkpoints.networks`; read once for points that were trained together."""
        if self._trained is None or self._trained[0] != path:
            self._trained = path, checkpoints.networks(setup.template(rows), path, average)
        return self._trained[1]

    def width(self, members: Cohort, before: Size | None = None) -> Size:
        """How many points of a cohort go through a device at once, in one round.

        Args:
          members: all its points; `train.width` is a number, or `auto`: as trials show.
          before: how it travelled in an earlier call: trials are not repeated without a reason.
        """
        width, devices = members.points[0].setting["train.width"], _device_count()
        most = math.ceil(len(members.points) / devices)
        if width is None:
            width = sizing.wide(most) if population.accelerated() else 1
        if width != "auto":
            return Size(min(width, most), 1, devices)
        if before is not None and before.devices == devices and before.tried:
            could_be_wider = before.width == before.tried < most
            if not could_be_wider:
                return Size(min(before.width, most), 1, devices, before.tried)
        if most == 1:
            return Size(1, 1, devices)
        best = sizing.fastest(functools.partial(self.trial, members), most)
        return Size(best.width, 1, devices, most, best.fed)

    def size(self, members: Cohort, before: Size | None = None) -> Size:
        """How a cohort travels: for lack of memory in fewer rounds, fed, or in narrower groups.

        Args:
          members, before: as for `width`.
        """
        size = self.rounds(members, self.width(members, before))
        layout = self._place(Chunk(members, size)).layout
        return size._replace(width=layout.width, rounds=layout.rounds, fed=layout.fed)

    def rounds(self, members: Cohort, size: Size) -> Size:
        """Returns the size with as many rounds as `sizing.rounds` gives the cohort."""
        setup, count = self.setup(members), len(members.points)
        return size._replace(rounds=sizing.rounds(setup, count, size.width, size.devices))

    def trial(self, members: Cohort, width: int) -> sizing.Trial:
        """Measures a few steps of a cohort at a width; each width is measured once."""
        key = members.static, members.capacity, width
        if key not in self._trials:
            with self.during("compiling"):
                setup, c = self.setup(members), members.points[0].setting
                layout = population.layout(width)
                limit = c["train.memory_share"] * population.memory(layout)
                images = functools.partial(self._on_devices, setup, members.points[0])
                for fed in sizing.FED[c["train.feed"]]:
                    trial = sizing.trial(
                        setup, members.points, images, layout._replace(fed=fed), limit
                    )
                    fits = trial.memory <= limit
                    if fits or sizing.too_wide(setup, width, trial.memory, limit):
                        break  # as in `sizing.place_cohort`
                self._trials[key] = trial
        return self._trials[key]

    def carry_out(
        self,
        chunk: Chunk,
        finished: Set[str],
        scorer: Scorer,
        on_epoch: Callable[[int, float], None],
        stop: Callable[[], int],
        written: Callable[[], None],
    ) -> None:
        """Trains a chunk and hands its points to be scored; results are written as scores come.

        Args:
          chunk: what is to be trained.
          finished: ids of points that have a result: they are not scored again.
          scorer: whose `collect` has results written.
          on_epoch, stop: as `training.Watch` has them.
          written: is called for each point whose result is on disk.
        """
        points = chunk.members.points
        setup = self.setup(chunk.members)
        size = chunk.size._replace(devices=_device_count()).holding(len(points))
        placed = self._place(chunk._replace(size=size))
        if len(points) > placed.layout.chunk:  # of a group begun in a wider round
            width = math.ceil(len(points) / size.devices)
            placed = self._place(chunk._replace(size=size._replace(width=width, rounds=1)))
        if len(points) > placed.layout.chunk:  # of a group that more devices had begun
            raise ConfigError(
                f"{len(points)} points were trained together, and do not fit on these devices: "
                "use as many as before, or a larger train.memory_share"
            )
        labelled = [splits.select(point.setting, setup.dataset) for point in points]
        saved = self.run_folder.checkpoints / checkpoints.chunk_name(points)

        def after_epoch(epochs: int, loss: float) -> None:
            self.run_folder.require()
            on_epoch(epochs, loss)
            scorer.collect()

        def devices(compute: Callable[[], Any]) -> Any:
            with self.during("training"):
                return jax.block_until_ready(compute())

        every = points[0].setting["train.checkpoint_every"]
        with self.during("writing"):
            watch = training.Watch(after_epoch, stop, devices)
            trained = training.train(setup, placed, points, labelled, saved, watch, every)
        fingerprint = self._fingerprints[chunk.members.static, chunk.members.capacity]
        stored = checkpoints.read(saved)
        checksums = stored.checksums if stored else {}
        kept = {name: value for name, value in checksums.items() if name.startswith("final")}
        rows = [row for row, point in enumerate(points) if point.id not in finished]
        waiting = set(rows)

        def write(row: int, embedded: EmbeddedPoint, scores: list[dict[str, Any]]) -> None:
            place = {"path": f"{saved.name}/final", "row": row, "rows": len(points)}
            labels = provenance.labels(labelled[row], setup.dataset.train.y)
            result = embedded.result | {
                "scores": scores,
                "made_with": provenance.record(fingerprint, labels),
                "checkpoint": place | ({"sha256": kept} if kept else {}),
                "seconds": round(trained.seconds / len(points), 3),
                "devices": placed.layout.devices,
            }
            self.run_folder.require()
            with self.during("writing"):
                self.run_folder.write_result(result, _history(trained, row), embedded.arrays)
                waiting.discard(row)
                if not waiting:
                    checkpoints.clean(saved)
            written()

        for row in rows:
            if stop():
                raise interrupt.Stopped(stop())
            with self.during("scoring"):
                embedded = embed_point(
                    setup,
                    points[row],
                    jax.tree.map(lambda leaf, row=row: leaf[row], trained.network),
                    trained.diverged[row],
                    labelled[row],
                    trained.standings[row].record(),
                )
                scorer.submit(embedded, functools.partial(write, row, embedded))

    def _place(self, chunk: Chunk) -> Placed:
        """Programs for a chunk of this size, or for a smaller one if it does not fit."""
        members, size = chunk
        key = members.static, members.capacity, size
        if key not in self._placed:
            with self.during("compiling"):
                setup, c = self.setup(members), members.points[0].setting
                images = functools.partial(self._on_devices, setup, members.points[0])
                largest_layout = population.layout(size.width, size.rounds)._replace(fed=size.fed)
                share, feed = c["train.memory_share"], c["train.feed"]
                placed = sizing.place_cohort(
                    setup, members.points, largest_layout, images, share, feed
                )
                layout = placed.layout
                self._placed[key] = placed
                fits = size._replace(width=layout.width, rounds=layout.rounds, fed=layout.fed)
                self._placed[members.static, members.capacity, fits] = placed
        return self._placed[key]

    def _on_devices(
        self, setup: cohort_setup.CohortSetup, point: GridPoint, layout: population.Layout
    ) -> Any:
        kind = *point.setting.source, layout.fed
        if self._images is None or self._images[0] != kind:
            self._images = None  # those of another data set are let go
            self._placed.clear()
            self._images = kind, population.place_images(setup.dataset, layout)
        return self._images[1]

    @contextmanager
    def during(self, activity: str) -> Iterator[None]:
        """Adds the seconds of the block to `spent[activity]`, without activities inside it."""
        began, others = time.monotonic(), sum(self.spent.values())
        try:
            yield
        finally:
            inner = sum(self.spent.values()) - others
            took = time.monotonic() - began - inner
            self.spent[activity] = self.spent.get(activity, 0.0) + took


def _device_count() -> int:
    return int(population.layout(1).mesh.size)


def _history(trained: training.Trained, row: int) -> list[dict[str, Any]]:
    """One point's records, to the epoch in which it stopped."""
    standing = trained.standings[row]
    return [
        {k: v[row] if isinstance(v, list) else v for k, v in record.items()}
        for record in trained.history
        if not standing.stopped or record["epoch"] <= standing.epoch
    ]
