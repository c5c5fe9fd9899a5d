"""Data sets by configuration, each loaded once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jaxdml import data
from jaxdml.options import ConfigError
from jaxdml.settings import config
from jaxdml.types import Dataset

LoadDataset = Callable[[Mapping[str, Any]], Dataset]  # of a resolved configuration


def described(resolved: Mapping[str, Any]) -> str:
    """Which images there are, in words: the same ones for the same words."""
    said = config.lasting(dict(config.source(resolved)))
    return " ".join(f"{path.removeprefix('data.')}={value}" for path, value in said.items())


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """(H, W, C)."""
    height, width, channels = dataset.train.x.shape[1:]
    return height, width, channels


def loader(
    data_dir: Any,
    places: Mapping[str, str] = MappingProxyType({}),
    prints: Mapping[str, str] = MappingProxyType({}),
) -> LoadDataset:
    """Loads each data set once.

    Args:
      data_dir: the folder that holds the files of all sets.
      places: a data set, as `described` → where its files were in an earlier call: used where the
        path of its configuration leads nowhere, as from another working folder.
      prints: a data set, as `described` → its fingerprint in an earlier call. One that was made
        before there were folds, with test images set apart, stays so.
    """
    loaded: dict[tuple[Any, ...], Dataset] = {}

    def load(resolved: Mapping[str, Any]) -> Dataset:
        source = config.source(resolved)
        if source not in loaded:
            options = {path.removeprefix("data."): value for path, value in source}
            name, before = options.pop("name"), places.get(described(resolved))
            try:
                loaded[source] = data.load(name, data_dir, **options)
            except ConfigError:
                if not options.get("path") or not before or not Path(before).exists():
                    raise
                options |= {"path": before}
                loaded[source] = data.load(name, data_dir, **options)
            print_before = prints.get(described(resolved))
            if loaded[source].folds and print_before not in (
                None,
                data.fingerprint(loaded[source]),
            ):
                apart = data.load(name, data_dir, **options | {"folds": 0})
                if data.fingerprint(apart) == print_before:
                    loaded[source] = apart
        return loaded[source]

    return load
