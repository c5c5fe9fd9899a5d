"""Several runs in one report, where `run` is one more column.

jaxdml compare runs/one runs/two [--output=runs/comparison]
"""

from pathlib import Path
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.options import ConfigError
from jaxdml.runs.storage import opening

OWN = flags.FlagValues()
OUTPUT = flags.DEFINE_string("output", "runs/comparison", "The folder to write.", flag_values=OWN)


def main(runs: list[str]) -> None:
    """Report of what is finished in all of them."""
    different = {Path(run).resolve(): Path(run) for run in runs}.values()
    if len(different) < 2:
        raise ConfigError("name two or more run folders, like runs/one runs/two")
    reporting.write_and_print(*map(opening.existing, different), into=Path(OUTPUT.value))


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, takes="run folders")
