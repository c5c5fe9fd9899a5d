"""What every kind of term promises: it is named by `terms`, alone or beside others, and trains."""

import jax
import jax.numpy as jnp
import pytest

from jaxdml.objectives import KINDS
from jaxdml.options import ConfigError
from jaxdml.routines import ROUTINES
from jaxdml.runs.execution import execute
from jaxdml.runs.storage import files
from jaxdml.settings import assembly, parts
from jaxdml.settings.resolve import resolve
from jaxdml.train import step, streams
from tests.points import any_point

SMALL = {"model.hidden": (8,), "model.latent_dim": 2}
WITHOUT_LABELS = tuple(name for name in KINDS if name != "metric")
SCORED = ("vat", "interpolation")  # they read class scores
each = pytest.mark.parametrize("name", WITHOUT_LABELS)


def resolved(*terms, **options):
    options = {path.replace("__", "."): value for path, value in options.items()}
    return resolve(SMALL | {"system": "dml", "terms": terms} | options)


@each
@pytest.mark.parametrize("routine", ROUTINES)
def test_beside_a_metric_loss_it_can_be_traced_with_every_routine(name, routine, tiny):
    setting = resolved("metric", name, routine__name=routine, train__average=0.9)
    method = assembly.assemble(setting, (4, 4, 1), 3, ("shift",))
    x, rows, flags = jnp.asarray(tiny.train.x[:6]), jnp.arange(6), jnp.ones(6, bool)
    y = jnp.asarray(tiny.train.y[:6])
    batches = {
        "labelled": streams.batch(x, rows, y, flags, "labelled"),
        "all": streams.batch(x, rows, jnp.full(6, -1), flags, "all"),
    }
    state = jax.eval_shape(lambda: step.init(method, any_point(), jnp.asarray(tiny.train.x)))
    read = set()
    for phase in method.routine.phases:
        after, metrics = jax.eval_shape(
            lambda state, phase=phase: step.step(
                method, phase, state, batches, jax.random.key(0), jnp.int32(1)
            ),
            state,
        )
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert all(leaf.shape == () for leaf in metrics.values())
        read |= metrics.keys()
    assert {"metric", name, "loss"} <= read


@each
def test_it_has_a_section_of_its_own_and_may_have_another_name(name):
    setting = resolved("metric", name, f"other={name}", **{f"{name}__weight": 2.0})
    assert (setting[f"{name}.weight"], setting["other.weight"]) == (2.0, None)
    assert resolve(setting) == setting
    terms = parts.instances(setting)
    assert (parts.kind_of(terms[name]), parts.reads_labels(terms[name])) == ("unsupervised", False)
    # a grid may hold points without it
    assert f"{name}.weight" not in resolved("metric", **{f"{name}__weight": 2.0})


@each
def test_means_of_classes_are_kept_where_it_reads_class_scores(name):
    setting = resolved("metric", name, loss__name="triplet")
    assert ("loss.class_scores" in setting) == (name in SCORED)
    terms = parts.instances(setting)
    assert parts.scored(terms) == (name in SCORED)
    method = assembly.assemble(setting, (4, 4, 1), 3)
    metric = step.terms(method.routine)["metric"]
    assert (metric.class_scores is not None) == (name in SCORED)


@pytest.mark.parametrize("name", SCORED)
def test_without_a_metric_loss_there_are_no_class_scores(name):
    with pytest.raises(ConfigError, match="class scores are read, but no metric loss is there"):
        resolved(name)


def test_terms_with_numbers_of_their_own_share_a_program():
    numbers = resolved("metric", "contrast", "vat", "interpolation").numbers
    assert {
        "contrast.temperature", "vat.radius", "vat.xi", "vat.entropy", "interpolation.concentration"
    } <= numbers.keys()  # fmt: skip
    ramped = resolved("metric", "interpolation", interpolation__ramp_steps=100).numbers
    assert ramped["interpolation.ramp_steps"] == 100


BLOBS = SMALL | {
    "data.name": "tests.third_party.blobs:make", "data.labelled_count": 9, "train.epochs": 3,
    "train.batch_size": 8, "train.average": 0.9, "eval.protocols": ("labelled", "scores"),
    "eval.baselines": (), "data.invariances": ("shift", "noise"),
}  # fmt: skip


@pytest.mark.default_variants("metric contrast vat interpolation")
@pytest.mark.parametrize(
    "options",
    [
        {"terms": ("metric", "contrast", "vat", "interpolation"), "contrast.projection": 4,
         "vat.entropy": 0.1, "interpolation.ramp_steps": 2},
        {"terms": ("contrast",), "eval.protocols": ("labelled",)},
        pytest.param(
            {"terms": ("metric", "reconstruction", "kl", "vat"), "routine.name": "pretrain_joint",
             "routine.pretrain_epochs": 1, "loss.name": "arcface"}, marks=pytest.mark.slow),
        pytest.param(
            {"terms": ("metric", "interpolation"), "routine.name": "alternate",
             "augment.weak": "weak"}, marks=pytest.mark.slow),
    ],
    ids=lambda options: " ".join(options["terms"]),
)  # fmt: skip
def test_a_run_trains_them_and_tells_their_values(options, tmp_path):
    base = BLOBS | {"system": "dml"} | options
    run_folder = execute.run(base, ({"seed": (0, 1)},), tmp_path, tmp_path)
    for result in run_folder.results():
        assert result["status"] == "ok", result["reason"]
        history = files.read_csv(run_folder.point(result["point"]) / "history.csv")
        for name in options["terms"]:
            values = [float(row[name]) for row in history if row[name]]
            assert values
            assert all(jnp.isfinite(value) for value in values)
