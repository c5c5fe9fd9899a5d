"""A trained point that says the class of images, which to label next, and which label looks wrong.

Each answer is a table with a row an image, whose notes say how far it can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from jaxdml import data
from jaxdml.estimator import from_run
from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.estimator.trained import reading
from jaxdml.evaluate import neighbours
from jaxdml.labelling import calibration, held_out, suggestion, suspicion
from jaxdml.options import ConfigError
from jaxdml.report.tables.table import ImageTable, Table
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import folder
from jaxdml.types import Dataset


@dataclass(frozen=True)
class Labeller:
    """A trained point with what it knows of labelled images."""

    embedder: SemiSupervisedEmbedder
    result: dict[str, Any]
    run_folder: folder.Folder
    labelled_names: Sequence[str]
    labelled_rows: np.ndarray  # i64[L], of the training images
    load_dataset: loading.LoadDataset

    @classmethod
    def of_point(
        cls,
        run_folder: folder.Folder,
        result: dict[str, Any],
        load_dataset: loading.LoadDataset,
    ) -> Self:
        """A point of a run, as `result.json` holds it.

        Raises:
          ConfigError: if its training diverged, or its parameters are missing or damaged.
        """
        embedder = from_run.of_result(run_folder, result, load_dataset)
        arrays = run_folder.embeddings(result["point"])
        if "labelled_names" in arrays:
            names = arrays["labelled_names"].tolist()
        else:  # of a version that did not keep them, or of images that have no names
            names = [f"x[{row}]" for row in arrays["labelled_index"]]
        rows = arrays["labelled_index"]
        return cls(embedder, result, run_folder, names, rows, load_dataset)

    @property
    def sees_pictures(self) -> bool:
        """Whether what it labels can be shown: grey or RGB images, and no vectors."""
        trained = self.embedder.trained_
        return trained.columns is None and trained.on_data.image_shape[2] in (1, 3)

    @property
    def run(self) -> str:
        """The name of its run folder."""
        return self.run_folder.path.resolve().name

    def predicted(self, images: reading.Inputs) -> Table:
        """The class of each image, how sure it is, and the nearest labelled image."""
        z = self.embedder.trained_.embed(images.x)
        temperature, notes = self._temperature()
        shares = calibration.probabilities(self._scores(z), temperature or 1.0)
        best = np.argsort(-shares, axis=1, kind="stable")[:, :2]
        near, distance = self._nearest(z)
        body = [
            [
                name,
                self._class(first),
                f"{shares[row, first]:.4f}",
                _yes(temperature),
                self._class(second),
                self.labelled_names[near[row]],
                self._class(self.embedder.labels_[near[row]]),
                f"{distance[row]:.4f}",
                self.run,
                self.result["point"],
            ]
            for row, (name, (first, second)) in enumerate(zip(_names(images), best, strict=True))
        ]
        heading = ("file", "class", "confidence", "calibrated", "second class", "nearest labelled",
                   "its class", "distance", "run", "point")  # fmt: skip
        return Table("Classes", heading, body, 2, notes)

    def suggested(self, images: reading.Inputs, count: int) -> ImageTable:
        """The images that are worth most when they are labelled, the first first."""
        z = self.embedder.trained_.embed(images.x)
        temperature, notes = self._temperature()
        shares = calibration.probabilities(self._scores(z), temperature or 1.0)
        rows = suggestion.suggest(z, shares, self.embedder.embeddings_, count)
        names, near = _names(images), self._nearest(z[rows])[0]
        body = [
            [
                names[row],
                "",
                self._class(shares[row].argmax()),
                f"{shares[row].max():.4f}",
                _yes(temperature),
                self.labelled_names[nearest],
                self.run,
                self.result["point"],
            ]
            for row, nearest in zip(rows, near, strict=True)
        ]
        heading = ("file", "label", "class", "confidence", "calibrated", "nearest labelled", "run",
                   "point")  # fmt: skip
        return ImageTable(Table("To label next", heading, body, 3, notes), images.x[rows])

    def suspects(self) -> ImageTable:
        """The labelled training images, those first whose label looks wrong.

        Raises:
          ConfigError: if the data are not there, or have changed.
        """
        dataset, labels = self._dataset(), self.embedder.labels_
        images = dataset.train.x[self.labelled_rows]
        found = suspicion.doubts(self.embedder, images, labels)
        order = np.argsort(-found.value, kind="stable")
        body = [
            [
                self.labelled_names[row],
                self._class(labels[row]),
                self._class(found.other[row]),
                f"{found.value[row]:.4f}",
                self.run,
                self.result["point"],
            ]
            for row in order
        ]
        heading = ("file", "label", "looks like", "suspicion", "run", "point")
        return ImageTable(Table("Suspects", heading, body, 3), images[order])

    def unlabelled(self) -> reading.Inputs:
        """The training images of its run that the point had no label of.

        Raises:
          ConfigError: if the data are not there, or have changed, or all of them had a label.
        """
        dataset = self._dataset()
        rows = np.setdiff1d(np.arange(len(dataset.train.y)), self.labelled_rows)
        if not len(rows):
            raise ConfigError(
                f"all training images of {dataset.name} are labelled: name others by --input"
            )
        names = [dataset.names[row] if dataset.names else f"x[{row}]" for row in rows]
        return reading.Inputs(dataset.train.x[rows], names, [])

    def _dataset(self) -> Dataset:
        """The data of its run, which must be as they were: rows are told by their number."""
        setting = self.embedder.setting_
        dataset = self.load_dataset(setting)
        self.run_folder.check_data({loading.described(setting): data.fingerprint(dataset)})
        return dataset

    def _scores(self, z: np.ndarray) -> np.ndarray:
        return held_out.scores(self.embedder, z)

    def _class(self, number: Any) -> str:
        return str(self.embedder.classes_[int(number)])

    def _temperature(self) -> tuple[float | None, list[str]]:
        """The temperature, `None` where confidence is not calibrated; and what is to be said."""
        scores, labels = held_out.of_point(self.run_folder, self.result, self.load_dataset)
        count, found = len(labels), calibration.before_and_after(scores, labels)
        if found is None:
            return None, [
                f"confidence is not calibrated: {count} labelled images were held out, and "
                f"{calibration.FEWEST} are the least; take it as an order, not as a share"
            ]
        temperature = calibration.temperature(scores, labels)
        before, after = found
        return temperature, [
            f"confidence is calibrated on {count:,} labelled images that were held out: there it "
            f"was off by {before.error:.3f} on average, and after that by {after.error:.3f}"
        ]

    def _nearest(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the nearest labelled embeddings, and how far away they are."""
        distances, rows = neighbours.among(z, self.embedder.embeddings_, 1)
        return rows[:, 0], distances[:, 0]


def _names(images: reading.Inputs) -> Sequence[str]:
    """What images are called: files, or rows of an array or table."""
    return images.names or [f"x[{row}]" for row in range(len(images.x))]


def _yes(temperature: float | None) -> str:
    """Whether confidence is calibrated, in a table: it outlives what the command says."""
    return "no" if temperature is None else "yes"
