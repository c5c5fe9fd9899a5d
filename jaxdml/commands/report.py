"""Prints and writes the report of a run folder: tables, figures and a page.

jaxdml report --workdir=runs/grid [--projection=tsne] [--keep=results/grid]

A folder that `--keep` wrote is as good as the run folder, and a folder of such folders is reported
one by one: `--workdir=experiments/results` prints the tables of the thesis.
"""

from typing import NoReturn

from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.runs.storage import opening


def main() -> None:
    """Report of what is finished."""
    for run_folder in opening.inside(cli.workdir()):
        reporting.write_and_print(run_folder)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, required=("workdir",))
