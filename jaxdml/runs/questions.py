"""A study's questions: from a configuration file to the run folder, and back.

A configuration file may have a `get_questions()`: text → name of a setting → what it changes in the
base. The first setting is what the others are compared with:

    {"Is the KL too strong?": {"β = 1": {}, "β = 0.01": {"kl.beta": 0.01}}}

`embedding` is no path of the configuration: it says which embedding is scored, mean or sample.
"""

from collections.abc import Mapping
from typing import Any

from jaxdml import config, parts
from jaxdml.options import ConfigError
from jaxdml.runs import folder

FILE = "questions.json"
Questions = dict[str, dict[str, dict[str, Any]]]


def resolve(base: Mapping[str, Any], given: Mapping[str, Any]) -> Questions:
    """Each setting as a whole configuration.

    Raises:
      ConfigError: if the questions are not of the form above, or a setting is not valid.

    >>> found = resolve({"system": "vae"}, {"Too strong?": {"no": {}, "yes": {"kl.beta": 0.5}}})
    >>> found["Too strong?"]["yes"]["kl.beta"]
    0.5
    """
    flat = config.flatten(base)
    found: Questions = {}
    changed = [
        changes for settings in given.values() if isinstance(settings, Mapping)
        for changes in settings.values()
    ]  # fmt: skip
    elsewhere = parts.sections([flat, *changed])
    for text, settings in given.items():
        if not isinstance(settings, Mapping) or len(settings) < 2:
            raise ConfigError(f"the question {text!r} must have two or more settings by name")
        found[text] = {}
        for name, changes in settings.items():
            paths = {path: value for path, value in changes.items() if path != "embedding"}
            whole = config.resolve(config.assign(flat, paths), elsewhere)
            own = {path: value for path, value in changes.items() if path == "embedding"}
            found[text][name] = whole | own
    return found


def write(place: folder.Folder, questions: Questions) -> None:
    """Keeps them with the run; without any, none of an earlier call are left."""
    if questions:
        folder.write_json(place.path / FILE, questions)
    else:
        (place.path / FILE).unlink(missing_ok=True)


def read(place: folder.Folder) -> Questions:
    """Those of a run, or none."""
    file = place.path / FILE
    return folder.read_json(file) if file.exists() else {}
