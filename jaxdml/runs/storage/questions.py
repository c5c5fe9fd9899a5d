"""A study's questions: from a configuration file to the run folder, and back.

A configuration file may have a `get_questions()`: text → name of a setting → what it changes in the
base. The first setting is what the others are compared with:

    {"Is the KL too strong?": {"β = 1": {}, "β = 0.01": {"kl.beta": 0.01}}}

Two things are no paths of the configuration. `embedding` says which embedding is scored, mean or
sample. `margin`, of the first setting, is a difference that does not matter, like 0.005.
"""

from collections.abc import Mapping
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.report.tables.questions import MARGIN, NO_PATHS
from jaxdml.runs.storage import files, folder
from jaxdml.settings import parts
from jaxdml.settings.fields import assign, flatten
from jaxdml.settings.resolve import resolve as setting_of

FILE = "questions.json"
Questions = dict[str, dict[str, dict[str, Any]]]


def resolve(base: Mapping[str, Any], questions: Mapping[str, Any]) -> Questions:
    """Completes each setting of each question to a whole configuration.

    Raises:
      ConfigError: if the questions are not of the form above, or a setting is not valid.

    >>> resolved = resolve({"system": "vae"}, {"Too strong?": {"no": {}, "yes": {"kl.beta": 0.5}}})
    >>> resolved["Too strong?"]["yes"]["kl.beta"]
    0.5
    """
    flat = flatten(base)
    resolved: Questions = {}
    changed = [
        changes for settings in questions.values() if isinstance(settings, Mapping)
        for changes in settings.values()
    ]  # fmt: skip
    elsewhere = parts.sections([flat, *changed])
    for text, settings in questions.items():
        if not isinstance(settings, Mapping) or len(settings) < 2:
            raise ConfigError(f"the question {text!r} must have two or more settings by name")
        margin = next(iter(settings.values())).get(MARGIN, 1.0)
        if not isinstance(margin, int | float) or not margin > 0:
            raise ConfigError(
                f"the margin of the question {text!r} must be a difference above 0, like 0.005, "
                f"but is {margin!r}"
            )
        resolved[text] = {}
        for name, changes in settings.items():
            paths = {path: value for path, value in changes.items() if path not in NO_PATHS}
            whole = dict(setting_of(assign(flat, paths), elsewhere))
            extras = {path: value for path, value in changes.items() if path in NO_PATHS}
            resolved[text][name] = whole | extras
    return resolved


def write(run_folder: folder.Folder, questions: Questions) -> None:
    """Writes questions into the run folder; without any, removes those of an earlier call."""
    if questions:
        files.write_json(run_folder.path / FILE, questions)
    else:
        (run_folder.path / FILE).unlink(missing_ok=True)


def read(run_folder: folder.Folder) -> Questions:
    """Reads the questions of a run; a run without any gives an empty dict.

    Raises:
      DamageError: if the file is damaged. Each call of `grid` writes it anew.

    >>> from pathlib import Path
    >>> read(folder.Folder(Path("nowhere")))
    {}
    """
    file = run_folder.path / FILE
    return files.read_json(file) if file.exists() else {}
