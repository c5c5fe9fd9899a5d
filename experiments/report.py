"""Prints and writes the report of a run folder: tables, figures, and a page to look at.

python -m experiments.report --workdir=runs/grid [--projection=tsne]
"""

from experiments import cli
from jaxdml.runs import execute


def main() -> None:
    """Report of what is finished."""
    cli.write_report(execute.existing(cli.workdir()))


if __name__ == "__main__":
    cli.main(main)
