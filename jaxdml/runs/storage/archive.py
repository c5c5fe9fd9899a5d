"""What is worth keeping of a run when its folder is gone: text, small enough for a repository.

config.json   the base configuration, as in the run folder
classes.json  the names of the data sets' classes
points.json   the configuration of each point: what all of them share, and what differs
results.csv   the scores, as there, and per_class.csv, the recall of each class
history.csv   the losses of every point over the epochs
notes.csv     what is to be known of the data (without a point) and of some points, and why others
              have no score
questions.json  what the study asks, if it does
folds.json    how many images each point was scored on, and which were right, where labelled images
              take turns
baselines.json  the scores of raw pixels and their PCA
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.options import ConfigError
from jaxdml.runs.storage import files, folder, questions

POINTS = "points.json"
COUNTS = ("scored", "scored_per_class", "folds")
RIGHT = "right"  # of the accuracies of a fold, in their order
NOTES = ("point", "status", "reason", "note")


def keep(run_folder: folder.Folder, into: Path) -> "Archive":
    """Writes the archive of a run folder, of what is finished."""
    results = run_folder.results()
    files.write_json(into / "config.json", files.read_json(run_folder.path / "config.json"))
    files.write_json(into / "classes.json", run_folder.plan()["classes"])
    write_configurations(into, results)
    run_folder.write_results(into)
    histories = [
        {"point": r["point"], **{name: _short(text) for name, text in row.items()}}
        for r in results
        for row in run_folder.history(r["point"])
    ]
    names = dict.fromkeys(name for row in histories for name in row)
    files.write_csv(into / "history.csv", list(names), histories)
    noted = [r for r in results if any(r.get(name) for name in NOTES[2:])]
    notes = [{"note": note} for note in run_folder.plan()["notes"]]
    notes += [{n: r.get(n) for n in NOTES} for r in noted]
    files.write_csv(into / "notes.csv", NOTES, notes)
    questions.write(folder.Folder(into), questions.read(run_folder))
    counted = {
        r["point"]: {n: r[n] for n in COUNTS if n in r}
        | {RIGHT: [score[RIGHT] for score in r["scores"] if RIGHT in score]}
        for r in results
    }
    if any("folds" in counts for counts in counted.values()):
        files.write_json(into / "folds.json", counted)
    baselines = run_folder.path / folder.BASELINE_SCORES
    if baselines.exists():
        files.write(into / baselines.name, baselines.read_bytes())
    return Archive(into)


def write_configurations(into: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """points.json: the complete configuration of each result, what they share written once."""
    configs = {result["point"]: result["config"] for result in results}
    first: Mapping[str, Any] = next(iter(configs.values()), {})
    shared = {
        path: value
        for path, value in first.items()
        if all(path in config and config[path] == value for config in configs.values())
    }
    differing = {
        identity: {path: value for path, value in config.items() if path not in shared}
        for identity, config in configs.items()
    }
    lines = [f"{json.dumps(identity)}: {json.dumps(rest)}" for identity, rest in differing.items()]
    text = f'{{"shared": {json.dumps(shared)},\n"points": {{\n' + ",\n".join(lines) + "\n}}\n"
    files.write(into / POINTS, text.encode())


def is_archive(path: Path) -> bool:
    """Whether a folder holds an archive, and not a run.

    >>> is_archive(Path("nowhere"))
    False
    """
    of_a_run = (path / "plan.json").exists() or (path / "points").is_dir()
    return (path / "results.csv").exists() and not of_a_run


class Archive(folder.Folder):
    """A run of which an archive is left: its results, but neither networks nor embeddings."""

    def plan(self) -> dict[str, Any]:
        """What results.csv tells of it, and the classes."""
        rows = self._rows("results.csv")
        columns = list(rows[0]) if rows else []
        paths = columns[2 : columns.index("protocol")] if rows else []
        points: dict[str, Any] = {r["point"]: {} for r in rows}
        classes = self._json("classes.json")
        notes = [row["note"] for row in self._rows("notes.csv") if not row["point"]]
        return super().plan() | {
            "grid_paths": paths,
            "points": points,
            "classes": classes,
            "notes": notes,
        }

    def results(self, whole: bool = False) -> list[dict[str, Any]]:
        """As `Folder.results`, without where parameters are; there are no files that go with them.

        Raises:
          ConfigError: if a file is damaged or missing.
        """
        configs = self.configurations()
        noted = {row["point"]: row for row in self._rows("notes.csv")}
        recalls: dict[tuple[str, ...], dict[str, float]] = {}
        file = self.path / "per_class.csv"
        for row in files.read_csv(file) if file.exists() else []:
            key = row["point"], *(row[name] for name in folder.SCORE_COLUMNS[:3]), "accuracy"
            recalls.setdefault(key, {})[row["class"]] = float(row["recall"])
        counted = self._json("folds.json") if (self.path / "folds.json").exists() else {}
        results_by_id: dict[str, dict[str, Any]] = {}
        for row in self._rows("results.csv"):
            identity = row["point"]
            if identity not in results_by_id:
                if identity not in configs:
                    raise ConfigError(
                        f"{self.path / POINTS} lacks the point {identity} of results.csv: write "
                        "both anew, by --keep from the run folder"
                    )
                notes = noted.get(identity, dict.fromkeys(NOTES))
                results_by_id[identity] = {
                    "point": identity,
                    "status": row["status"],
                    "reason": notes["reason"] or None,
                    "note": notes["note"] or None,
                    "config": configs[identity],
                    "scores": [],
                } | {n: v for n, v in counted.get(identity, {}).items() if n in COUNTS}
            if row["value"]:
                score: dict[str, Any] = {name: row[name] for name in folder.SCORE_COLUMNS}
                score["value"] = float(row["value"])
                by_class = recalls.get((identity, *(row[n] for n in folder.SCORE_COLUMNS[:4])))
                score |= {"recalls": by_class} if by_class else {}
                results_by_id[identity]["scores"].append(score)
        for identity, result in results_by_id.items():
            accuracies = [score for score in result["scores"] if score["metric"] == "accuracy"]
            of_each = counted.get(identity, {}).get(RIGHT)
            for score, right in zip(accuracies, of_each, strict=True) if of_each else ():
                score[RIGHT] = right
        return list(results_by_id.values())

    def configurations(self) -> dict[str, dict[str, Any]]:
        """Point → its configuration, as its result held it."""
        stored = self._json(POINTS, ("shared", "points"))
        return {
            identity: dict(sorted((stored["shared"] | differing).items()))
            for identity, differing in stored["points"].items()
        }

    def history(self, identity: str) -> list[dict[str, str]]:
        """A point's losses, epoch by epoch."""
        return [
            {name: value for name, value in row.items() if name != "point"}
            for row in self._rows("history.csv")
            if row["point"] == identity
        ]

    def embeddings(self, identity: str) -> Mapping[str, np.ndarray]:
        """Returns no arrays: an archive keeps no embeddings."""
        return {}

    def _json(self, name: str, keys: Sequence[str] = ()) -> Any:
        try:
            return files.read_json(self.path / name, keys)
        except files.DamageError as error:
            raise ConfigError(
                f"{error.path} {error.why}: write it anew, by --keep from the run folder"
            ) from error

    def _rows(self, name: str) -> list[dict[str, str]]:
        try:
            return files.read_csv(self.path / name)
        except OSError as error:
            raise ConfigError(f"{self.path / name} cannot be read: {error}") from error


def _short(text: str) -> str:
    """A number with as many digits as are worth keeping."""
    try:
        return text if text.isdigit() else f"{float(text):.5g}"
    except ValueError:
        return text
