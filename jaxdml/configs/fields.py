"""The fields of a configuration in words, from the source of `jaxdml.configs.common`."""

import inspect
import re

from ml_collections import ConfigDict

from jaxdml.configs import common

SECTION = re.compile(r"config\.(\w+) = (\w+) = ConfigDict\(\)(?:  # (.*))?")
FIELD = re.compile(r"(?:config\.)?([\w.]+) = .*?(?:  # (.*))?")


def described() -> str:
    """A line for each field: its path and its default; then what it means, as comments say it.

    >>> [line for line in described().splitlines() if "train.learning_rate" in line]
    ['  --config.train.learning_rate=0.001']
    """
    lines: list[str] = []
    sections: dict[str, str] = {}  # variable → name
    ahead: list[str] = []  # comments about what follows: their first line begins with a capital
    for line in inspect.getsource(common.get_config).splitlines()[3:-1]:
        text = line.strip()
        if text.startswith("# "):
            about = ahead if ahead or text[2].isupper() else lines
            about.append(f"      {text[2:]}")
            continue
        if section := SECTION.fullmatch(text):
            sections[section[2]] = section[1]
            lines += ["", section[1] + (f": {section[3]}" if section[3] else "")]
        elif field := FIELD.fullmatch(text):
            variable, _, rest = field[1].partition(".")
            path = f"{sections[variable]}.{rest}" if rest else variable
            default = _default(path)
            lines.append(f"  --config.{path}" + ("" if default is None else f"={default}"))
            lines += [f"      {field[2]}"] if field[2] else []
        if text:
            lines += ahead
            ahead = []
    return "\n".join(lines)


def _default(path: str) -> object:
    value = common.get_config()
    for name in path.split("."):
        value = value[name] if isinstance(value, ConfigDict) else None
    return value
