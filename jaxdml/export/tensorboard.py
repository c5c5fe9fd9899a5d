"""A run for TensorBoard: a folder of events for each point, one for what they have in common."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxdml.export import projector
from jaxdml.export.records import Point, Run

LONGEST = 150  # letters of a setting: names of files end at 255


def write(run: Run, into: Path, written: Callable[[], None]) -> None:
    """Writes scalars by epoch, scores, configuration, images and the embedding projector.

    Args:
      run: its points get a folder each, named by their setting and id.
      into: an empty folder.
      written: is called after each point.
    """
    varied: dict[str, Any] = {}
    scores: dict[str, float] = {}
    for point in run.points:
        _write_point(point, into / folder_name(point))
        varied = _settings(point) | varied
        scores |= {f"scores/{name}": value for name, value in point.scores.items()}
        written()
    with _writer(into) as writer:
        writer.add_text("run", run.text)
        experiment, _, _ = _hparams(varied, scores)
        writer.file_writer.add_summary(experiment)


def look(into: Path) -> str:
    """The command that shows what was written.

    >>> look(Path("events"))
    'tensorboard --logdir=events'
    """
    return f"tensorboard --logdir={into}"


def folder_name(point: Point) -> str:
    """What a point is called among the runs, in letters that any file system takes.

    >>> point = Point("3ad5", "dml · 10 % labelled · seed 0", "ok", "", {}, {}, [], {}, {}, None)
    >>> folder_name(point)
    'dml_10_labelled_seed_0_3ad5'
    """
    name = re.sub(r"[^\w.+-]+", "_", point.name, flags=re.ASCII)
    return f"{name[:LONGEST]}_{point.id}"


def _write_point(point: Point, into: Path) -> None:
    with _writer(into) as writer:
        for epoch, values in point.history:
            for name, value in values.items():
                writer.add_scalar(f"training/{name}", value, epoch)
        for name, value in point.scores.items():
            writer.add_scalar(f"scores/{name}", value, point.epoch)
        for title, picture in point.pictures.items():
            writer.add_image(f"images/{title}", picture, point.epoch, dataformats="HWC")
        writer.add_text("status", f"**{point.status}** {_escaped(point.message)}".strip())
        writer.add_text("configuration", _table(point.config))
        _, begin, end = _hparams(_settings(point), {})
        writer.file_writer.add_summary(begin)
        writer.file_writer.add_summary(end if point.status == "ok" else _failed(end))
    if point.embedding is not None:
        projector.write(point.embedding, into)


@contextmanager
def _writer(into: Path) -> Iterator[Any]:
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(into)) as writer:
        yield writer


def _settings(point: Point) -> dict[str, Any]:
    """What the table of hyperparameters says of a point."""
    values = {path: value for path, value in point.varied.items() if value is not None}
    plain = {p: v if isinstance(v, bool | int | float) else str(v) for p, v in values.items()}
    return plain | {"status": point.status}


def _hparams(settings: Mapping[str, Any], scores: Mapping[str, float]) -> tuple[Any, Any, Any]:
    """Of the table of hyperparameters: its columns, and where a row begins and ends."""
    from tensorboardX.summary import hparams

    return hparams(dict(settings), dict(scores))


def _failed(end: Any) -> Any:
    """The end of a row, as that of a training that did not succeed."""
    from tensorboardX.proto.api_pb2 import Status
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    plugin = end.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(plugin.content)
    content.session_end_info.status = Status.Value("STATUS_FAILURE")
    plugin.content = content.SerializeToString()
    return end


def _escaped(text: str) -> str:
    """Text as a cell of Markdown: a name in it is no link, no HTML, and no end of the cell."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\`<|]|(?<=\])\()", r"\\\1", " ".join(shown.split()))


def _table(config: Mapping[str, Any]) -> str:
    """A configuration as Markdown."""
    rows = [f"| `{path}` | {_escaped(str(value))} |" for path, value in config.items()]
    return "\n".join(["| field | value |", "|:--|:--|", *rows])
