"""Scores a finished run again, without training.

python -m experiments.evaluate --workdir=runs/grid [--protocols=thesis,labelled]
"""

from absl import flags

from experiments import cli
from jaxdml.runs import execute

PROTOCOLS = flags.DEFINE_list("protocols", [], "Protocols (default: the run's own).")
CLASSIFIERS = flags.DEFINE_list("classifiers", [], "Classifiers (default: the run's own).")


def main() -> None:
    """Restores every finished point, embeds the images, and scores them."""
    place = execute.rescore(cli.workdir(), cli.data_dir(), PROTOCOLS.value, CLASSIFIERS.value)
    cli.write_report(place)


if __name__ == "__main__":
    cli.main(main)
