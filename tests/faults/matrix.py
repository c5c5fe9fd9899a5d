"""One try: a grid, a fault, whether the folder opens, the same command again, the same bytes?"""

import json
import os
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orbax.checkpoint as ocp

from jaxdml.options import ConfigError
from jaxdml.runs.storage import folder, opening
from tests.conftest import QUICK, REPOSITORY
from tests.faults import damage
from tests.faults.injection import CONTROL, MOMENTS

CONFIG = """
from configs import digits

def get_config():
    config = digits.get_config()
    config.data.name = "tests.third_party.blobs:make"
    config.data.labelled_percent = None
    config.data.labelled_count = 12
    config.train.epochs = 4
    config.train.batch_size = 8
    config.train.checkpoint_every = 1
    config.model.hidden = (8,)
    config.loss.name = "supcon"
    config.update({"loss": {"sources": ("true", "propagated")}})
    config.update({"propagated": {"every": 2, "neighbours": 5}})
    config.eval.classifiers = ("knn",)
    config.eval.baselines = ()
    return config

def get_grid():
    return ({"system": ("dml", "dml_ae"), ("seed", "data.labels_seed"): ((0, 0), (1, 1))},)
"""
ENDED = {0, 2, 3, 128 + 2, 128 + 13, 128 + 15, -9, -15}
FREE = "16m"  # of the disk that is filled up


class Try(NamedTuple):
    """What came of a fault."""

    fault: str
    moment: str
    lost: int  # points that were finished and sound, and were trained again, or are gone
    wrong: int  # results that differ from those of an undisturbed run
    complaints: tuple[str, ...]  # what else should not have happened


class Server:
    """Runs commands in forks of a process that has imported the library."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.config = place / "faults_grid.py"
        self.config.write_text(CONFIG)
        environment = os.environ | {
            "XLA_FLAGS": QUICK,
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "JAX_COMPILATION_CACHE_DIR": str(place / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.experiments.forks"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
            env=environment,
        )  # fmt: skip
        self.expected = self._undisturbed()

    def run(
        self, *arguments: str, fault: Mapping[str, Any] | None = None, report: bool = True
    ) -> tuple[int, str, str]:
        """A command, or all of it but its report: exit code, what it printed and complained of."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"arguments": arguments, "fault": fault, "report": report}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        code, printed, complained = json.loads(self.process.stdout.readline())
        return code, printed, complained

    def grid(
        self, workdir: Path, fault: Mapping[str, Any] | None = None, report: bool = False
    ) -> tuple[int, str, str]:
        """The grid of all tries; without its report, which is most of its time."""
        words = f"--config={self.config}", f"--workdir={workdir}"
        return self.run("grid", *words, fault=fault, report=report)

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate()

    def _undisturbed(self) -> dict[str, bytes]:
        code, _, complained = self.grid(self.place / "whole")
        assert code == 0, complained
        return written(self.place / "whole")


def written(workdir: Path) -> dict[str, bytes]:
    """What a run has to say, as bytes: tables, scores, losses, embeddings, networks."""
    run_folder = folder.Folder(workdir)
    tables = [workdir / "results.csv", workdir / "per_class.csv"]
    content = {t.name: b"\n".join(sorted(t.read_bytes().splitlines())) for t in tables}
    for result in run_folder.results(whole=True):
        point, kept = result["point"], result["checkpoint"]
        told = {name: result[name] for name in ("status", "config", "scores", "steps", "labelled")}
        content[f"{point} result"] = json.dumps(told, sort_keys=True).encode()
        for name in folder.OF_POINT:
            content[f"{point} {name}"] = (run_folder.point(point) / name).read_bytes()
        with ocp.StandardCheckpointer() as checkpointer, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without a template all lies as it was
            tree = checkpointer.restore((run_folder.checkpoints / kept["path"]).resolve())
        for path, leaf in _leaves(tree):
            content[f"{point} {path}"] = np.asarray(leaf)[kept["row"]].tobytes()
    return content


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for name, inside in tree.items():
            yield from _leaves(inside, f"{path}.{name}")
    elif tree is not None:
        yield path, tree


def of_process(server: Server, fault: str, moment: str, seed: int) -> Try:
    """A fault that comes to a running grid."""
    with _place(server, fault) as workdir:
        order = {"fault": fault, "moment": moment, "workdir": str(workdir), "seed": seed}
        code, _, complained = server.grid(workdir, order, report=moment == "reporting")
        complaints = _complaints("with the fault", code, complained, ENDED)
        _repair(workdir)
        return _afterwards(
            server, Try(fault, moment, 0, 0, tuple(complaints)), workdir, set(), seed
        )


def of_files(server: Server, kind: str, sort: str, seed: int) -> Try:
    """A file that is damaged after a grid was killed, or had ended."""
    draw = random.Random(seed)
    moment = draw.choice([*MOMENTS, "the end"])
    if "under way" in sort or sort == "progress.json":
        moment = "checkpointing"
    with _place(server, kind) as workdir:
        if moment == "the end" or sort in ("tables", "final networks"):
            shutil.copytree(server.place / "whole", workdir, dirs_exist_ok=True)
        else:
            order = {"fault": "SIGKILL", "moment": moment, "workdir": str(workdir), "seed": seed}
            server.grid(workdir, order)
        found = sorted(p for p in workdir.glob(damage.FILES[sort]) if p.is_file())
        if not found:  # that moment was before there were any
            shutil.rmtree(workdir)
            shutil.copytree(server.place / "whole", workdir)
            sort = "embeddings" if "under way" in sort or sort == "progress.json" else sort
            found = sorted(p for p in workdir.glob(damage.FILES[sort]) if p.is_file())
        file = draw.choice(found)
        damage.damage(kind, file, found, draw)
        hit = _points_of(workdir, found if kind == "swapped" else [file])
        return _afterwards(server, Try(f"{sort} {kind}", moment, 0, 0, ()), workdir, hit, seed)


def _points_of(workdir: Path, paths: list[Path]) -> set[str]:
    """The points that may have to be trained again after files were damaged."""
    parts = {part for path in paths for part in path.relative_to(workdir).parts}
    results = workdir.glob("points/*/result.json")
    return {
        file.parent.name
        for file in results
        if file.parent.name in parts or any(part in file.read_text(errors="replace")
                                            for part in parts if len(part) == 12)
    }  # fmt: skip


def _afterwards(server: Server, so_far: Try, workdir: Path, hit: set[str], seed: int) -> Try:
    """Opens the folder, has the same command finish it, and compares.

    One in four times the report is written before.
    """
    complaints = list(so_far.complaints)
    finished = {
        file.parent.name: file.stat().st_mtime_ns for file in workdir.glob("points/*/result.json")
    }
    with warnings.catch_warnings(), suppress(ConfigError):
        warnings.simplefilter("ignore")
        opening.existing(workdir).results(whole=True)
    if seed % 4 == 0 or so_far.moment in ("reporting", "the end"):
        code, _, complained = server.run("report", f"--workdir={workdir}")
        complaints += _complaints("report", code, complained, {0, 2})
    code, _, complained = server.grid(workdir)
    complaints += _complaints("again", code, complained, {0})
    if code != 0:
        return so_far._replace(lost=len(finished), complaints=tuple(complaints))
    again = {
        point
        for point, stamp in finished.items()
        if point not in hit
        and (workdir / "points" / point / "result.json").stat().st_mtime_ns != stamp
    }
    result = written(workdir)
    wrong = [name for name in server.expected if result.get(name) != server.expected[name]]
    complaints += [f"another {name}" for name in wrong]
    if again:
        complaints.append(f"trained again: {sorted(again)}")
    return so_far._replace(lost=len(again), wrong=len(wrong), complaints=tuple(complaints))


def _complaints(when: str, code: int, complained: str, allowed: set[int]) -> list[str]:
    found = [] if code in allowed else [f"{when}: exit code {code}: {complained[-500:]}"]
    trace = "Traceback" in complained
    return found + ([f"{when}: {complained[-1500:]}"] if trace else [])


@contextmanager
def _place(server: Server, fault: str) -> Iterator[Path]:
    """A run folder to come; on a disk of its own where that is to be filled up."""
    place = server.place / "try"
    place.mkdir()
    disk = fault == "a full disk"
    if disk:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={FREE}", "tmpfs", str(place)]
        subprocess.run(mount, check=True)
    try:
        yield place / "run"
    finally:
        if disk:
            subprocess.run(["umount", "-l", str(place)], check=True)
        shutil.rmtree(place)


def _repair(workdir: Path) -> None:
    """Takes away what a fault has done to the machine."""
    (workdir.parent / "filler").unlink(missing_ok=True)
    elsewhere = workdir.with_name("elsewhere")
    if elsewhere.exists():
        shutil.rmtree(workdir, ignore_errors=True)
        elsewhere.rename(workdir)
    for path in (workdir, *workdir.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    for group in (*CONTROL.glob("jaxdml_faults_*"), *CONTROL.glob("memory/jaxdml_faults_*")):
        with suppress(OSError):  # another try's
            group.rmdir()
