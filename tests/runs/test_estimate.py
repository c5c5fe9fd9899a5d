"""What `--dry_run` says, beside what training does."""

import re

import pytest

from jaxdml.runs.execution import estimate, sizing
from jaxdml.runs.planning import plan as planning
from jaxdml.train import population
from jaxdml.train import programs as compiled
from tests.runs.test_sizing import cohort


@pytest.mark.slow
def test_an_estimate_narrows_what_does_not_fit_as_training_does(monkeypatch):
    members, trainer = cohort(16, **{"train.width": 4, "train.memory_share": 1.0})
    plan = planning.plan(members.points, trainer.load)
    assert "for 4 at once" in next(estimate.lines(plan, trainer))
    enough = trainer.trial(members, 4).memory - 1
    monkeypatch.setattr(population, "memory", lambda layout: enough)
    members, trainer = cohort(16, **{"train.width": 4, "train.memory_share": 1.0})
    assert "for 2 at once" in next(estimate.lines(plan, trainer))
    assert trainer.size(members).width == 2


def test_an_estimate_feeds_only_what_training_feeds(monkeypatch):
    def needed(programs, patterns, point_batch, images, layout):
        return (70 if layout.fed else 100) * layout.width

    monkeypatch.setattr(compiled, "compile_all", needed)
    monkeypatch.setattr(population, "memory", lambda layout: 350)
    monkeypatch.setattr(sizing, "size", lambda setup: 1)
    members, trainer = cohort(16, **{"train.width": 4, "train.memory_share": 1.0})
    plan = planning.plan(members.points, trainer.load)
    line = next(estimate.lines(plan, trainer))
    assert "for 2 at once" in line
    assert "that stay there" in line
    assert trainer.size(members)[:2] == (2, 1)


def test_an_estimate_counts_only_rounds_that_fit(monkeypatch):
    options = {"train.width": 1, "train.memory_share": 1.0, "model.hidden": (512,)}
    members, trainer = cohort(80, **options)
    plan = planning.plan(members.points, trainer.load)
    monkeypatch.setattr(population, "memory", lambda layout: 3 * 2**20)
    line = next(estimate.lines(plan, trainer))
    assert re.search(r"; [1-3] MiB on a device for 1 at once", line), line


def test_a_plan_is_estimated_line_by_line():
    members, trainer = cohort()
    plan = planning.plan(members.points, trainer.load)
    *lines, total = estimate.lines(plan, trainer)
    assert len(lines) == 1
    assert re.fullmatch(
        r"dml_ae · triplet · joint on tests.*, 2-D: about \d+ s to train, \d+ s of it to "
        r"compile; \d+ MiB on a device for 1 at once, 1 MiB of it images that stay there",
        lines[0],
    )
    assert total.startswith("all: about ")


def test_an_estimate_says_that_images_are_fed_and_what_they_take(monkeypatch):
    members, trainer = cohort()
    monkeypatch.setattr(sizing, "size", lambda setup: 3 * 2**40)
    plan = planning.plan(members.points, trainer.load)
    line, _ = estimate.lines(plan, trainer)
    assert re.search(
        r"; \d+ MiB on a device for 1 at once, 1 MiB of it images that the host feeds, of "
        r"3072.0 GiB in all$",
        line,
    )
