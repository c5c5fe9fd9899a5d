"""Embeddings of any images, by a trained point.

    jaxdml embed --workdir=runs/grid --point=ID --input=x.npz --output=z.npz
    jaxdml embed --workdir=runs/grid --point=ID --input=photos --output=z.csv

ID is the name of a folder in `points/`, or the start of one; where there is one point, `--point` is
not needed. The input holds `x`: uint8 from 0 to
255, float in [0, 1], or numbers whose `range` it states, of shape (N, H, W) or (N, H, W, C). Or it
is a folder, whose images, also those in deeper folders, are stretched to the size that the point
was trained on. A point that was trained on vectors reads `x` of shape (N, d), or a table, CSV or
Parquet, with the columns that it was trained on. The training data are not needed.

The ending of the output says what it is: `.npz` holds `z`, f32[N, D]; `.csv` and `.parquet` have
columns z0, z1, … and a row an image; of a folder they have the files' names too.
"""

from pathlib import Path
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.estimator import from_run
from jaxdml.estimator.trained import reading
from jaxdml.export import embedding_files
from jaxdml.options import ConfigError
from jaxdml.runs.storage import opening

OWN = flags.FlagValues()
POINT = flags.DEFINE_string(
    "point",
    "",
    "The id of a finished point, or its start; not needed where there is one.",
    flag_values=OWN,
)
INPUT = flags.DEFINE_string(
    "input", None, "An .npz file that holds x, a folder of images, or a table.", flag_values=OWN
)
OUTPUT = flags.DEFINE_string(
    "output", None, "The file to write: .npz, .csv or .parquet.", flag_values=OWN
)


def main() -> None:
    """Restores the point's encoder and encodes."""
    for flag in (INPUT, OUTPUT):
        if not flag.value:
            raise ConfigError(f"--{flag.name} is missing")
    output = Path(OUTPUT.value)
    try:
        embedding_files.check(output)
    except ConfigError as error:
        raise ConfigError(f"--output={error}") from error
    run_folder = opening.existing(cli.workdir())
    result = opening.chosen(run_folder, POINT.value)
    embedder = from_run.of_result(run_folder, result, cli.loader(run_folder))
    x, names, notes = reading.read(Path(INPUT.value), embedder.trained_)
    for note in notes:
        print(f"note: {note}")
    z = embedder.trained_.embed(x)  # a thousand images at a time
    try:
        embedding_files.write(output, z, names)
    except OSError as error:
        raise ConfigError(f"--output={OUTPUT.value} cannot be written: {error}") from error
    print(f"{len(x)} embeddings in {OUTPUT.value}")


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir", "input", "output"))
