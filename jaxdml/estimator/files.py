"""A fitted embedder in one `.npz` file: arrays by name, and JSON. Nothing is unpickled."""

import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.estimator.inputs import Scale
from jaxdml.runs.planning.cohort_setup import Network
from jaxdml.runs.storage.folder import write_npz
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import SettingOnData
from jaxdml.train import step
from jaxdml.types import Point, TrainState

VERSION = 1
OF_FIT = ("n_features_in_", "image_ndim_", "n_steps_")


def save(embedder: Any, path: Path) -> None:
    """Writes it; the file appears whole or not at all."""
    on_data = embedder.on_data_
    trees = {"params": embedder.network_.params, "kept": embedder.network_.kept}
    arrays = {
        f"{name}{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for name, tree in trees.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    about = {
        "version": VERSION,
        "parameters": embedder.get_params(),
        "setting": dict(embedder.setting_),
        **on_data.record(),
        "row_shape": list(embedder._row_shape),
        **{name: getattr(embedder, name) for name in OF_FIT},
        "names": list(getattr(embedder, "feature_names_in_", [])),
    }
    arrays |= {
        "about": np.array(json.dumps(about, default=_plain)),
        "classes_": embedder.classes_,
        "labels_": embedder.labels_,
        "embeddings_": embedder.embeddings_,
    }
    if embedder.scale_ is not None:
        arrays |= {"scale.mean": embedder.scale_.mean, "scale.deviation": embedder.scale_.deviation}
    write_npz(path, arrays)


def load(cls: Any, path: Path) -> Any:
    """A fitted embedder.

    Raises:
      ValueError: if it is no file that `save` has written.
    """
    try:
        with path.open("rb") as file, np.load(file) as held:
            arrays = dict(held)
        about = json.loads(str(arrays.pop("about")))
        if about["version"] != VERSION:
            raise ValueError(f"it is of the version {about['version']}")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path} is no embedder that save has written ({error})") from error
    embedder = cls(**about["parameters"])
    for name in OF_FIT:
        setattr(embedder, name, about[name])
    embedder._row_shape = tuple(about["row_shape"])
    if about["names"]:
        embedder.feature_names_in_ = np.asarray(about["names"], object)
    for name in ("classes_", "labels_", "embeddings_"):
        setattr(embedder, name, arrays.pop(name))
    mean, deviation = arrays.pop("scale.mean", None), arrays.pop("scale.deviation", None)
    embedder.scale_ = None if mean is None or deviation is None else Scale(mean, deviation)
    embedder.setting_ = resolve(about["setting"])
    embedder.on_data_ = SettingOnData(
        embedder.setting_,
        tuple(about["image_shape"]),
        about["classes"],
        about["images"],
        tuple(about["invariances"]),
    )
    state = _template(embedder.on_data_)
    try:
        embedder.network_ = Network(
            _filled("params", state.params, arrays), _filled("kept", state.kept, arrays)
        )
    except KeyError as error:
        raise ValueError(f"{path} is no embedder that save has written: it lacks {error}") from None
    return embedder


def _template(on_data: SettingOnData) -> TrainState:
    """The shapes of what a training of this setting changes."""
    zero = jnp.zeros((), jnp.int32)
    point = Point(zero, {}, zero[None], zero[None], zero)
    images = jax.ShapeDtypeStruct((on_data.images, *on_data.image_shape), jnp.uint8)
    return jax.eval_shape(lambda x: step.init(on_data.method, point, x), images)


def _filled(name: str, template: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A tree of this structure, with arrays like `params['model']['kernel']` as its leaves."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: arrays[f"{name}{jax.tree_util.keystr(path)}"], template
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be saved: use plain numbers, words and tuples as parameters")
