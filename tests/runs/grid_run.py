"""A grid of four points that trains in seconds: how it is run, cut off, and read back."""

import csv

import pytest

from jaxdml.report import write
from jaxdml.runs.execution import checkpoints, execute, training
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import files
from jaxdml.train import population

BASE = {
    "system": "dml_ae",
    "data": {"name": "tests.third_party.blobs:make", "labelled_count": 9},
    "model": {"hidden": (16,), "latent_dim": 2},
    "train": {"epochs": 3, "batch_size": 8},
}
GRID = ({"system": ("dml", "dml_ae"), ("seed", "data.labels_seed"): ((0, 0), (1, 1))},)


def trainer(run_folder):
    return ChunkTrainer(run_folder, loading.loader(run_folder.path))


def reported(run_folder):
    return write.report([run_folder], run_folder.report, loading.loader(run_folder.path))


def rows(run_folder):
    with (run_folder.path / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class Killed(BaseException):
    """As SIGKILL does, it passes every handler."""


def histories(run_folder):
    return {
        r["point"]: files.read_csv(run_folder.point(r["point"]) / "history.csv")
        for r in run_folder.results()
    }


def run_and_die_after(saves, path, monkeypatch, layout=None, base=BASE):
    """Runs until so many checkpoints are saved."""
    count = 0
    original = checkpoints._save

    def save_and_die(*arguments):
        nonlocal count
        original(*arguments)
        count += 1
        if count == saves:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        patch.setattr(checkpoints, "_save", save_and_die)
        if layout is not None:
            patch.setattr(population, "layout", lambda width, rounds=1: layout)
        with pytest.raises(Killed):
            execute.run(base, GRID, path, path)


def epochs_trained(path, monkeypatch, base=BASE):
    """Runs to the end; the epochs that had to be trained."""
    trained = []
    original = training.train

    def spying(setup, placed, *arguments):
        def epoch(pattern, steps):
            program = placed.programs.epoch(pattern, steps)

            def run(states, point_batch, images, number):
                trained.append(int(number))
                return program(states, point_batch, images, number)

            return run

        spied = placed._replace(programs=placed.programs._replace(epoch=epoch))
        return original(setup, spied, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "train", spying)
        run_folder = execute.run(base, GRID, path, path)
    return run_folder, trained
