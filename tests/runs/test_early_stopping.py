"""Validations during a training: what they measure, when they end it, and what is kept then."""

import functools

import jax
import numpy as np
import pytest

from jaxdml import estimator
from jaxdml.options import ConfigError
from jaxdml.runs.execution import checkpoints, chunk_trainer, execute, rescoring, training
from jaxdml.runs.planning.points import point, with_stored_ids
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import VALIDATION
from jaxdml.settings.resolve import resolve
from jaxdml.train import epoch, population
from tests.runs.grid_run import Killed, reported, trainer
from tests.third_party import misty

BASE = {
    "system": "dml",
    "data.name": "tests.third_party.misty:make",
    "data.labelled_count": 12,
    "model.hidden": (16,),
    "model.latent_dim": 2,
    "train.epochs": 12,
    "train.batch_size": 8,
    "train.validate_every": 2,
    "eval.split": "validation",
    "eval.protocols": ("labelled",),
    "eval.baselines": (),
}
WATCHED = BASE | {"train.patience": 2, "train.keep": "best"}
FIRST, SECOND = 3, 2  # seeds: the first stops sooner
TWO = ({"seed": (FIRST, SECOND)},)


def ended(run_folder, seed=FIRST):
    """What a point ended with: its result, and all bytes but for times and neighbours."""
    [result] = [r for r in run_folder.results() if r["config"]["seed"] == seed]
    _, _, _, network = rescoring.trained_point(run_folder, result, trainer(run_folder))
    identity = result["point"]
    same = {
        "history": (run_folder.point(identity) / "history.csv").read_bytes(),
        "result": {k: result[k] for k in ("status", "stopped", "steps", "scores", "diverged")},
        "embeddings": {k: v.tobytes() for k, v in run_folder.embeddings(identity).items()},
        "network": [leaf.tobytes() for leaf in jax.tree.leaves(network)],
    }
    return result, same


def validations(run_folder, result):
    rows = run_folder.history(result["point"])
    return {int(row["epoch"]): row["validation"] for row in rows}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Two points that are trained together, of which the first stops sooner."""
    path = tmp_path_factory.mktemp("runs") / "watched"
    return execute.run(WATCHED, TWO, path, path)


@pytest.mark.parametrize(
    "more",
    [
        {},
        pytest.param(
            {"train.average": 0.5, "eval.parameters": "average", "eval.neighbours": 1},
            marks=pytest.mark.slow,
        ),
        pytest.param({"model.unit_length": True, "system": "dml_prior"}, marks=pytest.mark.slow),
    ],
)
def test_the_last_validation_is_the_score_on_the_validation_images(tmp_path, more):
    base = BASE | {"train.epochs": 3} | more
    run_folder = execute.run(base, ({},), tmp_path / "run", tmp_path)
    [result] = run_folder.results()
    by_epoch = validations(run_folder, result)
    assert by_epoch[1] == ""
    assert float(by_epoch[2]) != float(by_epoch[3])
    assert float(by_epoch[3]) == result["scores"][0]["value"]
    assert result["stopped"]["epoch"] == 3


def test_the_network_of_the_best_validation_is_kept_and_steps_are_those_that_were_trained(
    watched, tmp_path
):
    result, same = ended(watched)
    stopped, by_epoch = result["stopped"], validations(watched, result)
    values = {number: float(value) for number, value in by_epoch.items() if value}
    assert list(values) == list(range(2, stopped["epoch"] + 1, 2))
    assert stopped["epoch"] == stopped["best_epoch"] + 4 < 12  # two validations are the patience
    assert stopped["validation"] == max(values.values()) == result["scores"][0]["value"]
    assert values[stopped["epoch"]] < stopped["validation"]
    assert result["steps"] == {"supervised": 4 * stopped["epoch"]}
    shorter = {path: BASE[path] for path in BASE if path not in VALIDATION}
    shorter |= {"train.epochs": stopped["best_epoch"]}
    plain = execute.run(shorter, TWO, tmp_path / "plain", tmp_path)
    [other] = [r for r in plain.results() if r["config"]["seed"] == FIRST]
    assert "stopped" not in other
    assert plain.embeddings(other["point"])["test"].tobytes() == same["embeddings"]["test"]


@pytest.mark.parametrize("keep", ["best", pytest.param("last", marks=pytest.mark.slow)])
def test_a_point_ends_alike_alone_and_beside_one_that_trains_longer(
    watched, tmp_path, keep, monkeypatch
):
    base = WATCHED | {"train.keep": keep}
    together = watched if keep == "best" else execute.run(base, TWO, tmp_path / "two", tmp_path)
    (first, same), (second, _) = ended(together), ended(together, SECOND)
    assert first["checkpoint"]["path"] == second["checkpoint"]["path"]
    assert first["stopped"]["epoch"] < second["stopped"]["epoch"]
    alone = execute.run(base, ({"seed": (FIRST,)},), tmp_path / "alone", tmp_path)
    assert ended(alone)[1] == same


@pytest.mark.parametrize(
    "saves", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4, 7, 8))]
)
def test_a_training_that_is_cut_off_ends_with_the_same_bytes(watched, tmp_path, monkeypatch, saves):
    original, count = checkpoints._save, 0

    def save_and_die(*arguments):
        nonlocal count
        original(*arguments)
        count += 1
        if count == saves:
            raise Killed

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        patch.setattr(checkpoints, "_save", save_and_die)
        with pytest.raises(Killed):
            execute.run(WATCHED, TWO, path, path)
    assert not list(path.glob("points/*/result.json"))
    run_folder = execute.run(WATCHED, TWO, path, path)
    for seed in (FIRST, SECOND):
        assert ended(run_folder, seed)[1] == ended(watched, seed)[1]
    assert not list(path.glob("checkpoints/*/epoch_*"))


def test_a_chunk_in_which_all_have_stopped_is_not_trained_again(watched, tmp_path, monkeypatch):
    path = tmp_path / "run"

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(chunk_trainer, "embed_point", die)
        with pytest.raises(Killed):
            execute.run(WATCHED, TWO, path, path)
    done = []

    def no_epochs(setup, placed, *arguments):
        def epoch(pattern, steps):
            raise AssertionError("an epoch is trained")

        watch = arguments[3]._replace(on_epoch=lambda epochs, loss: done.append(epochs))
        spied = placed._replace(programs=placed.programs._replace(epoch=epoch))
        return train(setup, spied, *arguments[:3], watch, *arguments[4:])

    train = training.train
    monkeypatch.setattr(training, "train", no_epochs)
    run_folder = execute.run(WATCHED, TWO, path, path)
    assert done == [12]  # nothing is left to be done
    assert ended(run_folder, SECOND)[1] == ended(watched, SECOND)[1]


def test_to_score_again_tells_the_same_of_a_point_that_stopped(watched):
    before = ended(watched)
    rescoring.rescore(watched.path, watched.path)
    assert ended(watched) == before


def test_the_report_draws_seeds_that_stopped_at_different_epochs(watched):
    pytest.importorskip("matplotlib")
    assert "curves" in {path.stem for path in reported(watched).pictures}


def test_a_point_that_stopped_is_an_embedder_which_can_be_fitted_without_validation_images(watched):
    result, same = ended(watched)
    embedder = estimator.load(watched.path, result["point"])
    assert embedder.n_steps_ == 4 * result["stopped"]["epoch"]
    images = misty.make(None).validation.x
    embeddings = np.frombuffer(same["embeddings"]["test"], np.float32).reshape(60, 2)
    np.testing.assert_allclose(embedder.transform(images), embeddings, rtol=1e-5, atol=1e-5)
    assert not {*VALIDATION} & {*embedder.options}


def test_points_that_have_stopped_take_no_time(watched, tmp_path, monkeypatch):
    seen = []
    original = population.only

    def spy(point_batch, mask, layout):
        seen.append(mask.tolist())
        return original(point_batch, mask, layout)

    monkeypatch.setattr(population, "only", spy)
    execute.run(WATCHED, TWO, tmp_path / "run", tmp_path)
    last = [ended(watched, seed)[0]["stopped"]["epoch"] for seed in (FIRST, SECOND)]
    assert seen == [[number < epoch for epoch in last] for number in (0, 2, 4, 6, 8)]


def test_a_point_that_diverges_has_no_validation(tmp_path):
    base = WATCHED | {"train.patience": 1, "train.learning_rate": 1e30}
    run_folder = execute.run(base, ({},), tmp_path / "run", tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "diverged"
    assert result["stopped"] == {"epoch": 2, "best_epoch": None, "validation": None}
    assert validations(run_folder, result) == {1: "", 2: ""}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.patience": 3}, r"train\.patience=3 needs validations: set train\.validate_every"),
        ({"train.keep": "best"}, r"train\.keep=best needs validations"),
        ({"train.keep": "first"}, r"train\.keep must be one of last, best"),
        ({"train.validate_every": 0}, r"train\.validate_every must be"),
        ({"train.early_stopping": 3}, r"train\.patience"),
    ],
)
def test_a_contradiction_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        resolve({"system": "ae"} | changes)


def test_a_data_set_without_validation_images_is_refused(tiny):
    setting = resolve({"system": "ae", "train.validate_every": 5})
    message = (
        r"train\.validate_every=5 needs validation images, and two are the least, but tiny has "
        r"none: set data\.validation"
    )
    with pytest.raises(ConfigError, match=message):
        setting.on(tiny)


def test_runs_of_before_keep_their_ids():
    now = dict(point({"system": "ae"}).setting)
    before = {path: value for path, value in now.items() if path not in VALIDATION}
    assert [p.id for p in with_stored_ids([point({"system": "ae"})], {"old": before})] == ["old"]
    validated = point({"system": "ae", "train.validate_every": 1})
    assert [p.id for p in with_stored_ids([validated], {"old": before})] == [validated.id]


def test_a_validated_training_depends_on_which_images_are_labelled():
    points = [
        resolve({"system": "ae", "data.labels_seed": seed, "train.validate_every": every})
        for every in (None, 1)
        for seed in (0, 1)
    ]
    assert points[0].training == points[1].training
    assert points[2].training != points[3].training


def test_steps_of_a_training_that_ends_early_are_those_of_its_epochs(tiny):
    on_tiny = resolve({"system": "dml", "train.steps": 900, "optimizer.schedule": "cosine"}).on(
        tiny
    )
    count = functools.partial(epoch.count_steps, on_tiny.method.routine, on_tiny.sizes())
    assert [sum(count(epochs).values()) for epochs in (2, 5)] == [400, 900]


@pytest.mark.slow
def test_workers_of_a_cluster_stop_alike(watched, tmp_path):
    pytest.importorskip("distributed")
    path = tmp_path / "run"
    run_folder = execute.run(WATCHED, TWO, path, path, "local:1")
    for seed in (FIRST, SECOND):
        first, other = ended(run_folder, seed)[0], ended(watched, seed)[0]
        assert first["stopped"] == other["stopped"]
        assert first["steps"] == other["steps"]
    assert isinstance(run_folder, folder.Folder)
    assert np.isfinite([s["value"] for s in first["scores"]]).all()
