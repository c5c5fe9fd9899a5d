"""What other tools read of an exported run is what the run folder holds."""

import csv
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxdml.export import run
from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import loading
from jaxdml.settings.resolve import resolve
from tests.runs.small import BASE


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Two systems, one of which diverges at one of its learning rates."""
    workdir = tmp_path_factory.mktemp("export")
    grid = (
        {"system": ("mvae",), "train.learning_rate": (1e-3, 1e30)},
        {"system": ("dml",), "seed": (0, 1)},
    )
    return execute.run(BASE, grid, workdir / "one", workdir)


def exported(run_folder, tool, into, load=None):
    notes = []
    run.export(run_folder, tool, into, load or loading.loader(run_folder.path), notes.append)
    return notes


def contents(path):
    return {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def history(run_folder, result):
    """name → (epoch, value), of what is finite, as the file itself has it."""
    values_by_name = {}
    with (run_folder.point(result["point"]) / "history.csv").open() as file:
        for row in csv.DictReader(file):
            epoch = int(row.pop("epoch"))
            del row["phase"]
            for name, value in row.items():
                if value:
                    values_by_name.setdefault(name, []).append((epoch, float(value)))
    return values_by_name


def scores(result):
    return {
        f"{s['protocol']}_{s['classifier']}_{s['embedding']}_{s['metric']}": s["value"]
        for s in result["scores"]
    }


@pytest.fixture(scope="module")
def written(run_folder):
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorboardX")
    before = contents(run_folder.path)
    assert exported(run_folder, "tensorboard", run_folder.path / "tensorboard") == []
    after = contents(run_folder.path)
    assert {p: b for p, b in after.items() if "tensorboard" not in p.parts} == before
    return run_folder.path / "tensorboard"


@pytest.fixture(scope="module")
def events(written):
    """TensorBoard's own reader, of each point."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return {path.name[-12:]: EventAccumulator(str(path)).Reload()
            for path in written.iterdir() if path.is_dir()}  # fmt: skip


def test_scalars_are_the_losses_and_the_scores(run_folder, events):
    results = run_folder.results()
    assert set(events) == {result["point"] for result in results}
    for result in results:
        expected = {f"training/{name}": v for name, v in history(run_folder, result).items()}
        last = BASE["train.epochs"]
        expected |= {f"scores/{name}": [(last, v)] for name, v in scores(result).items()}
        reader = events[result["point"]]
        assert set(reader.Tags()["scalars"]) == set(expected)
        for tag, values in expected.items():
            read_values = [(event.step, event.value) for event in reader.Scalars(tag)]
            np.testing.assert_array_equal(np.array(read_values), np.array(values).astype("f"))


def test_texts_say_how_each_point_ended_and_what_it_was(run_folder, events):
    for result in run_folder.results():
        texts = {
            name: events[result["point"]].Tensors(f"{name}/text_summary")[0]
            .tensor_proto.string_val[0].decode() for name in ("status", "configuration")
        }  # fmt: skip
        assert texts["status"].startswith(f"**{result['status']}**")
        assert (result["reason"] or "") in texts["status"]
        for path, value in result["config"].items():
            assert f"| `{path}` | {value} |" in texts["configuration"]


def test_hyperparameters_are_a_row_each_with_the_status(run_folder, written, events):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    def read(reader, tag):
        content = reader.summary_metadata[tag].plugin_data.content
        return plugin_data_pb2.HParamsPluginData.FromString(content)

    for result in run_folder.results():
        reader = events[result["point"]]
        row = read(reader, "_hparams_/session_start_info").session_start_info.hparams
        assert row["train.learning_rate"].number_value == result["config"]["train.learning_rate"]
        assert row["system"].string_value == result["config"]["system"]
        assert row["status"].string_value == result["status"]
        end = read(reader, "_hparams_/session_end_info").session_end_info.status
        ok = result["status"] == "ok"
        assert end == (api_pb2.STATUS_SUCCESS if ok else api_pb2.STATUS_FAILURE)
    common = read(EventAccumulator(str(written)).Reload(), "_hparams_/experiment").experiment
    assert {info.name for info in common.hparam_infos} == {
        "system", "train.learning_rate", "seed", "status"
    }  # fmt: skip
    assert {info.name.tag for info in common.metric_infos} == {
        f"scores/{name}" for result in run_folder.results() for name in scores(result)
    }


def test_images_are_shown_of_the_first_point_of_a_setting(run_folder, events):
    titles_by_point = {
        f"{result['config']['system']} {result['status']} {result['config']['seed']}":
        {tag.removeprefix("images/") for tag in events[result["point"]].Tags()["images"]}
        for result in run_folder.results()
    }  # fmt: skip
    assert titles_by_point == {
        "mvae ok 0": {"reconstructions", "samples", "pseudo_inputs"},
        "mvae diverged 0": set(),
        "dml ok 0": {"test_images"},
        "dml ok 1": set(),
    }


def test_the_projector_has_the_embeddings_their_classes_and_their_images(run_folder, written):
    from google.protobuf import text_format
    from PIL import Image
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config_files = sorted(written.glob("*/projector_config.pbtxt"))
    shown = [r for r in run_folder.results() if r["status"] == "ok" and r["config"]["seed"] == 0]
    assert {path.parent.name[-12:] for path in config_files} == {r["point"] for r in shown}
    dataset = loading.loader(None)(resolve(BASE | {"system": "ae"}))
    for path in config_files:
        [embedding] = text_format.Parse(path.read_text(), ProjectorConfig()).embeddings
        with np.load(run_folder.point(path.parent.name[-12:]) / "embeddings.npz") as arrays:
            z = np.loadtxt(path.parent / embedding.tensor_path, "f", delimiter="\t")
            np.testing.assert_array_equal(z, arrays["test"])
            heading, *rows = (path.parent / embedding.metadata_path).read_text().splitlines()
            assert heading == "class\timage"
            assert rows == [
                f"{dataset.classes[y]}\t{i}" for i, y in enumerate(arrays["test_labels"])
            ]
        width, height = embedding.sprite.single_image_dim
        assert (width, height) == (5, 5)
        sprite = np.asarray(Image.open(path.parent / embedding.sprite.image_path))
        across = sprite.shape[1] // width
        for i, image in enumerate(dataset.test.x):
            top, left = i // across * height, i % across * width
            np.testing.assert_array_equal(sprite[top : top + 4, left : left + 5], image)


def test_again_replaces_what_was_there(run_folder, written):
    count = len(contents(written))
    (written / "left_over").mkdir()
    (written / "left_over" / "events.out.tfevents.1.old").touch()
    exported(run_folder, "tensorboard", written)
    assert len(contents(written)) == count
    assert not list(run_folder.path.glob(".*.*"))


def records(path):
    """What Weights & Biases keeps: protocol buffers in LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, parsed_records, parts = path.read_bytes(), [], b""
    assert content[:4] == b":W&B"
    at = 7
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # no record begins in a block's last bytes
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            parsed_records.append(Record.FromString(parts))
            parts = b""
    return parsed_records


def updates(items):
    """Dotted key → value."""
    return {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}


@pytest.fixture(scope="module")
def offline(run_folder, tmp_path_factory):
    """Records by the id of a run, and where its files are."""
    pytest.importorskip("wandb")
    into = tmp_path_factory.mktemp("wandb") / "export"
    (run_folder.report).mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parents[2] / "docs" / "latent.png", run_folder.report / "latent.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        for kind in ("CACHE", "CONFIG", "DATA"):
            patch.setenv(f"WANDB_{kind}_DIR", str(tmp_path_factory.mktemp("home")))
        for _ in range(2):  # the second replaces the first
            assert exported(run_folder, "wandb", into) == []
    return {path.stem.removeprefix("run-one-"): (records(path), path.parent)
            for path in into.glob("*/*.wandb")}  # fmt: skip


def test_offline_there_is_a_run_for_each_point_and_one_for_the_report(run_folder, offline):
    assert set(offline) == {*(r["point"] for r in run_folder.results()), "report"}
    [folder] = {path.parent for _, path in offline.values()}
    assert len(list(folder.glob("offline-run-*"))) == len(offline)
    assert run.TOOLS["wandb"].look(folder) == f"wandb sync {folder}/offline-run-*"
    images = list((offline["report"][1] / "files").glob("media/**/*.png"))
    assert [path.read_bytes() for path in images] == [
        (run_folder.report / "latent.png").read_bytes()
    ]


def test_a_run_has_losses_by_epoch_scores_status_and_configuration(run_folder, offline):
    for result in run_folder.results():
        point_records, path = offline[result["point"]]
        [run] = [r.run for r in point_records if r.WhichOneof("record_type") == "run"]
        assert (run.project, run.run_group, run.job_type) == ("jaxdml", "one", "point")
        assert run.notes == (result["reason"] or result["note"] or "")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        for name, value in result["config"].items():
            section, _, last = name.rpartition(".")
            assert (config[section][last] if section else config[name]) == value
        rows = [
            updates(r.history.item)
            for r in point_records
            if r.WhichOneof("record_type") == "history"
        ]
        curves = {}
        for row in rows:
            for name, value in row.items():
                if name.startswith("training/"):
                    curves.setdefault(name, []).append((row["_step"], value))
        assert curves == {
            f"training/{name.replace('.', '_')}": v
            for name, v in history(run_folder, result).items()
        }
        summary = {}
        for record in point_records:
            if record.WhichOneof("record_type") == "summary":
                summary |= updates(record.summary.update)
        assert summary["status"] == result["status"]
        assert {n: v for n, v in summary.items() if n.startswith("scores/")} == {
            f"scores/{name}": value for name, value in scores(result).items()
        }
        [ended] = [r.exit for r in point_records if r.WhichOneof("record_type") == "exit"]
        assert ended.exit_code == (result["status"] != "ok")
        shown = result["status"] == "ok" and result["config"]["seed"] == 0
        assert bool(list(path.glob("files/media/**/*.png"))) == shown


def test_without_the_data_there_are_no_images_and_no_sprite(run_folder, tmp_path):
    pytest.importorskip("tensorboardX")

    def load(resolved):
        raise ConfigError("there is no such file")

    notes = exported(run_folder, "tensorboard", tmp_path / "new", load)
    [note] = notes
    assert note.startswith("no images of ")
    assert note.endswith(": there is no such file")
    assert len(list(tmp_path.glob("new/*/projector/tensors.tsv"))) == 2
    assert not list(tmp_path.glob("new/*/projector/sprite.png"))


def test_an_export_may_go_where_a_link_leads(run_folder, tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    exported(run_folder, "tensorboard", tmp_path / "link")
    monkeypatch.chdir(tmp_path / "real")
    exported(run_folder, "tensorboard", Path())
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    assert (tmp_path / "real" / "export.json").is_file()


def test_a_folder_that_holds_something_else_is_left_alone(run_folder, tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "mine.txt").write_text("years of work")
    for into in (tmp_path, run_folder.path, run_folder.path / "points", tmp_path / "mine.txt"):
        with pytest.raises(ConfigError, match="--output="):
            exported(run_folder, "tensorboard", into)
    assert (tmp_path / "mine.txt").read_text() == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("tool", run.TOOLS)
@pytest.mark.parametrize("at", [0, 1])
def test_a_missing_package_is_said_with_its_cure(tool, at, run_folder, tmp_path, monkeypatch):
    module = run.TOOLS[tool].needs[at]
    for needed in run.TOOLS[tool].needs[:at]:
        pytest.importorskip(needed)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as error:
        exported(run_folder, tool, tmp_path / "new")
    package = module.partition(".")[0]
    assert str(error.value) == f"--to={tool} needs {package}: pip install 'jaxdml[{tool}]'"
    assert not list(tmp_path.iterdir())
