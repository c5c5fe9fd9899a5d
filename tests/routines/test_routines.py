import jax.numpy as jnp
import pytest

from jaxdml.routines import alternate, joint, pretrain, single
from jaxdml.types import Role, Term


def term(name, stream, weight=1.0):
    return Term(name, "any", {"rows": Role(stream)}, lambda *_: None, weight=lambda step: weight)


METRIC = term("metric", "labelled")
RECONSTRUCTION, KL = term("reconstruction", "all"), term("kl", "all", weight=3.0)


def weights(phase):
    return {t.name: (float(t.weight(jnp.int32(0))), t.roles["rows"].stream) for t in phase.terms}


def test_alternation_starts_with_the_supervised_phase_on_odd_epochs():
    routine = alternate.make((METRIC,), (RECONSTRUCTION, KL), alpha=0.25)
    assert [routine.phases[i].name for n in (1, 2, 3, 4) for i in routine.pattern(n)] == [
        "supervised", "unsupervised", "supervised", "unsupervised",
    ]  # fmt: skip
    assert weights(routine.phases[0]) == {
        "metric": (0.75, "labelled"), "reconstruction": (0.25, "all"), "kl": (0.75, "all"),
    }  # fmt: skip
    assert weights(routine.phases[1]) == {"reconstruction": (0.25, "all"), "kl": (0.75, "all")}


def test_the_paper_trains_the_metric_alone_and_may_begin_without_labels():
    routine = alternate.make(
        (METRIC,), (RECONSTRUCTION,), alpha=0.25, supervised="metric_only", first="unsupervised"
    )
    assert weights(routine.phases[0]) == {"metric": (1.0, "labelled")}
    assert [routine.pattern(n) for n in (1, 2)] == [(1,), (0,)]


def test_the_supervised_phase_may_stay_with_labelled_images():
    routine = alternate.make(
        (METRIC,), (RECONSTRUCTION,), supervised_data="labelled", labelled_steps="pass"
    )
    assert {stream for _, stream in weights(routine.phases[0]).values()} == {"labelled"}
    assert [phase.length for phase in routine.phases] == ["labelled", "all"]


def test_joint_training_weighs_by_alpha_or_by_gamma():
    by_alpha = joint.make((METRIC,), (RECONSTRUCTION, KL), alpha=0.25).phases
    by_gamma = joint.make_gamma((METRIC,), (RECONSTRUCTION,), gamma=5.0).phases
    assert weights(by_alpha[0]) == {
        "metric": (0.75, "labelled"), "reconstruction": (0.25, "all"), "kl": (0.75, "all"),
    }  # fmt: skip
    assert weights(by_gamma[0]) == {"metric": (5.0, "labelled"), "reconstruction": (1.0, "all")}
    assert len(by_alpha) == len(by_gamma) == 1


def test_a_system_with_one_loss_has_one_phase():
    assert weights(single.make_supervised((METRIC,)).phases[0]) == {"metric": (1.0, "labelled")}
    assert single.make_supervised((METRIC,), labelled_steps="pass").phases[0].length == "labelled"
    unsupervised = single.make_unsupervised((RECONSTRUCTION,)).phases[0]
    assert weights(unsupervised) == {"reconstruction": (1.0, "all")}


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (alternate.make, {"alpha": 1.5}, "alpha must lie between 0 and 1, but is 1.5"),
        (alternate.make, {"first": "both"}, "first must be one of supervised, unsupervised"),
        (joint.make_gamma, {"gamma": -1.0}, "gamma must be at least 0"),
        (joint.make, {"labelled_steps": "pass"}, "labelled_steps must be one of match"),
    ],
)
def test_what_is_not_allowed_is_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make((METRIC,), (RECONSTRUCTION,), **options)


def test_alternation_takes_turns_of_any_length_by_epoch_or_by_batch():
    terms = (METRIC,), (RECONSTRUCTION,)
    by_epoch = alternate.make(*terms, turns=(2, 1))
    assert [by_epoch.pattern(n) for n in range(1, 7)] == [(0,), (0,), (1,), (0,), (0,), (1,)]
    by_batch = alternate.make(*terms, every="batch", turns=(1, 3))
    assert by_batch.pattern(1) == by_batch.pattern(2) == (0, 1, 1, 1)
    reversed_ = alternate.make(*terms, every="batch", turns=(1, 2), first="unsupervised")
    assert reversed_.pattern(1) == (1, 1, 0)
    with pytest.raises(ValueError, match="labelled_steps must be one of match, but is 'pass'"):
        alternate.make(*terms, every="batch", labelled_steps="pass")


def test_pretraining_comes_first_and_then_the_labels():
    alone = pretrain.make((METRIC,), (RECONSTRUCTION, KL), pretrain_epochs=2)
    assert [alone.pattern(n) for n in (1, 2, 3, 9)] == [(0,), (0,), (1,), (1,)]
    assert weights(alone.phases[0]) == {"reconstruction": (1.0, "all"), "kl": (3.0, "all")}
    assert weights(alone.phases[1]) == {"metric": (1.0, "labelled")}
    pretrained = pretrain.make_joint((METRIC,), (RECONSTRUCTION,), alpha=0.25)
    assert weights(pretrained.phases[1]) == {
        "metric": (0.75, "labelled"),
        "reconstruction": (0.25, "all"),
    }
