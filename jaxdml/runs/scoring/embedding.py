"""From a trained point to its result: status, and embeddings to be scored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdml.evaluate import embed, neighbours, protocols
from jaxdml.evaluate.protocols import Embedded
from jaxdml.evaluate.scores.class_means import class_scores
from jaxdml.runs.planning import splits
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network
from jaxdml.runs.planning.points import GridPoint
from jaxdml.settings.fields import WARM_START
from jaxdml.settings.setting import Setting
from jaxdml.train import epoch, step
from jaxdml.types import Split

SAME = 0.03  # how near to the loss of a single point counts as the same
FINAL = "it is trained with all labels, to be used, and not scored: see the points of its folds"
UNSCORED = (
    "it is not scored: it begins with a network that may know the labels of all images; with test "
    "images of their own, in a folder test or by a column split, it would be"
)
KNOWN = (
    "the network that it begins with may know the labels of the images it is scored on, so that "
    "scores may be too high; test images of their own, as in a folder test, would be fair"
)
LEARNED = 0.9  # so many nearest neighbours of their own class, and something has been learned


class EmbeddedPoint(NamedTuple):
    """A trained point and its embeddings, before they are scored."""

    result: dict[str, Any]  # with no scores yet
    embedded: Mapping[str, Embedded]  # what is to be scored, by kind: `mean`, `sample`
    arrays: dict[str, np.ndarray]  # what is kept of its embeddings


def embed_point(
    setup: CohortSetup,
    point: GridPoint,
    network: Network,
    diverged: np.ndarray,
    labelled: np.ndarray,
    stopped: Mapping[str, Any] | None = None,
) -> EmbeddedPoint:
    """A point's result but for its scores, and its embeddings.

    Its status is `ok`; `diverged` where training was not finite; or `failed` where the embeddings,
    posterior means, are constant or not finite, and no sample of the posterior can stand for them.
    Only `ok` is scored. Its note says whether the metric loss is that of a single point, as after a
    collapse of batch-hard triplets; whether the mean or a sample of the posterior is left out
    because it cannot be scored; and what cannot be scored for want of classes. Where the encoder is
    deterministic there is no sample, and the mean is what is scored.

    Args:
      setup: its cohort's.
      point: its identity and configuration.
      network: its trained network.
      diverged: i32[3], as in `TrainState`.
      labelled: rows of the training set.
      stopped: how far it was trained, see `Standing.record`; `None`: to its last epoch.
    """
    c = point.setting
    result: dict[str, Any] = {
        "point": point.id,
        "status": "ok",
        "reason": None,
        "note": None,
        "config": dict(c),
        "data": c.on(setup.dataset).record(),
        "labelled": len(labelled),
        **splits.counts(setup.dataset, c),
        "steps": epoch.count_steps(
            setup.routine, setup.sizes, stopped["epoch"] if stopped else setup.epochs
        ),
        **({"stopped": dict(stopped)} if stopped else {}),
        "diverged": [int(i) for i in diverged],
        "scores": [],
    }
    if diverged[0] >= 0:
        names = [*step.terms(setup.routine), "the gradient"]
        number, at, code = (int(i) for i in diverged)
        reason = f"{names[code]} was not finite in epoch {number}, step {at}"
        return EmbeddedPoint(result | {"status": "diverged", "reason": reason}, {}, {})
    embedded = embeddings(setup, c, network, labelled)
    mean, sample = embedded["mean"], embedded.get("sample")
    arrays = {
        "test": mean.test,
        "test_labels": mean.test_labels,
        "labelled": mean.labelled,
        "labelled_labels": mean.labelled_labels,
        "labelled_index": labelled,
    }
    if setup.dataset.names:
        arrays["labelled_names"] = np.array([setup.dataset.names[row] for row in labelled])
    defects = {kind: why for kind, of_kind in embedded.items() if (why := why_unscorable(of_kind))}
    if "mean" in defects and (sample is None or "sample" in defects):
        return EmbeddedPoint(result | {"status": "failed", "reason": defects["mean"]}, {}, arrays)
    if sample is not None:
        arrays["test_sample"] = sample.test
    began = c[WARM_START] is not None
    if not result["scored"] and setup.dataset.folds:
        return EmbeddedPoint(result | {"note": UNSCORED if began else FINAL}, {}, arrays)
    kinds = [kind for kind in c["eval.embeddings"] if kind in embedded] or ["mean"]
    notes = [_learned_nothing(setup, c, mean.labelled, mean.labelled_labels)]
    notes += [KNOWN] if began and setup.dataset.set_apart else []
    notes += [
        f"the {kind} of its posterior is not scored: {defects[kind]}"
        for kind in kinds
        if kind in defects
    ]
    scored = {kind: embedded[kind] for kind in kinds if kind not in defects}
    if "class_scores" in protocols.needed(c["eval.protocols"]):
        scored = {
            kind: of_kind._replace(class_scores=_class_scores(setup, c, network, of_kind))
            for kind, of_kind in scored.items()
        }
    if scored:
        notes += protocols.remarks(c["eval.protocols"], next(iter(scored.values())))
    result["note"] = "; ".join(note for note in notes if note) or None
    return EmbeddedPoint(result, scored, arrays)


def embeddings(
    setup: CohortSetup, setting: Mapping[str, Any], network: Network, labelled: np.ndarray
) -> dict[str, Embedded]:
    """The posterior's mean, and a sample of it where one is asked for and there is a variance.

    Args:
      setup: of the point's cohort.
      setting: of the point; its `eval` says which embeddings, and of which images.
      network: of the point.
      labelled: rows of the training set, i64[L].
    """
    train = setup.dataset.train
    parts: dict[str, tuple[Split, np.ndarray | None]] = {
        "test": (splits.scored(setup.dataset, setting), None),
        "labelled": (train, labelled),
    }
    needed = protocols.needed(setting["eval.protocols"])
    if needed & {"train", "train_labels"}:
        parts["train"] = train, None
    rows_of_train = labelled if "labelled_rows" in needed else None
    means, samples, labels = {}, {}, {}
    for number, (name, (part, rows)) in enumerate(parts.items()):
        labels[f"{name}_labels"] = np.asarray(part.y if rows is None else part.y[rows])
        latents, logvar = setup.encode(network.params["model"], part.x, rows)
        means[name] = setup.embeddings(latents)
        if "sample" in setting["eval.embeddings"] and logvar is not None:
            drawn = embed.draw(latents, logvar, (setting["seed"], number))
            samples[name] = setup.embeddings(drawn)
    kinds = {"mean": means, "sample": samples}
    fold = setting["data.fold"] is not None
    return {
        kind: Embedded(**z, **labels, fold=fold, labelled_rows=rows_of_train)
        for kind, z in kinds.items()
        if z
    }


def _class_scores(
    setup: CohortSetup, setting: Setting, network: Network, embedded: Embedded
) -> np.ndarray:
    """The model's own class scores of the test images, f32[M, C], or f64 by class means.

    They are those of the term that has some, like the class weights of a loss; otherwise nearness
    to the mean of each class's labelled embeddings. A class without a labelled image has −∞.
    """
    z, y, classes = embedded.labelled, embedded.labelled_labels, len(setup.dataset.classes)
    term = step.scorer(setup.assemble(setting.numbers).routine)
    if term is None or network.kept is None:
        return class_scores(embedded.test, z, y, classes)
    assert term.class_scores is not None
    params, kept = network.params["terms"][term.name], network.kept[term.name]
    scores = jax.jit(term.class_scores)(params, kept, embedded.test)
    return np.where(np.isin(np.arange(classes), y), np.asarray(scores), -np.inf)


def why_unscorable(embedded: Embedded) -> str | None:
    """Says what is wrong with the test, labelled or training embeddings, or returns `None`."""
    parts = (embedded.test, embedded.labelled, embedded.train)
    return next(filter(None, (embed.defect(z) for z in parts if z is not None)), None)


def _learned_nothing(
    setup: CohortSetup, setting: Setting, z: np.ndarray, y: np.ndarray
) -> str | None:
    """What to say where the metric loss of labelled images is that of a single point.

    Of good embeddings it may be so too, where the hardest triplets alone count: their neighbours
    tell them. A loss above it is no sign at all.
    """
    if setup.collapse_check is None:
        return None
    size = setup.sizes.batch_size
    rows = np.linspace(0, len(z) - 1, min(len(z), size)).astype(int)  # of all classes, if sorted
    room = [(0, size - len(rows))]
    loss, single = np.asarray(
        setup.collapse_check(
            setting.numbers,
            np.pad(z[rows], [*room, (0, 0)]),
            np.pad(y[rows], room),
            np.arange(size) < len(rows),
        )
    )
    if not single > 0 or abs(loss / single - 1) > SAME:
        return None
    near = neighbours.nearest(z[rows], 1)[:, 0]
    share = float((y[rows][near] == y[rows]).mean())
    if share >= LEARNED:
        return None
    return (
        f"its metric loss on labelled images, {float(loss):.3g}, is what it would be were all of "
        f"them at one point, and {share:.0%} of them have a nearest neighbour of their own class: "
        "it has collapsed, or learned little"
    )
