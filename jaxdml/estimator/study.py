"""A grid from Python: what `jaxdml grid` does, with the table and the run folder in return."""

import functools
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdml.data.download import cache
from jaxdml.labelling import held_out
from jaxdml.options import ConfigError, allow
from jaxdml.report import write
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import grid as grids
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import files, within
from jaxdml.settings.fields import assign, flatten


class Study(NamedTuple):
    """What a grid came to."""

    rows: list[dict[str, str]]  # of results.csv: a row for each point × score; values as text
    table: str  # means over seeds, as Markdown
    run_folder: Path
    page: Path  # the report, HTML

    def __str__(self) -> str:
        """The table, and where the rest lies."""
        return f"{self.table}\n\n{self.page}"


def study(
    config: str | Mapping[str, Any],
    grid: Any = ({},),
    *,
    run_folder: str | Path,
    data_dir: str | Path | None = None,
    **changes: Any,
) -> Study:
    """Trains, scores and reports every point of a grid that is not finished yet.

    Args:
      config: the base configuration: fields and their values, nested or with dotted paths; or the
        name of one of the package, like `few` or `digits`.
      grid: a mapping from fields to values, or a sequence of such mappings, see
        `jaxdml.runs.planning.grid`; without it there is one point.
      run_folder: where results go. The same call continues where an earlier one stopped.
      data_dir: the folder of data sets; `None`: `JAXDML_DATA`, or a cache folder.
      changes: other fields of the configuration, with `__` for a dot: `data__name="mnist"`.

    Returns:
      the rows of `results.csv`, the table of means, the run folder and the page of the report.

    Raises:
      ConfigError: for anything that the user can mend.
    """
    where = Path(data_dir or os.environ.get("JAXDML_DATA") or cache()).expanduser()
    over = [grid] if isinstance(grid, Mapping) else grid
    fields = {path.replace("__", "."): value for path, value in changes.items()}
    base = assign(_base(config), fields)
    into: grids.Grid = over
    allow(base, over)
    within.check(Path(run_folder))
    stored_folder = execute.run(base, into, Path(run_folder), where)
    load = loading.loader(where, stored_folder.plan())
    calibrate = functools.partial(held_out.reliability, load)
    report = write.report([stored_folder], stored_folder.report, load, calibrate=calibrate)
    rows = files.read_csv(stored_folder.path / "results.csv")
    return Study(rows, report.table, stored_folder.path, report.page)


def _base(config: str | Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as flat fields."""
    if not isinstance(config, str):
        return flatten(config.to_dict() if hasattr(config, "to_dict") else config)
    name, _, word = config.partition(":")
    try:
        module = importlib.import_module(f"jaxdml.configs.{name}")
        made = module.get_config(*([word] if word else []))
    except (ModuleNotFoundError, AttributeError) as error:
        raise ConfigError(
            f"there is no configuration {config!r} in the package: few, vectors, images and "
            "digits are there; or give a mapping of fields"
        ) from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return flatten(made.to_dict())
