"""Scores of points that are trained already."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from jaxdml import data
from jaxdml.report.tables import summary
from jaxdml.runs import interrupt, provenance
from jaxdml.runs.execution import finished
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import cohort_setup, loading, splits
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.planning.points import Cohort, GridPoint
from jaxdml.runs.progress import Reporter
from jaxdml.runs.scoring.embedding import EmbeddedPoint, embed_point
from jaxdml.runs.scoring.scorer import Scorer, Scores
from jaxdml.runs.storage import folder
from jaxdml.runs.storage.opening import existing
from jaxdml.settings.resolve import resolve


def rescore(
    workdir: Path,
    data_dir: Path,
    protocols: Sequence[str] = (),
    classifiers: Sequence[str] = (),
    embeddings: Sequence[str] = (),
) -> folder.Folder:
    """Scores every finished point of a run folder again, without training.

    Args:
      workdir: a run folder.
      data_dir: the folder that holds the data sets.
      protocols, classifiers, embeddings: what to score, and by what; empty means as the run's
        configuration says. These scores are added to what a point has; of those that it has
        already, the new value counts. Without any of them all scores are made anew.

    Raises:
      ConfigError: if there is nothing to score, or it cannot be.
    """
    run_folder = existing(workdir)
    load = loading.loader(data_dir, run_folder.plan())
    names_by_path = {
        "eval.protocols": tuple(protocols),
        "eval.classifiers": tuple(classifiers),
        "eval.embeddings": tuple(embeddings),
    }
    only = {path: value for path, value in names_by_path.items() if value}
    with run_folder.locked():
        results = run_folder.results(whole=True)
        points = [_scored_by(finished.stored_point(run_folder, old), only) for old in results]
        jobs = list(zip(results, points, strict=True))
        sets = {loading.described(point.setting): load(point.setting) for point in points}
        run_folder.check_data({name: data.fingerprint(dataset) for name, dataset in sets.items()})
        with _writing_results(run_folder), Reporter(len(results), 0, 0) as progress:
            score_again(jobs, run_folder, load, progress, only=only)
    return run_folder


def score_again(
    jobs: Sequence[tuple[Mapping[str, Any], GridPoint]],
    run_folder: folder.Folder,
    load: loading.LoadDataset,
    progress: Reporter,
    stop: Callable[[], int] = lambda: 0,
    only: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Scores trained points again and writes their results.

    The training is a point's own of an earlier time, or that of another point.

    With `only`, see `Scorer.submit`, scores are added to those of the earlier time.
    """
    trainer = ChunkTrainer(run_folder, load)
    with Scorer(len(jobs)) as scorer:
        for old, point in jobs:
            setup, _, _, network = trained_point(run_folder, old, trainer)
            splits.check_scoring(point.setting, setup.dataset)
            labelled = splits.select(point.setting, setup.dataset)
            diverged, stopped = np.array(old["diverged"]), old.get("stopped")
            embedded = embed_point(setup, point, network, diverged, labelled, stopped)

            def write(
                scores: Scores,
                old: Mapping[str, Any] = old,
                embedded: EmbeddedPoint = embedded,
                labels: str = provenance.labels(labelled, setup.dataset.train.y),
            ) -> None:
                history = run_folder.history(old["point"])
                arrays = dict(embedded.arrays)
                if only and arrays:
                    scores = _merged_scores(old["scores"], scores)
                    arrays = {**_stored_embeddings(run_folder, old["point"]), **arrays}
                result = {**old, **embedded.result, "scores": scores}
                if result["point"] != old["point"]:
                    result["seconds"] = 0.0  # of training: they are the other's
                    result["made_with"] = {**old.get("made_with", {}), "labels": labels}
                run_folder.write_result(result, history, arrays)
                progress.finished()

            scorer.submit(embedded, write, only)
            scorer.collect()
            if stop():
                raise interrupt.Stopped(stop())
        while scorer.busy:
            scorer.collect(0.5)


def _scored_by(point: GridPoint, only: Mapping[str, Sequence[str]]) -> GridPoint:
    """A point whose lists of what is scored also name what `only` names."""
    c = point.setting
    added = {path: tuple(dict.fromkeys([*c[path], *names])) for path, names in only.items()}
    return GridPoint(point.id, resolve({**c, **added}))


def _stored_embeddings(run_folder: folder.Folder, identity: str) -> Mapping[str, np.ndarray]:
    """The embeddings of an earlier time, if they are still there."""
    try:
        return run_folder.embeddings(identity)
    except OSError:
        return {}


def _merged_scores(old: Scores, new: Scores) -> Scores:
    """The scores of an earlier time with new ones, which count where both have one."""
    by_measure = {summary.measure(score): score for score in [*old, *new]}
    return list(by_measure.values())


@contextmanager
def _writing_results(run_folder: folder.Folder) -> Iterator[None]:
    """Writes results.csv at the end of the block, also after Ctrl-C."""
    try:
        yield
    finally:
        run_folder.write_results()


def trained_point(
    run_folder: folder.Folder, result: Mapping[str, Any], trainer: ChunkTrainer
) -> tuple[cohort_setup.CohortSetup, GridPoint, np.ndarray, Any]:
    """Returns the cohort setup, point, labelled rows and network of a finished point.

    Args:
      run_folder: its run folder.
      result: as `result.json` holds it.
      trainer: whose setups of cohorts are used.

    Raises:
      ConfigError: if its parameters are missing or damaged, or if it is of another version.
    """
    finished.need_networks(run_folder, result)
    point = finished.stored_point(run_folder, result)
    dataset = trainer.load(point.setting)
    labelled = splits.select(point.setting, dataset)
    static = planning.static(point, dataset, len(labelled))
    setup = trainer.setup(Cohort(static, (point,), len(labelled)))
    network = finished.stored_network(
        run_folder, result, functools.partial(trainer.stored_network, setup), point.setting
    )
    return setup, point, labelled, network
