"""A finished run for other tools: what the run folder holds as records, written by their rooms."""

import importlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdml.evaluate.gallery import Gallery
from jaxdml.export import records, tensorboard, wandb
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.representatives import Representative, as_bytes, representatives
from jaxdml.report.tables import summary, table
from jaxdml.runs.planning import loading, splits
from jaxdml.runs.progress import Reporter
from jaxdml.runs.storage import files, folder

TEXTS = ("epoch", "phase")  # of a history
MOST_EMBEDDED = 2000  # test images in the projector
ACROSS = 12  # images in a row
MARK = "export.json"  # in a folder that may be replaced


class Tool(NamedTuple):
    """What a run can be written for."""

    write: Callable[[records.Run, Path, Callable[[], None]], None]
    look: Callable[[Path], str]  # how, from where it was written
    needs: tuple[str, ...]  # modules


TOOLS = {
    "tensorboard": Tool(tensorboard.write, tensorboard.look, ("tensorboardX", "PIL")),
    "wandb": Tool(wandb.write, wandb.look, ("wandb.sdk", "PIL")),  # any folder is `wandb`
}


def export(
    run_folder: folder.Folder,
    tool: str,
    into: Path,
    load: loading.LoadDataset,
    note: Callable[[str], None],
) -> None:
    """Writes a run for another tool; what an earlier export wrote there is replaced.

    Args:
      run_folder: a run folder with finished points; nothing else in it changes.
      tool: one of `TOOLS`.
      into: the folder to write.
      load: gives data sets, for what shows images.
      note: is told what cannot be shown.

    Raises:
      ConfigError: if the tool's packages are missing, or the folder holds something else.
    """
    for module in TOOLS[tool].needs:
        try:
            importlib.import_module(module)
        except ImportError as error:
            package = module.partition(".")[0]
            raise ConfigError(
                f"--to={tool} needs {package}: pip install 'jaxdml[{tool}]'"
            ) from error
    results, paths = write.gathered([run_folder])
    scores = "\n\n".join(table.markdown(one) for one in summary.tables(results, paths))
    name = run_folder.path.resolve().name
    figures = {file.stem: file for file in sorted(run_folder.report.glob("*.png"))}
    with (
        _replacing(into, {"run": name, "tool": tool}) as empty,
        Reporter(len(results), 0, 0) as progress,
    ):
        points = _points(run_folder, results, paths, load, note)
        run = records.Run(name, scores, points, figures)
        TOOLS[tool].write(run, empty / tool, progress.finished)


@contextmanager
def _replacing(into: Path, mark: Mapping[str, str]) -> Iterator[Path]:
    """Yields an empty folder; its subfolder, named by the tool, replaces `into` at the end.

    Some tools make a folder of their own name, and write to that.

    Raises:
      ConfigError: if `into` is no earlier export, and not empty either, or cannot be written.
    """
    final = into.resolve()  # `.` has no name, and what a link leads to is what is replaced
    scratch = final.parent / f".{final.name}.{getpid()}"
    full = scratch / mark["tool"]
    try:
        if final.exists() and any(final.iterdir()) and not (final / MARK).exists():
            raise ConfigError(f"--output={into} holds something else: name a new folder")
        full.mkdir(parents=True)
        files.write_json(full / MARK, mark)
    except OSError as error:
        raise ConfigError(f"--output={into} cannot be written: {error}") from error
    try:
        yield scratch
        if final.exists():
            shutil.rmtree(final)
        full.replace(final)
    finally:
        shutil.rmtree(scratch)


def _points(
    run_folder: folder.Folder,
    results: Sequence[Mapping[str, Any]],
    paths: Sequence[str],
    load: loading.LoadDataset,
    note: Callable[[str], None],
) -> Iterator[records.Point]:
    """All points; the first of a setting with images and embeddings."""
    groups = summary.groups(results, paths)
    names = {
        result["point"]: name
        for name, group in zip(summary.names(groups), groups, strict=True)
        for result in group.results
    }
    representative_by_id = {p.result["point"]: p for p in representatives(groups, load, note)[0]}
    plan = run_folder.plan()
    for result in results:
        c, representative = result["config"], representative_by_id.get(result["point"])
        setting = names[result["point"]] if len(groups) > 1 else c["system"]
        yield records.Point(
            id=result["point"],
            name=f"{setting} · seed {c['seed']}",
            status=result["status"],
            message=result["reason"] or result.get("note") or "",
            config=c,
            varied={path: c.get(path) for path in paths},
            history=_history(run_folder.history(result["point"])),
            scores={"_".join(summary.measure(score)): score["value"] for score in result["scores"]},
            pictures=_pictures(representative.gallery)
            if representative and representative.gallery
            else {},
            embedding=_embedding(representative, loading.class_names(plan, c) or (), load)
            if representative
            else None,
        )


def _history(rows: Sequence[Mapping[str, str]]) -> list[tuple[int, dict[str, float]]]:
    """What was finite, by epoch."""
    return [
        (int(row["epoch"]), {k: float(v) for k, v in row.items() if v and k not in TEXTS})
        for row in rows
    ]


def _pictures(gallery: Gallery) -> dict[str, np.ndarray]:
    """A gallery as pictures; reconstructions lie below the test images that they are of."""
    if gallery.images is None:
        return {}
    rows, across = gallery.images[:ACROSS], min(ACROSS, len(gallery.images))
    if gallery.reconstructions is None:
        picture_by_title = {"test_images": _sheet(rows, across)}
    else:
        stacked_images = np.concatenate([rows, gallery.reconstructions[:ACROSS]])
        picture_by_title = {"reconstructions": _sheet(stacked_images, across)}
    for title in ("samples", "pseudo_inputs"):
        images = getattr(gallery, title)
        if images is not None:
            picture_by_title[title] = _sheet(images, ACROSS)
    return picture_by_title


def _sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Images in [0, 1], f32[N, H, W, C], in rows, a pixel apart: u8[…, …, C]."""
    lacking = -len(images) % columns
    framed = np.pad(images, ((0, lacking), (0, 1), (0, 1), (0, 0)), constant_values=1.0)
    _, height, width, channels = framed.shape
    grid = framed.reshape(-1, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = grid.reshape(-1, columns * width, channels)[:-1, :-1]
    return as_bytes(sheet)


def _embedding(
    representative: Representative, classes: Sequence[str], load: loading.LoadDataset
) -> records.Embedding:
    """Some test images, the same ones of every setting."""
    z, c = representative.arrays["test"], representative.result["config"]
    rows = np.sort(np.random.default_rng(0).permutation(len(z))[:MOST_EMBEDDED])
    images = None
    if representative.gallery is not None:  # its data set is here
        dataset = load(c)
        if dataset.columns is None:
            images = as_bytes(splits.scored(dataset, c).x[rows])
    labels = [classes[label] for label in representative.arrays["test_labels"][rows]]
    return records.Embedding(z[rows], labels, rows, images)
