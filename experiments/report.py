"""Prints and writes the report of a run folder.

python -m experiments.report --workdir=runs/grid
"""

from experiments import cli
from jaxdml.runs import execute


def main() -> None:
    """The table, and the picture of the latent space."""
    cli.write_report(execute.existing(cli.workdir()))


if __name__ == "__main__":
    cli.main(main)
