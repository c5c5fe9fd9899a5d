"""Scores of points that are trained already."""

import shutil

import numpy as np

from jaxdml.runs.execution import execute, rescoring
from tests.runs.grid_run import BASE, rows, trainer


def test_scoring_again_from_checkpoints_gives_the_same_results(finished):
    before = (finished.path / "results.csv").read_bytes()
    rescoring.rescore(finished.path, finished.path, [], [])
    assert (finished.path / "results.csv").read_bytes() == before
    rescoring.rescore(finished.path, finished.path, ["thesis"], ["knn"])
    assert (finished.path / "results.csv").read_bytes() == before


def test_scores_are_added_to_those_that_there_are(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run_folder = rescoring.rescore(tmp_path / "run", finished.path, ["full"])
    before = {tuple(row.values()) for row in rows(finished)}
    after = {tuple(row.values()) for row in rows(run_folder)}
    assert before < after
    assert {row["protocol"] for row in rows(run_folder)} == {"thesis", "labelled", "full"}
    assert len(after) == len(before) * 3 / 2
    for result in run_folder.results():
        assert result["config"]["eval.protocols"] == ["thesis", "labelled", "full"]
    again = rescoring.rescore(run_folder.path, finished.path)  # as its configuration says by now
    assert {tuple(row.values()) for row in rows(again)} == after


def test_embeddings_belong_to_the_images_and_labels_beside_them(finished):
    result = finished.results()[0]
    setup, _, labelled, network = rescoring.trained_point(finished, result, trainer(finished))
    with np.load(finished.point(result["point"]) / "embeddings.npz") as arrays:
        test = setup.dataset.test
        np.testing.assert_allclose(
            arrays["test"], setup.encode(network.params["model"], test.x)[0], rtol=1e-5
        )
        np.testing.assert_array_equal(arrays["test_labels"], test.y)
        np.testing.assert_array_equal(arrays["labelled_index"], labelled)
        np.testing.assert_array_equal(arrays["labelled_labels"], setup.dataset.train.y[labelled])


def test_scoring_on_validation_images_needs_some(tmp_path):
    base = BASE | {"eval": {"split": "validation"}, "system": "ae"}
    run_folder = execute.run(base, ({},), tmp_path / "run", tmp_path)
    result = run_folder.results()[0]
    setup, _, _, network = rescoring.trained_point(run_folder, result, trainer(run_folder))
    with np.load(run_folder.point(result["point"]) / "embeddings.npz") as arrays:
        expected = setup.encode(network.params["model"], setup.dataset.validation.x)[0]
        np.testing.assert_allclose(arrays["test"], expected, rtol=1e-5)
