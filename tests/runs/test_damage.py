"""What is damaged of a run is named and left out, and the same command makes it anew."""

import random
import shutil

import pytest

from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import files, opening
from jaxdml.runs.storage.folder import Folder
from tests.faults.damage import KINDS
from tests.runs.grid_run import BASE, GRID, run_and_die_after


def first(run_folder, pattern):
    found = [path for path in sorted(run_folder.path.glob(pattern)) if path.is_file()]
    return max(found, key=lambda path: path.stat().st_size)


def damage(kind, file, others=()):
    """Damages it, and nothing but it."""
    KINDS[kind](file, list(others), random.Random(0))


def contents(run_folder):
    """All that a run has to say of its points."""
    return {
        result["point"]: (
            result["scores"],
            run_folder.history(result["point"]),
            {name: x.tobytes() for name, x in run_folder.embeddings(result["point"]).items()},
        )
        for result in run_folder.results(whole=True)
    }


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    return Folder(tmp_path / "run")


@pytest.mark.default_variants(
    "final one bit flipped", "embeddings truncated", "result.json foreign", "config.json missing"
)
@pytest.mark.parametrize(
    ("pattern", "kind", "named"),
    [
        pytest.param(pattern, kind, named, id=f"{name} {kind}")
        for name, pattern, named in (
            ("final", "checkpoints/*/final/**/*", "final (is damaged|is missing)"),
            ("result.json", "points/*/result.json", "result.json"),
            ("history", "points/*/history.csv", "history.csv"),
            ("embeddings", "points/*/embeddings.npz", "embeddings.npz"),
            ("plan.json", "plan.json", "plan.json"),
            ("config.json", "config.json", "config.json"),
        )
        for kind in ("one bit flipped", "truncated", "emptied", "missing", "foreign")
        if (name, kind) != ("result.json", "missing")  # then it is not finished
    ],
)
def test_what_is_damaged_is_named_and_made_anew(pattern, kind, named, finished, copy, tmp_path):
    expected = contents(finished)
    damage(kind, first(copy, pattern))
    with pytest.warns(UserWarning, match=named):
        run_folder = execute.run(BASE, GRID, copy.path, tmp_path)
    assert contents(run_folder) == expected
    assert (copy.path / "results.csv").read_bytes() == (finished.path / "results.csv").read_bytes()
    assert execute.run(BASE, GRID, copy.path, tmp_path).results() == run_folder.results()


@pytest.mark.default_variants("truncated")
@pytest.mark.parametrize("kind", ["one bit flipped", "truncated", "missing"])
def test_one_damaged_point_does_not_stop_the_report_of_all_others(kind, copy, tmp_path):
    damage(kind, first(copy, "points/*/embeddings.npz"))
    with pytest.warns(UserWarning, match=r"point \w+ is left out: .*embeddings\.npz is"):
        write.report([copy], tmp_path / "report", loading.loader(tmp_path, copy.plan()))
    page = (tmp_path / "report" / "report.html").read_text()
    assert sum(result["point"] in page for result in copy.results()) <= 4


def test_a_damaged_network_embeds_nothing_and_writes_over_nothing(copy, tmp_path):
    point = copy.results()[0]["point"]
    chunk = copy.results()[0]["checkpoint"]["path"]
    for file in (copy.checkpoints / chunk).rglob("*"):
        if file.is_file() and file.stat().st_size > 1000:
            damage("one bit flipped", file)
    before = (copy.point(point) / "embeddings.npz").read_bytes()
    with pytest.raises(ConfigError, match=r"final is damaged \(its checksum is another one\)"):
        opening.chosen(copy, point)
    with pytest.warns(UserWarning, match=r"point \w+ is left out: .*final is damaged"):
        rescoring.rescore(copy.path, tmp_path)
    assert (copy.point(point) / "embeddings.npz").read_bytes() == before


def test_a_result_copied_over_anothers_is_not_believed(copy, finished, tmp_path):
    one, other = (copy.point(result["point"]) for result in copy.results()[:2])
    shutil.copy(one / "result.json", other / "result.json")
    with pytest.warns(UserWarning, match=f"is of another point, {one.name}"):
        assert len(copy.results()) == 3
    with pytest.warns(UserWarning, match=f"point {other.name} is trained again"):
        run_folder = execute.run(BASE, GRID, copy.path, tmp_path)
    assert contents(run_folder) == contents(finished)


@pytest.mark.default_variants("states one bit flipped", "losses truncated")
@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        pytest.param(pattern, kind, id=f"{name} {kind}")
        for name, pattern in (
            ("states", "checkpoints/*/epoch_2/**/*"),
            ("losses", "checkpoints/*/history.jsonl"),
            ("progress", "checkpoints/*/progress.json"),
        )
        for kind in ("one bit flipped", "truncated", "emptied", "foreign")
    ],
)
def test_a_damaged_checkpoint_is_no_beginning(pattern, kind, finished, tmp_path, monkeypatch):
    run_and_die_after(2, tmp_path / "run", monkeypatch)
    damage(kind, first(Folder(tmp_path / "run"), pattern))
    with pytest.warns(UserWarning, match="anew, from the first epoch"):
        run_folder = execute.run(BASE, GRID, tmp_path / "run", tmp_path)
    assert contents(run_folder) == contents(finished)


def test_another_command_does_not_mend_a_configuration(copy, tmp_path):
    (copy.path / "config.json").unlink()
    other = ({"seed": (77,)},)
    with pytest.raises(ConfigError, match="this command trains none of the points of that run"):
        execute.run(BASE, other, copy.path, tmp_path)
    assert len(copy.results()) == 4


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b"1"])
def test_foreign_json_is_damage(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(files.DamageError, match=r"x\.json is damaged"):
        files.read_json(tmp_path / "x.json", ("points",))


def test_a_bit_flipped_anywhere_in_json_is_found(tmp_path):
    file = tmp_path / "x.json"
    value = {"a": [1.5, None], "b": {"c": "ü"}, "d": True}
    files.write_json(file, value)
    content = file.read_bytes()
    for place in range(len(content) - 1):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            file.write_bytes(changed)
            try:
                assert files.read_json(file) == value
            except files.DamageError:
                continue


def test_a_result_says_what_it_was_made_with(finished):
    made = [result["made_with"] for result in finished.results()]
    assert len({one["data"] for one in made}) == 1
    assert len({one["labels"] for one in made}) == 2, "the seeds have other labelled images"
    assert made[0]["data"] in finished.plan()["data"].values()
    assert {"python", "jax", "jaxdml"} <= made[0]["versions"].keys()
