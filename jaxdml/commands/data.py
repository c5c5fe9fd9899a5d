"""What a data set is: images, labels, where it lies, pictures of it and its views.

    jaxdml data mnist [--data_dir=DATA] [--config.data.labelled_count=60]
    jaxdml data photos        (or photos.npz, of your own)
    jaxdml data --config=images --config.data.path=photos

The pictures, PNG and SVG, go to `--output`, which is the folder `runs/data` unless it is named.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from absl import flags

from jaxdml import augment, data
from jaxdml.augment.invariances import is_vector
from jaxdml.commands import cli
from jaxdml.configs import common
from jaxdml.data.sets import table as table_files
from jaxdml.options import ConfigError, allow, listed
from jaxdml.report import write
from jaxdml.report.tables import table
from jaxdml.runs.planning import loading, splits
from jaxdml.runs.storage import files
from jaxdml.settings.resolve import resolve
from jaxdml.types import Dataset

OWN = flags.FlagValues()
LONGEST = 200  # bytes of a data set's name: names of files end at 255
OUTPUT = flags.DEFINE_string("output", "runs/data", "The folder for the pictures.", flag_values=OWN)


def main(names: list[str]) -> None:
    """Tells of the data sets that are named, or else of the configuration's."""
    base = cli.config()
    allow(names)
    for changes in map(named, names) if names else [{}]:
        setting = resolve(base | changes)
        dataset = loading.loader(cli.data_dir())(setting)
        print("\n".join(lines(dataset, splits.select(setting, dataset))))
        for note in (*dataset.notes, splits.note_of_folds(dataset)):
            if note:
                print(f"note: {note}")
        invariances = augment.invariances_of(dataset, base.get("data.invariances"))
        print(line_of_views(invariances))
        draw(dataset, invariances)


def named(name: str) -> dict[str, Any]:
    """The fields of a configuration that choose a data set by its name, or by its path."""
    if re.match(r"[\w.]+=", name) and not Path(name).exists():
        raise ConfigError(f"{name} is no data set: set a field by --config.{name}")
    path = Path(name).expanduser()
    if name in data.DATASETS or not path.exists():
        return {"data.name": name}
    if path.is_dir():
        return {"data.name": "images", "data.path": name}
    kind = "table" if path.suffix.lower() in table_files.ENDINGS else "arrays"
    return {"data.name": kind, "data.path": name}


def lines(dataset: Dataset, labelled: np.ndarray) -> list[str]:
    """A data set in words and numbers."""
    height, width, channels = loading.image_shape(dataset)
    size = sum(part.x.nbytes for part in parts(dataset).values()) / 2**20
    shape = f"{height} × {width} × {channels}"
    facts = {
        "source": dataset.source,
        "place": dataset.path,
        "images" if dataset.columns is None else "vectors": (
            f"{shape if dataset.columns is None else width}, {dataset.train.x.dtype}, "
            f"{size:.1f} MiB"
        ),
        "content": f"SHA-256 {data.fingerprint(dataset)}",
    }
    fact_lines = [f"{word:8}{fact}" for word, fact in facts.items() if fact is not None]
    return [dataset.name, *fact_lines, "", table.markdown(counts(dataset, labelled)), ""]


def counts(dataset: Dataset, labelled: np.ndarray) -> table.Table:
    """How many images of each class there are in each split, and how many are labelled."""
    y = {name: np.asarray(part.y) for name, part in parts(dataset).items()}
    columns = {"training": y["training"], "labelled": y["training"][labelled], **y}
    rows = {name: i for i, name in enumerate(dataset.classes)}
    if (y["training"] < 0).any():
        rows["(no label)"] = -1
    body = [[name, *(str((c == i).sum()) for c in columns.values())] for name, i in rows.items()]
    body.append(["all", *(str(len(c)) for c in columns.values())])
    return table.Table("", ["class", *columns], body, 1)


def line_of_views(invariances: Sequence[str]) -> str:
    """Returns the line that lists the changes under which images keep their class.

    >>> line_of_views(["shift"])
    'views   keep the class under shift'
    """
    return f"{'views':8}keep the class under {listed(invariances) or 'no change'}"


def parts(dataset: Dataset) -> Mapping[str, Any]:
    """The parts of a data set by their names."""
    return {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}


def draw(dataset: Dataset, invariances: tuple[str, ...]) -> None:
    """Draws some images of each class, and some with views of them, and says where."""
    try:
        from jaxdml.report import pictures, views
        from jaxdml.report.figures import style
    except ImportError:
        print(f"note: {write.NO_PLOT}")
        return
    if loading.image_shape(dataset)[2] not in (1, 3):
        print("note: no picture: only images of 1 and 3 channels are")
        return
    if is_vector(loading.image_shape(dataset)):
        print("note: no picture: images of one row or one column are not drawn")
        return
    file_name = dataset.name.encode()[:LONGEST].decode(errors="ignore")
    drawn = {
        file_name: pictures.classes(dataset),
        f"{file_name}_views": views.figure(dataset, invariances),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, figure in drawn.items():
            for file in style.save(figure, Path(scratch), name):
                into = Path(OUTPUT.value) / file.name
                files.write(into, file.read_bytes())  # what lies there is replaced, link or not
                print(f"picture {into}")


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.define_config(common.__file__)
    cli.main(main, OWN, takes="data sets")
