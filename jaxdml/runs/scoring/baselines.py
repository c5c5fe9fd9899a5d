"""Raw pixels and their PCA, scored as the points of a run are: rows of its report.

They are scored once, when a report first needs them, and kept in the run folder's baselines.json.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml import data
from jaxdml.evaluate import classifiers, score
from jaxdml.evaluate.baselines import BASELINES, Features
from jaxdml.evaluate.protocols import PROTOCOLS, Embedded, Protocol, find_protocol
from jaxdml.evaluate.scores.class_means import class_scores
from jaxdml.options import ConfigError, listed
from jaxdml.runs.planning import loading, splits
from jaxdml.runs.progress import Reporter
from jaxdml.runs.storage import files, folder
from jaxdml.settings.fields import COMMON, LABELLED, usual
from jaxdml.settings.setting import source as source_of

# values of all features that slow methods get: what fits by iteration, and what has no index
MOST_VALUES = 2 * 10**7
FAST = ("knn", PROTOCOLS["scores"].classifier)
LEFT_OUT = "left_out"  # of an entry: classifier → why it was not tried
Scores = list[dict[str, Any]]


def results(
    run_folders: Sequence[folder.Folder],
    trained: Sequence[Mapping[str, Any]],
    load: loading.LoadDataset,
    note: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Rows like results, one for each baseline and each data, labelled images and seed.

    Args:
      run_folders: run folders, or archives.
      trained: their results, each with its `folder`.
      load: gives data sets; where one is not here, what was scored before is shown.
      note: is told what could not be scored, and why.

    Returns:
      As `result.json` holds them, with the baseline's name as their `system`, and `baseline` true.
    """
    rows_by_key: dict[str, dict[str, Any]] = {}
    for result in trained:
        if result.get("scored", 1):
            for name in result["config"].get("eval.baselines", tuple(BASELINES)):
                row = _row(name, result)
                key = json.dumps([str(row["folder"].path), sorted(row["config"].items())])
                rows_by_key.setdefault(key, row)
    rows = list(rows_by_key.values())
    with Reporter(len(rows), 0, 0, "rows of raw pixels and PCA", brief=True) as reporter:
        for run_folder in run_folders:
            store = _Store(run_folder, load)
            for row in rows:
                if row["folder"] is run_folder:
                    row["scores"] = store.scores(row["point"], row["config"])
                    reporter.finished()
            for message in store.close():
                note(message)
    return [row for row in rows if row.get("scores")]


def _row(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """A baseline beside a point: of its data, seed and evaluation, and of nothing else."""
    whole = usual(COMMON) | result["config"]  # runs of older versions lack some fields
    kept = {
        path: value
        for path, value in sorted(whole.items())
        if path in ("seed", "run") or path.startswith(("data.", "eval."))
    }
    return {
        "point": name,
        "status": "ok",
        "reason": None,
        "note": None,
        "baseline": True,
        **{
            name: result[name] for name in ("scored", "scored_per_class", "folds") if name in result
        },
        "config": {"system": name} | kept,
        "folder": result["folder"],
    }


def _read(file: Path) -> dict[str, Any]:
    """Reads the scores in a baselines.json; a damaged file counts as empty."""
    try:
        entries = files.read_json(file) if file.exists() else {}
        return {
            key: {
                "tried": list(entry["tried"]),
                "scores": list(entry["scores"]),
                **({LEFT_OUT: dict(entry[LEFT_OUT])} if LEFT_OUT in entry else {}),
            }
            for key, entry in entries.items()
        }
    except (ConfigError, AttributeError, TypeError, KeyError):
        return {}


class _Store:
    """The scores of the baselines of one run: those in its file, and those that are added."""

    def __init__(self, run_folder: folder.Folder, load: loading.LoadDataset) -> None:
        self.file, self.load = run_folder.path / folder.BASELINE_SCORES, load
        self.entries: dict[str, Any] = _read(self.file)
        self.prints = run_folder.plan()["data"]
        self.before = json.dumps(self.entries)
        self.notes: dict[str, None] = {}
        self.features: dict[tuple[Any, ...], Features] = {}
        self.embedded: dict[tuple[Any, ...], np.ndarray] = {}  # of one data set at a time
        self.found: dict[str, Scores] = {}  # of equal rows: draws of all labels are the same one

    def scores(self, name: str, c: Mapping[str, Any]) -> Scores:
        """Scores by the protocols and classifiers of a configuration, in their order."""
        scores: Scores = []
        for protocol in c["eval.protocols"]:
            try:
                record = find_protocol(protocol)
            except ConfigError as error:  # a user's own, that is not here
                self.notes[f"no raw pixels and PCA under {protocol}: {error}"] = None
                continue
            fitted = record.task is not None
            names = list(c["eval.classifiers"]) if fitted else [record.classifier]
            options = {o: c[f"eval.{o}"] for o in classifiers.Options._fields} if fitted else {}
            reads_labelled = {"labelled", "class_scores"} & set(record.needs)
            labelled = {p: c.get(p) for p in LABELLED} if reads_labelled else {}
            part = [c["eval.split"], *([] if c.get("data.fold") is None else [c["data.fold"]])]
            which = [name, loading.described(c), part, protocol, options, labelled]
            entry = self.entries.setdefault(json.dumps(which), {"tried": [], "scores": []})
            left_out = entry.get(LEFT_OUT, {})
            self.notes |= dict.fromkeys(
                left_out[classifier] for classifier in names if classifier in left_out
            )
            missing = [
                classifier
                for classifier in names
                if classifier not in entry["tried"] and classifier not in left_out
            ]
            if missing:
                try:
                    self._score(name, c, protocol, record, missing, entry)
                except ConfigError as error:
                    self.notes[f"no raw pixels and PCA beside the points: {error}"] = None
            scores += [s for s in entry["scores"] if s["classifier"] in names]
        return scores

    def close(self) -> list[str]:
        """Writes the file if scores are new, and returns notes on what is not scored."""
        entries = {
            key: entry for key, entry in self.entries.items() if entry["tried"] or LEFT_OUT in entry
        }
        if json.dumps(entries) != self.before:
            lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in entries.items()]
            with contextlib.suppress(OSError):  # a report may go elsewhere than into its run
                files.write(self.file, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
        return list(self.notes)

    def _score(
        self,
        name: str,
        c: Mapping[str, Any],
        protocol: str,
        record: Protocol,
        missing: Sequence[str],
        entry: dict[str, Any],
    ) -> None:
        dataset, source = self.load(c), source_of(c)
        splits.check_scoring(dict(c) | {"eval.protocols": (protocol,)}, dataset)
        if self.prints.get(loading.described(c)) not in (None, data.fingerprint(dataset)):
            raise ConfigError(f"{dataset.name} is not what it was when the points were trained")
        if self.embedded and next(iter(self.embedded))[0] != source:
            self.embedded.clear()
            self.features.clear()
        if (source, name) not in self.features:
            self.features[source, name] = BASELINES[name](dataset.train.x)

        def embed(split: str, x: Any) -> np.ndarray:
            key = source, name, split
            if key not in self.embedded:
                self.embedded[key] = self.features[source, name](np.asarray(x))
            return self.embedded[key]

        part, train = splits.scored(dataset, c), dataset.train
        rows = splits.select(c, dataset)
        test = embed(f"{c['eval.split']} {c.get('data.fold')}", part.x)
        arrays = {"test": test, "test_labels": np.asarray(part.y)}
        arrays |= {"labelled": self.features[source, name](train.x[rows])}
        arrays |= {"labelled_labels": np.asarray(train.y)[rows]}
        if {"train", "train_labels"} & set(record.needs):
            arrays |= {"train": embed("train", train.x), "train_labels": np.asarray(train.y)}
        if "labelled_rows" in record.needs:
            arrays["labelled_rows"] = rows
        read = [test, *(arrays[part] for part in record.needs if part in arrays)]
        slow = max(part.size for part in read) > MOST_VALUES
        if "class_scores" in record.needs:
            classes = len(dataset.classes)
            arrays["class_scores"] = class_scores(
                test, arrays["labelled"], arrays["labelled_labels"], classes
            )
        left_out = [classifier for classifier in missing if slow and classifier not in FAST]
        if left_out:
            message = (
                f"{name} of {dataset.name} are too many values for {listed(left_out)} under "
                f"{protocol}: this baseline is not scored so"
            )
            self.notes[message] = None
            entry.setdefault(LEFT_OUT, {}).update(dict.fromkeys(left_out, message))
        to_score = [classifier for classifier in missing if classifier not in left_out]
        if to_score:
            options = classifiers.Options(*(c[f"eval.{o}"] for o in classifiers.Options._fields))
            by = to_score if record.task is not None else []
            split = [loading.described(c), c["eval.split"], c.get("data.fold")]
            drawn = hashlib.sha256(np.asarray(rows, np.int64).tobytes()).hexdigest()
            key = json.dumps([name, split, protocol, options, to_score, drawn])
            if key not in self.found:
                embedded = Embedded(**arrays, fold=c.get("data.fold") is not None)
                scores = score.evaluate({"mean": embedded}, [protocol], by, options)
                self.found[key] = [s.record() for s in scores]
            entry["tried"] += to_score
            entry["scores"] += self.found[key]
