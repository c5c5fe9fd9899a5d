"""A fitted embedder in one `.npz` file: arrays by name, and JSON. Nothing is unpickled."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdml.data import npz
from jaxdml.estimator import configuration
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.options import NotAllowedError, allow
from jaxdml.runs.execution.finished import on_stored_data
from jaxdml.runs.planning.cohort_setup import Network
from jaxdml.runs.storage.files import write_npz
from jaxdml.settings.resolve import resolve
from jaxdml.types import Columns

VERSION = 1
OF_FIT = ("n_features_in_", "image_ndim_", "n_steps_")


def save(embedder: Any, path: Path) -> None:
    """Writes it; the file appears whole or not at all."""
    trained = embedder.trained_
    trees = {"params": trained.network.params, "kept": trained.network.kept}
    arrays = {
        f"{name}{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for name, tree in trees.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    about = {
        "version": VERSION,
        # a RandomState cannot be kept, and the seed that it gave can
        "parameters": embedder.get_params() | {"random_state": embedder.setting_["seed"]},
        "setting": dict(embedder.setting_),
        **trained.on_data.record(),
        **{name: getattr(embedder, name) for name in OF_FIT},
        "names": list(getattr(embedder, "feature_names_in_", [])),
    }
    arrays |= {
        "about": np.array(json.dumps(about, default=_plain)),
        "classes_": embedder.classes_,
        "labels_": embedder.labels_,
        "embeddings_": embedder.embeddings_,
    }
    if trained.columns is not None:
        arrays |= {"mean": trained.columns.mean, "deviation": trained.columns.deviation}
    write_npz(path, arrays)


def load(cls: Any, path: Path, *, trust: bool = False) -> Any:
    """A fitted embedder.

    Args:
      cls: its class.
      path: of the file.
      trust: whether parts that it names may be imported, see `options.allow`.

    Raises:
      ValueError: if it is no file that `save` has written, or names a part that nobody has allowed.
    """
    try:
        arrays = npz.read(path, npz.names(path))
        about = json.loads(str(arrays.pop("about")))
        if about["version"] != VERSION:
            raise ValueError(f"it is of the version {about['version']}")
        if trust:
            allow(about["parameters"], about["setting"])
        embedder = cls(**about["parameters"])
        for name in OF_FIT:
            setattr(embedder, name, about[name])
        if about["names"]:
            embedder.feature_names_in_ = np.asarray(about["names"], object)
        for name in ("classes_", "labels_", "embeddings_"):
            setattr(embedder, name, arrays.pop(name))
        columns = Columns(arrays["mean"], arrays["deviation"]) if "mean" in arrays else None
        resolve(configuration.of(embedder, labelled=True))  # for what a later `fit` would allow
        on_data = on_stored_data(about["setting"], about)
        template = on_data.template(1)  # of which the structure counts
        network = Network(
            _filled("params", template.params, arrays), _filled("kept", template.kept, arrays)
        )
    except NotAllowedError as error:
        raise ValueError(f"{path}: {error}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no embedder that save has written ({error})") from error
    embedder._keep(TrainedNetwork(on_data, network, columns), about["n_steps_"])
    return embedder


def _filled(name: str, template: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A tree of this structure, with arrays like `params['model']['kernel']` as its leaves."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: arrays[f"{name}{jax.tree_util.keystr(path)}"], template
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be saved: use plain numbers, words and tuples as parameters")
