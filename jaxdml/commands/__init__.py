"""The command line: `jaxdml COMMAND …`, `python -m jaxdml COMMAND …`, one module a command."""

import difflib
import importlib
import os
import sys
from typing import NoReturn

COMMANDS = {
    "train": "Trains, evaluates and reports one point.",
    "grid": "Trains, evaluates and reports every point of a grid that is not finished.",
    "evaluate": "Scores a finished run again, or in more ways, without training.",
    "report": "Prints and writes the report of a run folder: tables, figures and a page.",
    "compare": "Several runs in one report, where `run` is one more column.",
    "embed": "Embeddings of any images, by a trained point.",
    "predict": "Classes of new images, what to label next, and which labels look wrong.",
    "export": "Writes a finished run for TensorBoard or Weights & Biases.",
    "data": "What a data set is: images, labels, where it lies, pictures of it and its views.",
    "slurm": "A Dask cluster on SLURM for the command grid. Copy and adapt it.",
}


def main() -> NoReturn:
    """Runs the command that the first word of the command line names."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        width = max(map(len, COMMANDS))
        lines = [f"  {command:{width}}  {what}" for command, what in COMMANDS.items()]
        _say("\n".join(["jaxdml COMMAND --help tells more of each:", "", *lines]))
    if name == "--version":
        _say(importlib.import_module("jaxdml").__version__)
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        print(f"error: there is no command {name}: {meant}", file=sys.stderr)
        sys.exit(2)
    sys.argv = [f"jaxdml {name}", *rest]
    sys.path.insert(0, "")  # parts of one's own, in the working folder
    importlib.import_module(f"jaxdml.commands.{name}").run()
    raise AssertionError("a command exits")


def _say(text: str) -> NoReturn:
    """Prints something, also where nobody reads on, as behind `| head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)
