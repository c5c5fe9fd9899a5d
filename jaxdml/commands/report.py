"""Prints and writes the report of a run folder: tables, figures and a page.

jaxdml report --workdir=runs/grid [--projection=tsne] [--keep=results/grid] [--watch]

A folder that `--keep` wrote is as good as the run folder, and a folder of such folders is reported
one by one: `--workdir=experiments/results` prints the tables of the thesis.

`--watch` follows a run that another process trains, until all of its points are finished: it prints
how far the run is, and writes the report anew when another point is finished.
"""

import math
import os
import time
from pathlib import Path
from typing import NoReturn

import jax
from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.options import ConfigError
from jaxdml.runs.storage import archive, folder, opening, watching

OWN = flags.FlagValues()
WATCH = flags.DEFINE_bool(
    "watch",
    False,
    "Follow a run that another process trains, to its end; Ctrl-C ends the watch alone.",
    flag_values=OWN,
)
EVERY = flags.DEFINE_float(
    "every", 10.0, "Seconds between two looks of --watch.", lower_bound=0.1, flag_values=OWN
)


def main() -> None:
    """Report of what is finished, or of what becomes so."""
    if not math.isfinite(EVERY.value):
        raise ConfigError(f"--every must be a number of seconds, but is {EVERY.value}")
    if WATCH.value:
        _watch(cli.workdir(), EVERY.value)
    else:
        for run_folder in opening.inside(cli.workdir()):
            reporting.write_and_print(run_folder)


def _watch(path: Path, seconds: float) -> None:
    """Prints a line when something has changed, and writes the report when a point is finished."""
    if archive.is_archive(path):
        raise ConfigError(
            f"{path} is what is kept of a run, and nothing trains there: omit --watch"
        )
    os.nice(10)  # the training goes first, on the CPU
    jax.config.update("jax_platforms", "cpu")  # and has the accelerators to itself
    run_folder, load, before = folder.Folder(path), None, None
    while not (now := watching.progress(run_folder)).over:
        if now != before:
            print(now.line() if now.points else f"{path} holds no run yet: waiting", flush=True)
            if now.points and not now.finished and not (before and before.points):
                print("the report begins with the first finished point: waiting", flush=True)
        if now.finished > (before.finished if before else 0):
            load = load or cli.loader(run_folder)
            page = reporting.write_quietly([run_folder], load).page
            print(f"report   {page}", flush=True)
        before = now
        time.sleep(seconds)
    print(now.line(), flush=True)
    reporting.write_and_print(run_folder)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir",))
