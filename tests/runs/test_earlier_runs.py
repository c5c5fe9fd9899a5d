"""A run folder of an earlier version of the library goes on: it is resumed, scored and reported.

`fixtures/run_before_settings.zip` was made by commit 28295c9, the last one before settings were
records, with jax 0.10.2 on one device. Two of its four points are finished, and the other two were
stopped together after two of four epochs.
"""

import zipfile
from pathlib import Path

import pytest

from jaxdml.losses import METRIC
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.runs.execution import execute, rescoring, training
from jaxdml.runs.planning import grid, loading
from jaxdml.runs.planning.points import with_stored_ids
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import COMMON, Field

BASE = {
    "system": "dml",
    "data.name": "digits",
    "data.labelled_count": 60,
    "model.hidden": (8,),
    "model.latent_dim": 2,
    "train.epochs": 4,
    "train.batch_size": 64,
    "train.width": 1,
    "train.checkpoint_every": 1,
    "eval.baselines": ("pixels",),
}
GRID = ({"system": ("dml", "dml_ae"), "seed": (0, 1)},)
FINISHED = {"3610088ec1f1", "3db7fedc7b75"}
BEGUN = {"3ddafd9da54f", "addbfbffb3b9"}


@pytest.fixture
def earlier(tmp_path):
    with zipfile.ZipFile(Path(__file__).parent / "fixtures" / "run_before_settings.zip") as file:
        file.extractall(tmp_path / "run")
    return folder.Folder(tmp_path / "run")


@pytest.fixture
def trained(monkeypatch):
    """The ids of points that are trained, and the epoch that each begins with."""
    first_epochs, train = {}, training.train

    def watched(setup, placed, chunk, labelled, saved, watch, every):
        behind = []

        def on_epoch(epochs, loss):
            behind.append(epochs)
            watch.on_epoch(epochs, loss)

        spying = watch._replace(on_epoch=on_epoch)
        result = train(setup, placed, chunk, labelled, saved, spying, every)
        first_epochs.update({point.id: behind[0] for point in chunk})
        return result

    monkeypatch.setattr(training, "train", watched)
    return first_epochs


@pytest.fixture
def with_new_options(monkeypatch):
    """Options that came later: one of every system, and one of a loss."""
    triplet = METRIC["triplet"]

    def make(*, margin: float = 0.2, mining: str = "all", distance: str = "euclidean",
             form: str = "hinge", reduction: str = "mean_nonzero", normalize: bool = False,
             made_up: float = 0.5):  # fmt: skip
        options = {"margin": margin, "mining": mining, "distance": distance, "form": form}
        return triplet(**options, reduction=reduction, normalize=normalize)

    monkeypatch.setitem(METRIC, "triplet", make)
    monkeypatch.setitem(COMMON, "train.made_up", Field(3, low=1))


def files(run_folder, ids):
    return {
        (identity, name): (run_folder.point(identity) / name).read_bytes()
        for identity in ids
        for name in ("result.json", "history.csv", "embeddings.npz")
    }


def goes_on(earlier, base, trained):
    before = files(earlier, FINISHED)
    execute.run(base, GRID, earlier.path, earlier.path)
    assert files(earlier, FINISHED) == before
    assert trained == dict.fromkeys(BEGUN, 2)  # two epochs were behind them
    assert {result["point"] for result in earlier.results()} == FINISHED | BEGUN
    assert list(earlier.plan()["points"]) == [result["point"] for result in earlier.results()]


def test_it_is_resumed(earlier, trained):
    goes_on(earlier, BASE, trained)
    trained.clear()
    execute.run(BASE, GRID, earlier.path, earlier.path)
    assert not trained


def test_it_is_resumed_where_options_came_later(earlier, trained, with_new_options):
    goes_on(earlier, BASE | {"loss.made_up": 0.5, "train.made_up": 3}, trained)
    [result] = [r for r in earlier.results() if r["point"] == min(BEGUN)]
    assert (result["config"]["loss.made_up"], result["config"]["train.made_up"]) == (0.5, 3)


def test_a_later_option_that_is_set_makes_other_points(earlier, with_new_options):
    stored_configs = earlier.plan()["points"]
    same = with_stored_ids(grid.expand(BASE, GRID), stored_configs)
    assert {point.id for point in same} == FINISHED | BEGUN
    for changes in ({"loss.made_up": 0.1}, {"train.made_up": 4}, {"data.labels_seed": 1}):
        other = with_stored_ids(grid.expand(BASE | changes, GRID), stored_configs)
        assert not {point.id for point in other} & stored_configs.keys()
        changed = next(iter(changes))
        with pytest.raises(ConfigError, match=f"of another base configuration .{changed}"):
            execute.run(BASE | changes, GRID, earlier.path, earlier.path)


def test_a_default_that_was_edited_is_noticed(earlier, monkeypatch):
    """Results of another margin are never shown as those of this one."""
    stored_configs, triplet = earlier.plan()["points"], METRIC["triplet"]
    monkeypatch.setitem(METRIC, "triplet", lambda *, margin=0.3: triplet(margin=margin))
    assert (
        not {point.id for point in with_stored_ids(grid.expand(BASE, GRID), stored_configs)}
        & stored_configs.keys()
    )


@pytest.mark.default_variants("False")
@pytest.mark.parametrize("later", [False, True])
def test_it_is_scored_again_and_reported(earlier, later, request):
    if later:
        request.getfixturevalue("with_new_options")
    before = {r["point"]: [s["value"] for s in r["scores"]] for r in earlier.results()}
    assert before.keys() == FINISHED
    rescoring.rescore(earlier.path, earlier.path)
    for result in earlier.results():
        after = [score["value"] for score in result["scores"]]
        assert after == pytest.approx(before[result["point"]], abs=0.01)  # on another machine
    written = write.report([earlier], earlier.report, loading.loader(earlier.path))
    assert "dml" in written.table
    assert "pixels" in written.table
    assert len(written.pictures) > 4
