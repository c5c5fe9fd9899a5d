"""Writes a finished run for TensorBoard or Weights & Biases.

    jaxdml export --workdir=runs/grid --to=tensorboard [--output=DIR]

The output, runs/grid/tensorboard or runs/grid/wandb, is replaced if it is an earlier export.
"""

import sys
from pathlib import Path
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.export import run as finished
from jaxdml.options import ConfigError
from jaxdml.runs.storage import opening

OWN = flags.FlagValues()
TO = flags.DEFINE_enum("to", None, list(finished.TOOLS), "The tool to write for.", flag_values=OWN)
OUTPUT = flags.DEFINE_string(
    "output", None, "The folder to write (default: in the run folder).", flag_values=OWN
)


def main() -> None:
    """Exports what is finished."""
    run_folder = opening.existing(cli.workdir())
    if TO.value is None:
        raise ConfigError("--to is missing: name a tool, like --to=tensorboard")
    into = Path(OUTPUT.value) if OUTPUT.value else run_folder.path / TO.value
    finished.export(run_folder, TO.value, into, cli.loader(run_folder), note)
    print(f"to look at it: {finished.TOOLS[TO.value].look(into)}")


def note(sentence: str) -> None:
    """Says what cannot be shown."""
    print(f"note: {sentence}", file=sys.stderr)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir", "to"))
