"""Classes of new images, what to label next, and which labels look wrong.

    jaxdml predict --workdir=runs/one --input=photos --output=names.csv
    jaxdml predict --workdir=runs/one --suggest=20 --output=next.csv
    jaxdml predict --workdir=runs/one --suspects --output=suspects.csv

The first needs no training data. By a trained point it writes a row for each image of `--input`, a
folder, an .npz file or a table as for `jaxdml embed`: the class, how sure it is, and the nearest
labelled image. Confidence is calibrated by one temperature on labelled images that the network did
not learn from, where there are fifty of them.

`--suggest=N` writes N images to label next: those that stand for groups of images without a label,
the groups of most doubt first. They are chosen from `--input`, or else from the training images of
the run without a label. `--suspects` writes the labelled training images, those first of which the
network says another class as soon as they are changed a little. Pictures of the first of either are
on the report page once `jaxdml report` has written it again.

`--point` is not needed where a run has one point.
"""

from pathlib import Path
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.data import label_files
from jaxdml.estimator.trained import reading
from jaxdml.labelling.labeller import Labeller
from jaxdml.options import ConfigError
from jaxdml.report.tables import table
from jaxdml.runs.storage import files, image_tables, opening

OWN = flags.FlagValues()
POINT = flags.DEFINE_string(
    "point", "", "The id of a finished point, or its start; not needed where there is one.",
    flag_values=OWN,
)  # fmt: skip
INPUT = flags.DEFINE_string(
    "input", None, "A folder of images, an .npz file that holds x, or a table.", flag_values=OWN
)
OUTPUT = flags.DEFINE_string("output", None, "The table to write, .csv.", flag_values=OWN)
SUGGEST = flags.DEFINE_integer(
    "suggest", None, "So many images that should be labelled next.", lower_bound=1, flag_values=OWN
)
SUSPECTS = flags.DEFINE_bool(
    "suspects", False, "Labelled images, those first whose label looks wrong.", flag_values=OWN
)


def main() -> None:
    """Restores the point, looks at images, and writes a table."""
    output = _output()
    run_folder = opening.existing(cli.workdir())
    result = opening.chosen(run_folder, POINT.value)
    labeller = Labeller.of_point(run_folder, result, cli.loader(run_folder))
    if SUSPECTS.value:
        written = _seen(labeller, "suspects", labeller.suspects())
    else:
        images = _read(Path(INPUT.value), labeller) if INPUT.value else labeller.unlabelled()
        if SUGGEST.value:
            written = _seen(labeller, "suggestions", labeller.suggested(images, SUGGEST.value))
        else:
            written = labeller.predicted(images)
    try:
        files.write(output, table.csv(_without_formulas(written)).encode())
    except OSError as error:
        raise ConfigError(f"--output={output} cannot be written: {error}") from error
    print(f"{len(written.body):,} rows in {output}")
    for note in written.notes:
        print(f"note: {note}")


def _seen(labeller: Labeller, name: str, found: table.ImageTable) -> table.Table:
    """The table, with a note of how to see its images: they are left in the run folder."""
    if not labeller.sees_pictures:
        return found.table
    run_folder = labeller.run_folder
    try:
        image_tables.write(run_folder, labeller.result["point"], name, found)
    except OSError as error:
        note = f"the images will not be on the report page: {error}"
    else:
        few = f"the first {image_tables.MOST} of them" * (len(found.images) > image_tables.MOST)
        note = (
            f"to see {few or 'them'}, write the report page again: "
            f"jaxdml report --workdir={run_folder.path}"
        )
    return found.table._replace(notes=[*found.table.notes, note])


def _without_formulas(written: table.Table) -> table.Table:
    """The table for a spreadsheet, which would compute the class `=1+1`."""
    return written._replace(body=[[*map(label_files.quoted, row)] for row in written.body])


def _output() -> Path:
    """`--output`, after the flags are found to agree."""
    if not OUTPUT.value:
        raise ConfigError("--output is missing: name the table to write, like --output=names.csv")
    if Path(OUTPUT.value).suffix != ".csv":
        raise ConfigError(f"--output={OUTPUT.value} must end in .csv")
    if SUSPECTS.value and (SUGGEST.value or INPUT.value):
        raise ConfigError(
            "--suspects is of the labelled images of the run: leave --suggest and --input out"
        )
    if not (INPUT.value or SUGGEST.value or SUSPECTS.value):
        raise ConfigError(
            "--input is missing: name a folder of images, an .npz file or a table; or say "
            "--suggest=20 or --suspects"
        )
    return Path(OUTPUT.value)


def _read(path: Path, labeller: Labeller) -> reading.Inputs:
    images = reading.read(path, labeller.embedder.trained_)
    for note in images.notes:
        print(f"note: {note}")
    return images


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir", "output"))
