"""Trains, evaluates and reports one point.

jaxdml train --config=digits --workdir=runs/one
"""

import sys
from typing import NoReturn

from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import grid
from jaxdml.runs.storage import folder


def main() -> None:
    """One point: the grid of nothing but the base configuration."""
    base, workdir = cli.config(), cli.workdir()
    if cli.has_grid():
        print("note: the file has a grid; the command grid trains all of it", file=sys.stderr)
    cli.note_unread(grid.expand(base, ({},)))
    data_dir = cli.data_dir(folder.Folder(workdir))
    reporting.write_and_print(execute.run(base, ({},), workdir, data_dir))
    if base["data.name"] == "images":
        print(
            f"\nnames for new photos: jaxdml predict --workdir={workdir} --input=FOLDER "
            "--output=labels.csv"
        )


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.define_config()
    cli.main(main, required=("config", "workdir"))
