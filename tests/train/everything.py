"""Every new thing in one setting: what is trained, and its training as a run does it."""

import jax
import numpy as np

from jaxdml.runs.execution import refreshing
from jaxdml.runs.planning import cohort_setup, plan, splits
from jaxdml.runs.planning.points import Cohort
from jaxdml.runs.planning.points import point as point_of
from jaxdml.train import population
from jaxdml.train import programs as compiled

STEPS, EPOCH = 6, 3  # of the training, and of one of its epochs
EVERYTHING = {
    "data.labelled_count": 6,
    "data.invariances": ("shift", "rotate", "scale", "brightness", "erase", "noise"),
    "augment.weak": "weak",
    "augment.strong": "strong",
    "loss.sources": ("true", "teacher"),
    "model.unit_length": True,
    "model.hidden": (8,),
    "model.latent_dim": 3,
    "routine.name": "alternate",
    "routine.every": "batch",
    "routine.turns": (1, 2),
    "optimizer.name": "adamw",
    "optimizer.schedule": "cosine",
    "optimizer.warmup_steps": 3.0,
    "optimizer.clip": 1.0,
    "optimizer.weight_decay": 0.05,
    "train.average": 0.99,
    "train.steps": STEPS,
    "train.batch_size": 5,
    "train.unlabelled_batch_size": 7,
    "train.learning_rate": 1e-2,
}
ANCHORS = "tests.third_party.anchors:make"
DRAWN = "drawn=tests.third_party.anchors:make_drawn"
# with means of classes, and with class weights
MEANS = EVERYTHING | {
    "system": "mvae",
    "terms": ("metric", "reconstruction", "kl", ANCHORS, DRAWN),
    "prior.pseudo_inputs": 4,
    "loss.name": "supcon",
}
WEIGHTS = EVERYTHING | {
    "system": "dml_ae",
    "terms": ("metric", "reconstruction", ANCHORS),
    "loss.name": "arcface",
    "loss.scale": 8.0,
}
# a point's own number of the loss → from which value on
NUMBER_OF_LOSS = {"supcon": ("loss.temperature", 0.1), "arcface": ("loss.margin", 0.3)}


def several(setting, count=8):
    """Points that differ in all that may differ inside one program."""
    number, first = NUMBER_OF_LOSS[setting["loss.name"]]
    return [
        point_of(
            setting
            | {
                "seed": i,
                "data.labels_seed": i,
                "data.labelled_count": 6 + i,
                "train.learning_rate": 1e-2 * (1 + 0.2 * i),
                "train.average": 0.99 - 0.02 * i,
                "routine.alpha": 0.3 + 0.05 * i,
                "optimizer.clip": 0.5 + 0.5 * i,
                "optimizer.weight_decay": 0.02 * i,
                "optimizer.warmup_steps": 2.0 + 0.5 * i,
                "pseudo.threshold": 0.5 + 0.06 * i,
                "pseudo.weight": 0.5 + 0.1 * i,
                "anchors.pull": 0.05 + 0.05 * i,
                number: first + 0.05 * i,
            }
        )
        for i in range(count)
    ]


def layout(devices, width, rounds=1, fed=False):
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), (population.AXIS,))
    return population.Layout(mesh, width, rounds, fed)


class Training:
    """A cohort on some devices, trained epoch by epoch as `runs.cohort` does it."""

    def __init__(self, dataset, points, layout):
        self.dataset, self.points, self.layout = dataset, points, layout
        self.labelled = [splits.select(point.setting, dataset) for point in points]
        self.capacity = max(map(len, self.labelled))
        sized = zip(points, self.labelled, strict=True)
        statics = {plan.static(point, dataset, len(rows)) for point, rows in sized}
        [static] = statics  # they share a program
        self.setup = cohort_setup.setup_of(Cohort(static, tuple(points), self.capacity), dataset)
        programs = compiled.programs(self.setup.assemble, self.setup.sizes, layout)
        self.images = population.place_images(dataset, layout)
        self.placed = compiled.Placed(layout, programs, self.images)

    def states(self):
        """All of the states after the last epoch, and the metrics of all epochs, leading axis P."""
        groups = []
        for start in range(0, len(self.points), self.layout.chunk):
            chunk = slice(start, start + self.layout.chunk)
            groups.append(self.of_a_chunk(self.points[chunk], self.labelled[chunk]))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *groups)

    def point_batch(self, points, labelled):
        numbers = [point.setting.numbers for point in points]
        seeds = [point.setting["seed"] for point in points]
        y = np.asarray(self.dataset.train.y, np.int32)
        point_batch = population.stack(seeds, numbers, labelled, y, self.capacity, self.layout)
        return point_batch, (seeds, numbers, labelled)

    def of_a_chunk(self, points, labelled):
        point_batch, what = self.point_batch(points, labelled)
        refresh = refreshing.refresher(self.setup, self.placed, point_batch, *what)
        programs, epoch_metrics = self.placed.programs, []
        states = refresh(programs.init(point_batch, self.images), 0)
        for number, length in enumerate(self.setup.lengths, 1):
            program = programs.epoch(self.setup.routine.pattern(number), length)
            states, metrics = program(states, point_batch, self.images, np.int32(number))
            states = refresh(states, number)
            epoch_metrics.append(population.unstack(metrics, len(points), self.layout))
        return population.unstack(states, len(points), self.layout), epoch_metrics
