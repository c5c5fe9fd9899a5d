"""Scores a finished run again, or in more ways, without training.

jaxdml evaluate --workdir=runs/grid
    [--protocols=thesis,full,cluster,retrieval,scores] [--classifiers=knn,rf,mlp,linear]
    [--embeddings=mean,sample]

Protocols and classifiers may also be dotted paths, like my_module:make. What is named is added to
the scores that there are; with nothing named, all are made anew.
"""

from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.options import allow
from jaxdml.runs.execution import rescoring
from jaxdml.runs.storage import opening

OWN = flags.FlagValues()
PROTOCOLS = flags.DEFINE_list(
    "protocols", [], "Protocols (default: the run's own).", flag_values=OWN
)
CLASSIFIERS = flags.DEFINE_list(
    "classifiers", [], "Classifiers (default: the run's own).", flag_values=OWN
)
EMBEDDINGS = flags.DEFINE_list(
    "embeddings", [], "Embeddings (default: the run's own).", flag_values=OWN
)


def main() -> None:
    """Restores every finished point, embeds the images, and scores them."""
    by = PROTOCOLS.value, CLASSIFIERS.value, EMBEDDINGS.value
    allow(*by)
    workdir = cli.workdir()
    run_folder = rescoring.rescore(workdir, cli.data_dir(opening.existing(workdir)), *by)
    reporting.write_and_print(run_folder)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir",))
