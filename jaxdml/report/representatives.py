"""Which points a report shows, and what is needed to show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.evaluate import gallery
from jaxdml.options import ConfigError, listed
from jaxdml.report.tables import summary
from jaxdml.report.tables.summary import Group
from jaxdml.runs.execution import rescoring
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import loading, splits
from jaxdml.runs.storage import folder
from jaxdml.types import Dataset, Split

MOST = 12
MOST_CLASSES = 40  # of which there is an example
# point → what its confidence is worth, as `figures.reliability.Panel` holds it
Calibrate = Callable[[Mapping[str, Any]], Mapping[str, np.ndarray] | None]
MOST_UNLABELLED = 1_000  # training images


class Unlabelled(NamedTuple):
    """Some training images of whose labels a point knows nothing."""

    rows: np.ndarray  # i64[U] of the training set
    embeddings: np.ndarray  # f32[U, D]
    total: int  # of all such images


class Representative(NamedTuple):
    """The first point of a setting that counts: pictures show it for all."""

    name: str  # of the setting, in words
    group: Group
    result: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]  # as embeddings.npz holds them; none where they are not kept
    # nothing where its data set or its parameters are not here
    gallery: gallery.Gallery | None
    unlabelled: Unlabelled | None


def representatives(
    groups: Sequence[Group],
    load: loading.LoadDataset,
    note: Callable[[str], None],
) -> tuple[list[Representative], Dataset | None, bool]:
    """Returns one point of each setting, of at most twelve, with the data set that they share.

    The data set is `None` if it is not here, if settings differ in it or in the part of it that is
    scored, or if it has vectors, which are no pictures. The third value says whether anything could
    be shown if its data, its parameters or its embeddings were here.

    Args:
      groups: of results that hold their `folder`.
      load: gives data sets.
      note: is told what cannot be shown.
    """
    named = zip(summary.names(groups), groups, strict=True)
    # of earlier versions, which do not say how many images were scored, all were
    scored = [(name, group, [r for r in group.ok if r.get("scored", 1)]) for name, group in named]
    chosen = [(name, group, results[0]) for name, group, results in scored if results]
    if len(chosen) < sum(bool(group.ok) for group in groups):
        note("pictures show only settings that were scored on some images")
    if len(chosen) > MOST:
        note(f"pictures show {MOST} of {len(chosen)} settings")
        chosen = chosen[:MOST]
    points: list[Representative] = []
    kinds = {
        (
            loading.described(result["config"]),
            result["config"]["eval.split"],
            result["config"].get("data.fold"),
        )
        for _, _, result in chosen
    }
    if len(kinds) > 1:
        note("no images: the settings are of several data sets, or scored on different parts")
    dataset = None
    trainers: dict[folder.Folder, ChunkTrainer] = {}
    missing: dict[str, list[str]] = {}
    for name, group, result in chosen:
        run_folder, c = result["folder"], result["config"]
        arrays = run_folder.embeddings(result["point"])
        point_gallery = unlabelled = None
        if not arrays:
            missing.setdefault(f"{run_folder.path} keeps scores and losses only", [])
        elif len(kinds) == 1:
            try:
                loaded_dataset = load(c)
                trainer = trainers.setdefault(run_folder, ChunkTrainer(run_folder, load))
                point_gallery, unlabelled = _looked_at(run_folder, result, loaded_dataset, trainer)
                dataset = loaded_dataset if loaded_dataset.columns is None else None
            except ConfigError as error:
                missing.setdefault(str(error), []).append(result["point"])
        points.append(Representative(name, group, result, arrays, point_gallery, unlabelled))
    for why, ids in missing.items():
        note(f"no images{f' of {listed(ids)}' if ids else ' and embeddings'}: {why}")
    return points, dataset, bool(missing)


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images as u8, from 0 to 255, whether they were so or f32 in [0, 1]."""
    if images.dtype == np.uint8:
        return images
    return np.round(images * 255).astype(np.uint8)


def examples(part: Split, each: int = 1) -> np.ndarray:
    """Rows of the first images of each class, class by class, of at most `MOST_CLASSES`.

    Args:
      part: the scored images of a data set.
      each: how many of a class.
    """
    y = np.asarray(part.y)
    return np.concatenate([np.flatnonzero(y == i)[:each] for i in np.unique(y)[:MOST_CLASSES]])


def _looked_at(
    run_folder: folder.Folder, result: Mapping[str, Any], dataset: Dataset, trainer: ChunkTrainer
) -> tuple[gallery.Gallery, Unlabelled]:
    """What a trained point shows, and its embeddings of training images without a label."""
    stored_result = run_folder.result(result["point"])
    assert stored_result is not None
    channels = dataset.train.x.shape[3]
    if dataset.columns is None and channels not in (1, 3):
        raise ConfigError(f"an image of {channels} channels is no picture: 1 and 3 are")
    setup, point, _, network = rescoring.trained_point(run_folder, stored_result, trainer)
    c = point.setting
    others = np.random.default_rng(0).permutation(splits.unlabelled(dataset, c))
    rows = np.sort(others[:MOST_UNLABELLED])
    latents = setup.encode(network.params["model"], dataset.train.x, rows)[0]
    unlabelled = Unlabelled(rows, setup.embeddings(latents), len(others))
    method = c.on(dataset).method
    logits = c.get("reconstruction.name") == "bernoulli"
    part = splits.scored(dataset, c)
    images = part.x[examples(part)]
    as_image = jax.nn.sigmoid if logits else lambda x: jnp.clip(x, 0, 1)
    shown = gallery.gallery(method, network.params, images, as_image)
    if dataset.columns is not None:  # the prior's components alone can be drawn
        shown = gallery.Gallery(None, None, None, None, shown.components)
    return shown, unlabelled
