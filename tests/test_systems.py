"""Every system with every loss trains by configuration alone."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from jaxdml.losses import KL, METRIC, RECONSTRUCTION
from jaxdml.options import ConfigError
from jaxdml.priors import PRIORS
from jaxdml.runs.execution import execute
from jaxdml.runs.planning.points import point as point_of
from jaxdml.runs.storage import files
from jaxdml.settings import systems
from jaxdml.settings.resolve import resolve

BASE = {
    "data.labelled_count": 120,
    "model.hidden": (16,),
    "model.latent_dim": 4,
    "train.epochs": 1,
    "eval.protocols": ("thesis",),
}
WITH_LOSS = [name for name, s in systems.SYSTEMS.items() if "metric" in s.terms]
ALL_PAIRS = [
    *((name, loss) for name in WITH_LOSS for loss in METRIC),
    *((name, None) for name in systems.SYSTEMS if name not in WITH_LOSS),
]
# Every loss once, each with the next system; the other pairs are slow.
PAIRS = [
    pair
    if pair[1] is None or list(METRIC).index(pair[1]) % len(WITH_LOSS) == WITH_LOSS.index(pair[0])
    else pytest.param(*pair, marks=pytest.mark.slow)
    for pair in ALL_PAIRS
]
# Every other part once, several at a time.
TOGETHER = [
    {"system": "mvae", "prior.name": "hypercube", "kl.name": "unnormalised", "kl.samples": 3,
     "reconstruction.name": "bernoulli"},
    {"system": "vae", "prior.name": "sphere", "kl.name": "printed", "kl.samples": 3,
     "reconstruction.name": "gaussian", "reconstruction.variance": "optimal"},
    {"system": "mvae", "prior.name": "learned_mixture", "loss.on": "mean", "kl.schedule": "warmup",
     "routine.name": "alternate", "routine.every": "batch", "routine.turns": (1, 3),
     "train.sampler": "balanced"},
    {"system": "dml_prior", "prior.name": "vamp", "model.encoder": "conv", "model.channels": (4,),
     "model.kernel": 2},
]  # fmt: skip
ONE_BY_ONE = [
    *({"system": "dml_prior", "prior.name": name} for name in PRIORS if name != "unit"),
    *({"system": "vae", "reconstruction.name": name} for name in RECONSTRUCTION if name != "mse"),
    *({"system": "dml_prior", "prior.name": "sphere", "kl.name": n, "kl.samples": 3}
      for n in KL if n != "analytic"),
    {"system": "vae", "reconstruction.name": "gaussian", "reconstruction.variance": "optimal"},
    {"system": "mvae", "routine.name": "alternate", "routine.every": "batch",
     "routine.turns": (1, 3), "train.sampler": "balanced"},
    {"system": "mvae", "prior.name": "learned_mixture", "loss.on": "mean", "kl.schedule": "warmup"},
    {"system": "mvae", "model.encoder": "conv", "model.channels": (4,), "model.kernel": 2},
]  # fmt: skip


def train(options, path):
    """One point, by the call that the commands make; its result and its one row of history."""
    run_folder = execute.run(BASE | options, ({},), path, path)
    [result] = run_folder.results()
    [row] = files.read_csv(run_folder.point(result["point"]) / "history.csv")
    return result, row


@pytest.mark.parametrize(("system", "loss"), PAIRS)
def test_every_system_with_every_loss_trains_an_epoch_on_digits(system, loss, tmp_path):
    options = {"system": system} | ({"loss.name": loss} if loss else {})
    result, row = train(options, tmp_path)
    assert result["status"] == "ok", result["reason"]
    values = {name: value for name, value in row.items() if name not in ("epoch", "phase")}
    assert all(value and jnp.isfinite(float(value)) for value in values.values()), values
    for term in ("metric", "reconstruction", "kl"):
        assert (term in values) == (term in systems.SYSTEMS[system].terms)


def test_the_parts_that_train_together_are_all_that_there_are():
    resolved = [resolve(BASE | options) for options in TOGETHER]
    of_pairs = [resolve(BASE | {"system": name}) for name in systems.SYSTEMS]

    def values(path):
        return {
            resolved_setting[path]
            for resolved_setting in resolved + of_pairs
            if path in resolved_setting
        }

    assert values("prior.name") == set(PRIORS)
    assert values("reconstruction.name") == set(RECONSTRUCTION)
    assert values("kl.name") == set(KL)
    assert {p[1] for p in PAIRS if isinstance(p, tuple) and len(p) == 2} == {*METRIC, None}


@pytest.mark.parametrize(
    "options",
    [
        *TOGETHER[::2],
        *(pytest.param(options, marks=pytest.mark.slow) for options in TOGETHER[1::2] + ONE_BY_ONE),
    ],
    ids=lambda o: " ".join(map(str, o.values())),
)
def test_every_other_part_trains_an_epoch_on_digits(options, tmp_path):
    result, _ = train(options, tmp_path)
    assert result["status"] == "ok", result["reason"]


def test_a_system_has_its_own_prior_and_the_divergence_follows_from_it():
    def named(**options):
        resolved = resolve({key.replace("__", "."): v for key, v in options.items()})
        return resolved["prior.name"], resolved["kl.name"]

    assert named(system="mvae") == ("vamp", "monte_carlo")
    assert named(system="vae") == named(system="dml_prior") == ("unit", "analytic")
    assert named(system="mvae", prior__name="unit") == ("unit", "analytic")
    assert named(system="vae", kl__name="monte_carlo") == ("unit", "monte_carlo")
    with pytest.raises(ConfigError, match=r"analytic is for prior.name=unit only"):
        resolve({"system": "mvae", "kl.name": "analytic"})


def test_what_a_system_does_not_read_is_no_part_of_its_points():
    resolved = resolve({"system": "dml", "loss.on": "mean", "kl.beta": 2.0})
    assert not {"loss.on", "kl.beta", "prior.name", "train.classes_per_batch"} & set(resolved)
    assert point_of({"system": "dml", "loss.on": "mean"}).id == point_of({"system": "dml"}).id
    assert "loss.on" in resolve({"system": "mvae"})
    for same in ({"kl.schedule_steps": 7.0}, {"kl.free_bits": -0.0}, {"loss.margin": 3.0}):
        assert point_of({"system": "vae"} | same).id == point_of({"system": "vae"}).id


def test_an_option_that_is_not_set_has_the_default_of_its_part():
    for loss, margin in (("triplet", 0.2), ("contrastive", 1.0), ("arcface", 0.5)):
        resolved = resolve({"system": "dml", "loss.name": loss, "loss.margin": None})
        assert resolved["loss.margin"] == margin


def test_numbers_of_every_section_share_a_program():
    numbers = resolve({"system": "mvae", "prior.name": "sphere"}).numbers
    assert {"kl.beta", "kl.free_bits", "prior.radius", "routine.alpha", "loss.margin"} <= set(
        numbers
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"system": "vae", "kl.beta": -1.0}, "kl.beta must be at least 0"),
        ({"system": "vae", "kl.schedule": "late"}, "kl.schedule must be one of constant, warmup"),
        ({"system": "vae", "prior.name": "cube"}, "prior.name must be one of hypercube, learned"),
        ({"system": "mvae", "prior.pseudo_inputs": 0}, "prior.pseudo_inputs must be at least 1"),
        ({"system": "dml", "train.sampler": "even"}, "train.sampler must be one of uniform, bal"),
        ({"system": "dml_ae", "routine.name": "alternate", "routine.turns": (1,)},
         "routine.turns must be two whole numbers"),
        ({"system": "dml", "train.sampler": "balanced", "routine.labelled_steps": "pass"},
         "routine.labelled_steps=pass visits every labelled image, which balanced"),
        ({"system": "vae", "prior.name": "sphere", "prior.components": "ten"},
         "prior.components must be a whole number, but is 'ten'"),
        ({"system": "dml", "loss.name": "contrastive", "loss.distance": "squared_euclidean"},
         "loss.squared must be False where the distance is squared_euclidean"),
        ({"system": "dml", "train.sampler": "balanced", "train.classes_per_batch": 1},
         "train.classes_per_batch must be at least 2"),
        ({"system": "dml", "train.sampler": "balanced", "train.classes_per_batch": "all"},
         "train.classes_per_batch must be a whole number"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        resolve(options)


def test_a_balanced_batch_needs_two_images_of_a_class(tiny):
    setting = resolve({"system": "dml", "train.sampler": "balanced", "train.batch_size": 16})
    assert setting.on(tiny).balanced == (3, 3)
    ten = dataclasses.replace(tiny, classes=tuple("0123456789"))
    with pytest.raises(ConfigError, match=r"10 classes need train.batch_size to be at least 20"):
        _ = setting.on(ten).balanced


@pytest.mark.parametrize(
    "options",
    [
        {"routine.name": "pretrain", "routine.pretrain_epochs": 3},
        {"routine.name": "alternate", "routine.turns": (1, 5), "routine.first": "unsupervised"},
    ],
    ids=lambda options: options["routine.name"],
)
def test_a_phase_without_a_step_is_refused_before_anything_is_trained(options, tmp_path):
    base = BASE | {"system": "dml_ae", "train.epochs": 3} | options
    with pytest.raises(ConfigError, match=r"has no (finetune|supervised) step in train.epochs=3"):
        execute.run(base, ({},), tmp_path, tmp_path)


def test_adacos_needs_three_classes():
    with pytest.raises(ConfigError, match="needs at least 3 classes, but there are 2"):
        METRIC["adacos"]().init(jax.random.key(0), 2, 4)


def test_a_loss_a_prior_a_model_a_routine_and_a_data_set_of_third_parties_train_together(tmp_path):
    """Each is one file, found by its dotted path; the model is made of Flax NNX."""
    names = {"loss.name": "spring", "prior.name": "wall", "model.encoder": "nnx_model",
             "routine.name": "thirds", "data.name": "blobs"}  # fmt: skip
    options = {path: f"tests.third_party.{module}:make" for path, module in names.items()}
    numbers = {"loss.stiffness": (0.1, 0.2), "prior.softness": (1.0, 2.0), "seed": (0, 1)}
    base = {"system": "mvae", "train.epochs": 3, "train.batch_size": 8, "data.labelled_count": 9}
    results = execute.run(base | options, (numbers,), tmp_path, tmp_path).results()
    assert [result["status"] for result in results] == ["ok"] * 8
    assert {result["config"]["model.latent_dim"] for result in results} == {3}
    assert [result["steps"] for result in results] == [{"labels": 4, "images": 8}] * 8
