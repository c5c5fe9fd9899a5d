"""From a run folder to its report: the table and the picture."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdml.evaluate.project import plane
from jaxdml.report import figure, summary, table
from jaxdml.runs import folder


class Report(NamedTuple):
    """What was written."""

    table: str
    text: Path  # report.md
    pictures: tuple[Path, ...]
    note: str | None  # why there is no picture, if there is none


def report(place: folder.Folder) -> Report:
    """Writes `report/report.md` and `report/latent.{png,svg}`.

    Args:
      place: a run folder with finished points.
    """
    results, paths = place.results(), place.plan()["grid_paths"]
    text = "\n\n".join(table.markdown(t) for t in summary.tables(results, paths))
    pictures, note = _pictures(place, summary.groups(results, paths))
    lines = [
        f"# {place.path.name}",
        "",
        f"{len(results)} point{'s' * (len(results) != 1)} on {_origin(place)}.",
        "",
        text,
        "",
        _protocols(),
        "",
    ]
    if pictures:
        lines += ["## Latent space", "", f"![The latent space of each setting]({pictures[0].name})"]
        lines += ["", _caption(), ""]
    lines += ["<details><summary>Base configuration</summary>", ""]
    lines += ["What the table's columns name differs from it; a system reads only some of it.", ""]
    lines += ["```json", _config(place), "```", "", "</details>", ""]
    folder.write(place.report / "report.md", "\n".join(lines).encode())
    return Report(text, place.report / "report.md", pictures, note)


def _pictures(
    place: folder.Folder, groups: list[summary.Group]
) -> tuple[tuple[Path, ...], str | None]:
    chosen = [(group, group.ok[0]) for group in groups if group.ok][: figure.MOST_PANELS]
    if not chosen:
        return (), "no picture: no point has embeddings that can be shown"
    panels = []
    for group, result in chosen:
        with np.load(place.point(result["point"]) / "embeddings.npz") as arrays:
            (test, labelled), space = plane(arrays["test"], arrays["labelled"])
            labels = arrays["test_labels"], arrays["labelled_labels"]
        score = result["scores"][0] if result["scores"] else None
        name = figure.title(group, result["config"]["seed"], score)
        panels.append(figure.Panel(name, space, test, labels[0], labelled, labels[1]))
    names = {result["config"]["data.name"] for _, result in chosen}
    if len(names) == 1:
        classes = tuple(place.plan()["classes"][names.pop()])
    else:
        classes = tuple(str(i) for i in range(1 + max(p.test_labels.max() for p in panels)))
    place.report.mkdir(parents=True, exist_ok=True)
    paths = tuple(place.report / f"latent.{ending}" for ending in ("png", "svg"))
    try:
        for path in paths:
            figure.latent_space(panels, classes, path)
    except ImportError:
        return (), "no picture: matplotlib is not installed (pip install 'jaxdml[plot]')"
    return paths, None


def _origin(place: folder.Folder) -> str:
    versions = {
        (c["data.name"], c["model.latent_dim"]) for c in (r["config"] for r in place.results())
    }
    return "; ".join(
        f"{name}, {latent_dim}-D latent space" for name, latent_dim in sorted(versions)
    )


def _protocols() -> str:
    return (
        "`thesis`: fitted on two thirds of the test embeddings with all their labels, scored on "
        "the other third. `labelled`: fitted on the labelled training embeddings, scored on the "
        "whole test set."
    )


def _caption() -> str:
    return (
        "The first seed of each setting. Small points are test images, those with a black edge are "
        "labelled training images; a class's number stands at the median of its test images."
    )


def _config(place: folder.Folder) -> str:
    return json.dumps(folder.read_json(place.path / "config.json"), indent=1)
