"""Writes a finished run for TensorBoard or Weights & Biases.

    python -m experiments.export --workdir=runs/grid --to=tensorboard [--output=DIR]

The output, runs/grid/tensorboard or runs/grid/wandb, is replaced if it is an earlier export.
"""

import sys
from pathlib import Path

from absl import flags

from experiments import cli
from jaxdml.export import run
from jaxdml.options import ConfigError
from jaxdml.runs.storage import opening

TO = flags.DEFINE_enum("to", None, list(run.TOOLS), "The tool to write for.")
OUTPUT = flags.DEFINE_string("output", None, "The folder to write (default: in the run folder).")


def main() -> None:
    """Exports what is finished."""
    place = opening.existing(cli.workdir())
    if TO.value is None:
        raise ConfigError("--to is missing: name a tool, like --to=tensorboard")
    into = Path(OUTPUT.value) if OUTPUT.value else place.path / TO.value
    run.export(place, TO.value, into, cli.loader(place), note)
    print(f"to look at it: {run.TOOLS[TO.value].look(into)}")


def note(sentence: str) -> None:
    """Says what cannot be shown."""
    print(f"note: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    cli.main(main)
