"""A point of a run folder as a fitted embedder, without the data that it was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.estimator import configuration
from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.options import ConfigError, allow
from jaxdml.runs.execution import checkpoints, finished
from jaxdml.runs.planning import loading
from jaxdml.runs.planning.cohort_setup import Network
from jaxdml.runs.storage import folder, opening, within
from jaxdml.settings.fields import VALIDATION


def load(run_folder: str | Path, point: str = "", *, trust: bool = False) -> SemiSupervisedEmbedder:
    """A trained point as a fitted `SemiSupervisedEmbedder`: it embeds, predicts and decodes.

    The training data are not needed.

    Args:
      run_folder: a run folder with finished points.
      point: the id of one, or the start of it; empty where there is one point.
      trust: whether code from outside of the library may be imported which the run names, like a
        loss of one's own.

    Raises:
      ConfigError: if there is no such point, its parameters are missing or damaged, or it names
        code that is not to be imported.
    """
    within.check(Path(run_folder))
    stored_folder = opening.existing(Path(run_folder))
    plan = stored_folder.plan()
    load_dataset = loading.loader(Path(plan["data_dir"] or "."), plan)
    result = opening.chosen(stored_folder, point)
    if trust:
        allow(result["config"])
    return of_result(stored_folder, result, load_dataset)


def of_result(
    run_folder: folder.Folder, result: Mapping[str, Any], load_dataset: loading.LoadDataset
) -> SemiSupervisedEmbedder:
    """The same, of a result as `result.json` holds it.

    Args:
      run_folder: its run folder.
      result: as `result.json` holds it.
      load_dataset: gives the training data, which points of earlier versions need.

    Raises:
      ConfigError: if its training diverged, or its parameters are missing or damaged.
    """
    if result["status"] == "diverged":
        raise ConfigError(f"point {result['point']} has diverged: {result['reason']}")
    setting = finished.stored_point(run_folder, result).setting
    plan = run_folder.plan()
    if "data" in result:
        on_data = finished.on_stored_data(setting, result["data"])
    else:  # of a version that did not keep it
        on_data = setting.on(load_dataset(setting))

    def read(path: Path, rows: int, average: bool) -> Network:
        return checkpoints.networks(on_data.template(rows), path, average)

    network = finished.stored_network(run_folder, result, read, setting)
    stored_columns = plan["columns"].get(loading.described(setting))
    columns = None if stored_columns is None else loading.columns_from_json(stored_columns)
    embedder = SemiSupervisedEmbedder(
        setting["system"],
        steps=setting["train.steps"],
        invariances=on_data.invariances,
        random_state=setting["seed"],
        options={
            path: value
            for path, value in setting.items()
            if path in configuration.OF_FILES
            or not path.startswith(("system", "seed", "train.steps", "data.", "eval.", *VALIDATION))
        },
    )
    embedder._keep(TrainedNetwork(on_data, network, columns), sum(result["steps"].values()))
    height, width, channels = on_data.image_shape
    embedder.n_features_in_ = height if columns is None else width
    embedder.image_ndim_ = 2 if columns is not None else 3 if channels == 1 else 4
    if columns is not None and columns.names:
        embedder.feature_names_in_ = np.array(columns.names, object)
    names = loading.class_names(plan, setting) or [str(i) for i in range(on_data.classes)]
    embedder.classes_ = np.array(names)
    arrays = run_folder.embeddings(result["point"])
    embedder.embeddings_, embedder.labels_ = arrays["labelled"], arrays["labelled_labels"]
    return embedder
