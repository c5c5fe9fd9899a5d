"""What a user exchanges in one outside file, found by its dotted path, and trained by a command's
own call.
"""

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute
from jaxdml.runs.storage import files
from jaxdml.settings.resolve import resolve

BASE = {
    "data.name": "tests.third_party.blobs:make",
    "data.labelled_count": 9,
    "model.hidden": (8,),
    "model.latent_dim": 2,
    "train.epochs": 3,
    "train.batch_size": 8,
    "eval.protocols": ("labelled",),
    "eval.baselines": (),
}
OUTSIDE = "tests.third_party."


def trained(tmp_path, **options):
    """The result of one point, and its history."""
    options = {path.replace("__", "."): value for path, value in options.items()}
    run_folder = execute.run(BASE | options, ({},), tmp_path, tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "ok", result["reason"]
    return result, files.read_csv(run_folder.point(result["point"]) / "history.csv"), run_folder


def test_a_system_with_a_term_that_keeps_something_and_refreshes(tmp_path):
    result, history, run_folder = trained(
        tmp_path, system=f"{OUTSIDE}pulled:make", anchors__every=2
    )
    assert [row["anchors.moved"] for row in history] == ["1.0", "1.0", "2.0"]  # after 0 and 2
    assert result["config"]["anchors.pull"] == 0.1
    assert result["config"]["loss.margin"] == 0.5  # the system's default
    assert result["config"]["routine.name"] == "joint"
    kept = run_folder.checkpoints / result["checkpoint"]["path"]
    assert kept.with_name("final_kept").is_dir()


def test_terms_of_a_configuration_stand_in_the_place_of_a_system_s(tmp_path):
    terms = ("metric", "proxies=metric", f"{OUTSIDE}anchors:make_drawn")
    _, history, _ = trained(
        tmp_path, system="dml", terms=terms, proxies__name="cosface", anchors__scale=0.5,
        proxies__weight=0.5,
    )  # fmt: skip
    assert {"metric", "proxies", "anchors"} <= history[0].keys()


@pytest.mark.slow
def test_a_policy_of_views(tmp_path):
    plain = trained(tmp_path / "plain", system="dml_ae")[1]
    mirrored = trained(tmp_path / "seen", system="dml_ae", augment__weak=f"{OUTSIDE}mirror:make")[1]
    only = trained(
        tmp_path / "only", system="dml_ae", augment__weak=f"{OUTSIDE}mirror:make",
        reconstruction__view="plain", loss__view="plain",
    )[1]  # fmt: skip
    assert plain != mirrored
    assert plain == only


@pytest.mark.slow
def test_an_optimizer(tmp_path):
    result, _, _ = trained(
        tmp_path, system="dml_ae", routine__name="alternate", optimizer__name=f"{OUTSIDE}lion:make",
        optimizer__largest=0.5, optimizer__weight_decay=0.1,
    )  # fmt: skip
    assert resolve(result["config"]).numbers["optimizer.largest"] == 0.5
    trained(tmp_path / "optax", system="dml", optimizer__name="optax:lion")


@pytest.mark.slow
def test_a_loss_with_an_option_that_its_term_has_too(tmp_path):
    def first(**options):
        workdir = tmp_path / str(len(list(tmp_path.iterdir())) if tmp_path.exists() else 0)
        row = trained(workdir, system="dml_prior", loss__name=f"{OUTSIDE}onward:make", **options)[
            1
        ][0]
        return float(row["metric"])

    assert first(loss__on=3.0) - first(loss__on=1.0) == pytest.approx(2, abs=1e-4)
    resolved = resolve(BASE | {"system": "dml_prior", "loss.name": f"{OUTSIDE}onward:make"})
    assert resolved["loss.on"] == 1.0
    assert resolved["loss.term_on"] == "sample"
    assert first(loss__term_on="mean") != first()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"system": "dlm"}, "system must be one of ae, .* or a dotted path"),
        ({"system": "tests.third_party.lion:make"}, "system=tests.third_party.lion:make"),
        ({"system": "dml", "terms": ("metric", "metric")}, "terms names metric twice"),
        ({"system": "dml", "terms": ("entropy",)}, "terms must be one of contrast, interp"),
        ({"system": "dml", "terms": ("train=metric",)}, "train is a section of its own"),
        ({"system": "dml", "optimizer.name": "sdg"}, "optimizer.name must be one of adam, adamw"),
        ({"system": "dml", "augment.weak": "srtong"}, "augment.weak must be one of"),
        ({"system": "dml", "loss.view": "side"}, "loss.view must be one of plain, weak, strong"),
        ({"system": "dml", "optimizer.clip": 0.0}, "optimizer.clip must be at least"),
        ({"system": "dml", "optimizer.clip": "much"}, "optimizer.clip must be a number"),
        ({"system": "dml", "train.average": 1.5}, "train.average must lie between 0 and 1"),
        ({"system": "dml", "eval.parameters": "average"}, "set train.average"),
        ({"system": "dml", "train.steps": 2.5}, "train.steps must be a whole number"),
        ({"system": "dml", "optimizer.schedule": "linear"}, "optimizer.schedule must be one of"),
        ({"system": "dml", "loss.sources": ("teecher",)}, "loss.sources must be one of"),
        ({"system": "dml", "loss.sources": ("true", "teacher"),
          "loss.name": "tests.third_party.spring:make"}, "this loss takes no weights"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_in_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        resolve(BASE | options)
    assert "\n" not in str(error.value)


def test_what_a_term_returns_after_a_refresh_must_have_the_shapes_it_had(tmp_path, monkeypatch):
    from tests.third_party import anchors

    make_anchors = anchors.make

    def broken(**options):
        term = make_anchors(**options)

        def update(params, kept, corpus, seed):
            return params, kept | {"moved": np.zeros(2, np.int32)}

        return term._replace(refresh=term.refresh._replace(update=update))

    monkeypatch.setattr(anchors, "broken", broken, raising=False)
    with pytest.raises(ConfigError, match="the refresh of anchors must return what it was given"):
        trained(tmp_path, system="ae", terms=("anchors=tests.third_party.anchors:broken",))
