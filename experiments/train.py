"""Trains, evaluates and reports one point.

python -m experiments.train --config=configs/digits.py --workdir=runs/one
"""

import sys

from experiments import cli
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import grid
from jaxdml.runs.storage import folder


def main() -> None:
    """One point: the grid of nothing but the base configuration."""
    base, workdir = cli.config(), cli.workdir()
    if cli.has_grid():
        print("note: the file has a grid; experiments.grid trains all of it", file=sys.stderr)
    cli.note_unread(grid.expand(base, ({},)))
    data_dir = cli.data_dir(folder.Folder(workdir))
    cli.write_report(execute.run(base, ({},), workdir, data_dir))


if __name__ == "__main__":
    cli.define_config()
    cli.main(main)
