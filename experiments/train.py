"""Trains, evaluates and reports one point.

python -m experiments.train --config=configs/digits.py --workdir=runs/one
"""

from experiments import cli
from jaxdml.runs import execute


def main() -> None:
    """One point: the grid of nothing but the base configuration."""
    place = execute.run(cli.config(), ({},), cli.workdir(), cli.data_dir())
    cli.write_report(place)


if __name__ == "__main__":
    cli.define_config()
    cli.main(main)
