"""What a run does not label has no influence on what it trains, to the last bit."""

import jax
import jax.extend
import numpy as np
import pytest

from jaxdml import objectives, routines
from jaxdml.runs.execution import checkpoints, execute, rescoring
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import loading
from jaxdml.settings import systems
from jaxdml.settings.fields import SAMPLER
from jaxdml.settings.resolve import resolve
from tests.third_party import hidden
from tests.train.everything import ANCHORS, MEANS, WEIGHTS, Training, layout, several

BASE = {
    "data.name": "tests.third_party.hidden:make",
    "data.labelled_count": hidden.LABELLED,
    "model.hidden": (8,),
    "model.latent_dim": 2,
    "train.epochs": 2,
    "train.batch_size": 8,
    "loss.name": "supcon",
    "prior.pseudo_inputs": 4,
    "eval.protocols": ("labelled",),
    "eval.baselines": (),
}
TEACHER = {"loss.sources": ("true", "teacher"), "pseudo.threshold": 0.4, "train.average": 0.9}
PROPAGATED = {
    "loss.sources": ("true", "propagated"), "propagated.neighbours": 4, "propagated.first": 0,
    "propagated.shares": "labelled", "train.average": 0.9,
}  # fmt: skip
BALANCED = {"train.sampler": "balanced", "train.classes_per_batch": 2}
PASS = {"routine.labelled_steps": "pass"}
REFRESHED = {"terms": ("metric", "reconstruction", ANCHORS)}
CASES = {
    "dml_ae alternate batch teacher refresh": {"system": "dml_ae", "routine.name": "alternate",
                                               "routine.every": "batch"} | TEACHER | REFRESHED,
    "dml propagated teacher aligned": {"system": "dml", "pseudo.alignment": "labelled"} | TEACHER
    | PROPAGATED | {"loss.sources": ("true", "propagated", "teacher")},
}  # fmt: skip
MORE = {
    "dml balanced": {"system": "dml"} | BALANCED,
    "dml_ae alternate teacher refresh": {"system": "dml_ae", "routine.name": "alternate"}
    | TEACHER
    | REFRESHED,
    "dml pass": {"system": "dml"} | PASS,
    "dml class weights teacher": {"system": "dml", "loss.name": "arcface"} | TEACHER,
    "dml_ae pretrain pass": {"system": "dml_ae", "routine.name": "pretrain",
                             "routine.pretrain_epochs": 1} | PASS,
    "dml_ae pretrain_joint teacher": {"system": "dml_ae", "routine.name": "pretrain_joint",
                                      "routine.pretrain_epochs": 1} | TEACHER,
    "dml_ae alternate pass": {"system": "dml_ae", "routine.name": "alternate"} | PASS,
    "dml_ae balanced teacher": {"system": "dml_ae", "routine.name": "joint"} | TEACHER | BALANCED,
    "dml_prior joint_gamma": {"system": "dml_prior", "routine.name": "joint_gamma"},
    "mvae alternate batch": {"system": "mvae", "routine.name": "alternate",
                             "routine.every": "batch"} | TEACHER,
    "mvae joint center": {"system": "mvae", "loss.name": "center"} | TEACHER,
    "mvae joint propagated teacher": {"system": "mvae", "propagated.method": "spreading"}
    | PROPAGATED | TEACHER | {"loss.sources": ("true", "propagated", "teacher")},
    "few": {"system": "few", "model.encoder": "mlp", "train.steps": 6, "train.batch_size": 4,
            "train.unlabelled_batch_size": 6, "pseudo.threshold": 0.2, "train.average": 0.9},
    "few_vectors": {"system": "few_vectors", "train.steps": 6, "train.batch_size": 4,
                    "train.unlabelled_batch_size": 6, "pseudo.threshold": 0.2,
                    "train.average": 0.9},
    "ae": {"system": "ae"},
    "vae": {"system": "vae"},
    "everything": MEANS | {"train.steps": None, "data.labelled_count": hidden.LABELLED},
}  # fmt: skip


def trained(tmp_path, options):
    """By what the hidden labels are: losses by epoch, scores, and the bytes of all arrays."""
    kinds = ("true", "random", "none")
    run_folder = execute.run(BASE | options, ({"data.hidden": kinds},), tmp_path, tmp_path)
    trainer, by_kind = ChunkTrainer(run_folder, loading.loader(tmp_path)), {}
    for result in run_folder.results():
        assert result["status"] == "ok", result["reason"]
        setup, point, labelled, _ = rescoring.trained_point(run_folder, result, trainer)
        assert len(labelled) == hidden.LABELLED
        kept = result["checkpoint"]
        arrays = [
            checkpoints.networks(
                setup.template(kept["rows"]), run_folder.checkpoints / kept["path"], average
            )
            for average in (False, True)
        ]
        by_kind[point.setting["data.hidden"]] = {
            "history": run_folder.history(result["point"]),
            "scores": result["scores"],
            "labelled": labelled.tolist(),
        } | {
            jax.tree_util.keystr(path): leaf.tobytes()
            for path, leaf in jax.tree_util.tree_leaves_with_path(arrays)
        }
    return [by_kind[kind] for kind in kinds]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "options",
    [
        *(pytest.param(options, id=name) for name, options in CASES.items()),
        *(pytest.param(options, id=name, marks=pytest.mark.slow) for name, options in MORE.items()),
    ],
)
def test_hidden_labels_change_no_bit_of_a_training(tmp_path, options):
    true, random, none = trained(tmp_path, options)
    for other in (random, none):
        assert [name for name in true if other[name] != true[name]] == []


def test_the_cases_have_every_system_routine_source_and_sampler():
    resolved = [resolve(BASE | options) for options in (CASES | MORE).values()]

    def values(path):
        return {setting[path] for setting in resolved if path in setting}

    assert values("system") == set(systems.SYSTEMS)
    assert values("routine.name") == set(routines.ROUTINES)
    assert set().union(*values("loss.sources")) == set(objectives.SOURCES)
    assert values("train.sampler") == set(SAMPLER["train.sampler"].allowed)
    assert values("routine.labelled_steps") == {"match", "pass"}


@pytest.mark.parametrize("setting", [WEIGHTS, MEANS], ids=["class_weights", "class_means"])
def test_programs_are_given_no_label_but_those_of_labelled_images(tiny, setting):
    """Of N images: nothing of N numbers goes into a program, nor stands in it, but images."""
    training = Training(tiny, several(setting, 4), layout(4, 1))
    programs, images, count = training.placed.programs, training.images, len(tiny.train.y)
    point_batch, _ = training.point_batch(training.points, training.labelled)
    states = training.layout.described(jax.eval_shape(programs.init, point_batch, images))
    epoch = programs.epoch(*next(iter(training.setup.patterns())))

    assert point_batch.points.labelled_labels.shape == (4, training.capacity)
    assert training.capacity < count
    of_images = [
        jax.tree_util.keystr(path)
        for path, leaf in jax.tree_util.tree_leaves_with_path((states, point_batch))
        if count in leaf.shape
    ]
    assert of_images == ["[0].kept['anchors']['of_row']"]  # the term's own
    for traced in (
        programs.init.trace(point_batch, images),
        epoch.trace(states, point_batch, images, np.int32(1)),
    ):
        assert max((np.size(array) for array in constants(traced.jaxpr)), default=0) < count


def test_labels_that_a_program_holds_would_be_seen(tiny):
    y = np.asarray(tiny.train.y)
    inner = jax.jit(lambda x: jax.lax.map(lambda i: jax.numpy.asarray(y)[i] + i, x))
    traced = jax.jit(lambda x: inner(x) + 1).trace(np.arange(3, dtype=np.int32))
    assert any(np.size(array) == len(y) for array in constants(traced.jaxpr))


def constants(closed):
    """All arrays that a program holds, at whatever depth."""
    arrays = list(closed.consts)
    for equation in closed.jaxpr.eqns:
        arrays += [v.val for v in equation.invars if hasattr(v, "val")]
        for value in jax.tree.leaves(equation.params, is_leaf=lambda v: hasattr(v, "eqns")):
            if hasattr(value, "consts"):
                arrays += constants(value)
            elif hasattr(value, "eqns"):  # without constants of its own
                arrays += constants(jax.extend.core.ClosedJaxpr(value, ()))
    return arrays
