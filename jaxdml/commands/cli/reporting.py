"""The report of a run, written and said."""

import functools
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from jaxdml.commands import cli
from jaxdml.labelling import held_out
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import archive, files, folder, within


def write_and_print(*run_folders: folder.Folder, into: Path | None = None) -> None:
    """Writes the report of one or more runs, and prints its table and where things lie."""
    written = write_quietly(run_folders, cli.loader(*run_folders), into)
    if cli.KEEP.value:
        with _explained(Path(cli.KEEP.value)):
            _keep(run_folders[0], Path(cli.KEEP.value))
    print(f"\n{written.table}\n")
    for run_folder in run_folders:
        print(f"results  {run_folder.path / 'results.csv'}")
    print(f"report   {written.page}")
    figures = f" and {len(written.pictures) // 2} figures (PNG, SVG)" if written.pictures else ""
    print(f"         beside it report.md, tables/ (CSV, LaTeX){figures}")
    if cli.KEEP.value:
        print(f"kept     {cli.KEEP.value}")
    for note in written.notes:
        print(f"note: {note}")


def remember_command(run_folder: folder.Folder) -> None:
    """Keeps which command trained a run, and on which day, for the report.

    A command that finds all points finished changes nothing.
    """
    file = run_folder.path / write.COMMAND
    last = max(
        (one.stat().st_mtime for one in run_folder.path.glob("points/*/result.json")), default=0.0
    )
    if file.exists() and file.stat().st_mtime >= last:
        return
    name = Path(sys.argv[0]).stem.split()[-1]  # of `jaxdml train` as of `experiments/train.py`
    line = f"{date.fromtimestamp(last)} {shlex.join(['jaxdml', name, *sys.argv[1:]])}\n"
    files.write(file, line.encode(errors=write.ESCAPES))


def write_quietly(
    run_folders: Sequence[folder.Folder], load: loading.LoadDataset, into: Path | None = None
) -> write.Report:
    """Writes the report of one or more runs.

    Args:
      run_folders: with finished points.
      load: gives data sets.
      into: the folder to write; `None`: that of the first run.

    Raises:
      ConfigError: if it cannot be written.
    """
    for run_folder in run_folders:
        within.check(run_folder.path)
    into = into or run_folders[0].report
    calibrate = functools.partial(held_out.reliability, load)
    with _explained(into):
        return write.report(run_folders, into, load, cli.PROJECTION.value, calibrate)


@contextmanager
def _explained(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"the report cannot be written to {into}: {error}") from error


def _keep(run_folder: folder.Folder, into: Path) -> None:
    """What is small of a run, and as much of the report as can be made of that."""
    kept = archive.keep(run_folder, into)
    with tempfile.TemporaryDirectory() as temporary_folder:
        kept_report = write.report([kept], Path(temporary_folder), cli.loader(run_folder))
        for file in (kept_report.text, *kept_report.pictures):
            if file.suffix != ".svg":
                files.write(into / file.name, file.read_bytes())
