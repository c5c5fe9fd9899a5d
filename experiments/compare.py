"""Several runs in one report: `run` is one more column, and one more thing to compare.

python -m experiments.compare runs/one runs/two [--output=runs/comparison]
"""

from pathlib import Path

from absl import flags

from experiments import cli
from jaxdml.options import ConfigError
from jaxdml.runs.storage import opening

OUTPUT = flags.DEFINE_string("output", "runs/comparison", "The folder to write.")


def main(runs: list[str]) -> None:
    """Report of what is finished in all of them."""
    different = {Path(run).resolve(): Path(run) for run in runs}.values()
    if len(different) < 2:
        raise ConfigError("name two or more run folders, like runs/one runs/two")
    cli.write_report(*map(opening.existing, different), into=Path(OUTPUT.value))


if __name__ == "__main__":
    cli.main(main, takes="run folders")
