"""All cases by theme, and what each is answered with."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxdml.options import ConfigError
from tests.bad_inputs.arrays import ARRAYS
from tests.bad_inputs.case import Case
from tests.bad_inputs.commands import COMMANDS
from tests.bad_inputs.fields import FIELDS
from tests.bad_inputs.files import FILES
from tests.bad_inputs.plans import PLANS
from tests.bad_inputs.python import PYTHON
from tests.bad_inputs.run_folders import RUN_FOLDERS
from tests.bad_inputs.trainings import TRAININGS

THEMES: dict[str, tuple[Case, ...]] = {
    "Commands that train": TRAININGS,
    "Other commands": COMMANDS,
    "Fields of a configuration": FIELDS,
    "Configurations and grids of the digits": PLANS,
    "Arrays": ARRAYS,
    "Tables and folders": FILES,
    "Run folders": RUN_FOLDERS,
    "From Python": PYTHON,
}
Run = Callable[..., tuple[int, str, str]]  # words → exit code, what was printed and complained


class Outcome(NamedTuple):
    """What became of a case."""

    sentence: str  # the temporary folder in it is called FOLDER
    code: int  # of a command; 2 of a call that was refused as it should be
    whole: str  # all that was complained
    left: list[str]  # what it wrote


def of(case: Case, folder: Path, run: Run) -> Outcome:
    """What becomes of a case.

    Args:
      case: which may be a command or a call.
      folder: an empty one.
      run: runs a command.
    """
    if not callable(case.given):
        workdir = folder / "W"
        words = [re.sub(r"=W$", f"={workdir}", word) for word in case.given]
        code, _, complaint = run(*words)
        *_, last = complaint.strip().splitlines() or [""]
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        sentence = last.removeprefix("error: ").replace(str(workdir), "W")
        return Outcome(sentence, code, complaint, left)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            case.given(folder)
    except ConfigError as error:
        sentence = str(error)
    except ValueError as error:
        if not case.came.startswith("fit: "):
            raise
        sentence = str(error)
    else:
        return Outcome("", 0, "it was accepted", [])
    return Outcome(sentence.replace(str(folder), "FOLDER"), 2, sentence, [])
