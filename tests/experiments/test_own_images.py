"""A folder of PNG files with few labelled ones, from the files to the report, by commands."""

import csv
import re
import shutil

import numpy as np
import pytest

from jaxdml import data
from jaxdml.labelling import held_out
from jaxdml.report.tables import folds
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import folder

Image = pytest.importorskip("PIL.Image")
EACH = 10  # labelled images of each of three digits


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Zeros, ones and twos: thirty have a label, the rest has none."""
    root = tmp_path_factory.mktemp("own") / "photos"
    digits = data.load("digits", root).train
    for label in range(3):
        for i, x in enumerate(digits.x[digits.y == label][:40]):
            name = ("zero", "one", "two")[label] if i < EACH else "unlabelled"
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(x[..., 0]).save(root / name / f"{label}_{i}.png")
    return root


@pytest.fixture(scope="module")
def trained(photos, command):
    workdir = photos.parent / "run"
    done = command(
        "train", "--config=configs/images.py", f"--config.data.path={photos.name}",
        f"--data_dir={photos.parent}", f"--workdir={workdir}",
        "--config.train.steps=200", "--config.train.batch_size=32", "--config.model.hidden=(64,)",
    )  # fmt: skip
    return folder.Folder(workdir), done


def test_one_command_trains_evaluates_and_reports(trained):
    run_folder, done = trained
    assert done.returncode == 0, done.stderr
    assert "note: photos has no test images: each setting is trained 5 times" in done.stderr
    *folds, last = run_folder.results()
    assert [result["labelled"] for result in (*folds, last)] == [24] * 5 + [30]
    for result in folds:
        assert (result["status"], result["scored"]) == ("ok", 6)
        assert {s["protocol"] for s in result["scores"]} == {"labelled", "scores"}
        assert "retrieval is not scored: labelled images take turns" in result["note"]
    assert last["scores"] == []
    message = f"the point trained with all labels, to be used, is {last['point']}"
    assert message in done.stdout
    assert "it is trained with all labels, to be used, and not scored" in last["note"]
    report = (run_folder.path / "report" / "report.md").read_text()
    assert "6 points on photos, 64-D latent space." in report
    assert "an accuracy on 30 images has a standard error of up to 0.091;" in report
    row, *_ = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| few")]
    values = [s["value"] for r in folds for s in r["scores"]
              if (s["protocol"], s["metric"]) == ("labelled", "accuracy")]  # fmt: skip
    error = np.sqrt(np.mean(values) * (1 - np.mean(values)) / 30)
    assert (row[2].strip(), row[3].strip()) == ("1", f"{np.mean(values):.3f} (SE {error:.3f})")
    assert "the 30 held-out labelled images" in done.stdout  # beside raw pixels and PCA
    drawn = {path.stem for path in (run_folder.path / "report").glob("*.png")}
    assert drawn >= {"latent", "data"}
    assert "neighbours" not in drawn  # two images of each class are held out at a time


def test_its_embeddings_of_new_images_tell_classes_apart(trained, photos, command, tmp_path):
    run_folder, _ = trained
    point = run_folder.point(run_folder.results()[-1]["point"])  # with all labels
    new = tmp_path / "new"
    digits = data.load("digits", tmp_path).test
    for label in range(3):
        for i, x in enumerate(digits.x[digits.y == label][:20]):
            (new / "deep").mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(x[..., 0]).resize((24, 24), Image.Resampling.NEAREST)
            image.save(new / "deep" / f"{label}_{i}.png")
    done = command(
        "embed", f"--workdir={run_folder.path}", f"--data_dir={photos.parent}",
        f"--point={point.name}", f"--input={new}", f"--output={tmp_path / 'z.csv'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    heading, *rows = (tmp_path / "z.csv").read_text().splitlines()
    assert heading.startswith("file,z0,z1,")
    names = [row.split(",")[0] for row in rows]
    assert names[:2] == ["deep/0_0.png", "deep/0_1.png"]
    assert len(names) == 60
    z = np.array([row.split(",")[1:] for row in rows], float)
    y = np.array([int(name[5]) for name in names])
    with np.load(point / "embeddings.npz") as kept:  # neighbours among those that were labelled
        distance = np.linalg.norm(z[:, None] - kept["labelled"][None], axis=-1)
        predicted = kept["labelled_labels"][distance.argmin(axis=1)]
    order = np.array(["one", "two", "zero"])  # as their folders are
    assert (order[predicted] == np.array(["zero", "one", "two"])[y]).mean() > 0.85


MISTAKES = {
    "an empty folder": ([], "holds no image; read are .bmp"),
    "a damaged image": (["a.png"], "1 of 1 images cannot be read"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_images_that_cannot_be_embedded_are_one_sentence(
    mistake, trained, photos, command, tmp_path
):
    run_folder, _ = trained
    names, message = MISTAKES[mistake]
    for name in names:
        (tmp_path / name).write_text("nonsense")
    done = command(
        "embed", f"--workdir={run_folder.path}", f"--data_dir={photos.parent}",
        f"--point={run_folder.results()[0]['point']}", f"--input={tmp_path}",
        f"--output={tmp_path / 'z.csv'}",
    )  # fmt: skip
    assert done.returncode == 2
    assert re.fullmatch(rf"error: --input=.*{message}.*\n", done.stderr)


def test_a_data_set_is_told_and_shown(photos, command, tmp_path):
    done = command(
        "data", photos, "digits", f"--output={tmp_path}", "--config.data.labels_per_class=2"
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("digits\n", 1)
    lines = [line.split() for line in first.splitlines()]
    assert lines[0] == ["photos"]
    assert ["place", str(photos)] in lines
    assert lines[3][:6] == ["images", "8", "×", "8", "×", "1,"]
    cells = [
        [c.strip() for c in line.split("|")[1:-1]] for line in first.splitlines() if "|" in line
    ]
    assert cells[0] == ["class", "training", "labelled", "validation", "test"]
    assert cells[2:] == [
        ["one", "10", "2", "0", "0"],
        ["two", "10", "2", "0", "0"],
        ["zero", "10", "2", "0", "0"],
        ["(no label)", "90", "0", "0", "0"],
        ["all", "120", "6", "0", "0"],
    ]
    assert "note: photos has no test images" in first
    assert "CC BY 4.0" in second
    for name in ("photos", "digits"):
        assert {f.name for f in tmp_path.glob(f"{name}.*")} == {f"{name}.png", f"{name}.svg"}
        assert f"picture {tmp_path / name}.png" in done.stdout
        assert f"picture {tmp_path / name}_views.png" in done.stdout
        assert (tmp_path / f"{name}_views.svg").is_file()
    assert "keep the class under shift, scale, brightness, erase\n" in first
    assert "keep the class under shift, scale, rotate, erase\n" in second


@pytest.mark.slow
def test_a_range_is_given_on_the_command_line(command, tmp_path):
    for i in range(8):
        path = tmp_path / "deep" / ("a", "b")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), 500 * i + 500, np.uint16)).save(path)
    arguments = ["--config=configs/images.py", "--config.data.path=deep", f"--data_dir={tmp_path}"]
    dim = command("data", *arguments, f"--output={tmp_path}")
    assert "note: deep: 8 images have 16 bits, reduced to 8: 0 is taken for black and" in dim.stdout
    done = command("data", *arguments, f"--output={tmp_path}", "--config.data.range=(0, 4095)")
    assert done.returncode == 0, done.stderr
    assert "16 bits" not in done.stdout
    refused = command("data", *arguments, "--config.data.range=(0, 3000)")
    assert refused.returncode == 2
    assert "its values go from 3500 to 3500, but data.range is (0, 3000)" in refused.stderr


def test_without_a_name_the_configuration_says_which_data_set(photos, command, tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((9, 4, 4, 2), np.uint8), y=np.arange(9) % 3)
    arguments = [
        "--config=configs/images.py",
        "--config.data.name=arrays",
        "--config.data.path=own.npz",
    ]
    done = command("data", *arguments, f"--data_dir={tmp_path}", f"--output={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("own.npz\n")
    assert "note: no picture: only images of 1 and 3 channels are" in done.stdout
    missing = command("data", "nothing")
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: data.name must be one of ")


def test_a_result_of_all_folds_is_held_out_on_the_images_of_each(trained):
    run_folder, _ = trained
    load = loading.loader(run_folder.path, run_folder.plan())
    first, *_, whole = run_folder.results()
    [pooled] = folds.pooled(run_folder.results())[:1]
    counts = [
        len(held_out.of_point(run_folder, result, load).labels) for result in (first, pooled, whole)
    ]
    assert counts == [6, 30, 30]


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_new_photos_get_names_without_the_training_data(trained, photos, command, tmp_path):
    run_folder, _ = trained
    shutil.copytree(photos / "unlabelled", tmp_path / "new")
    kept = photos.rename(photos.with_name("away"))
    try:
        done = command(
            "predict", f"--workdir={run_folder.path}", f"--input={tmp_path / 'new'}",
            f"--output={tmp_path / 'labels.csv'}",
        )  # fmt: skip
    finally:
        kept.rename(photos)
    assert done.returncode == 0, done.stderr
    assert "not calibrated: 30 labelled images were held out, and 50 are the least" in done.stdout
    rows = table(tmp_path / "labels.csv")
    assert [row["file"] for row in rows] == [
        f"{i}_{k}.png" for i in range(3) for k in range(10, 40)
    ]
    right = [row["class"] == ("zero", "one", "two")[int(row["file"][0])] for row in rows]
    assert np.mean(right) > 0.8
    whole = run_folder.results()[-1]["point"]
    for row in rows:
        assert (row["run"], row["point"]) == ("run", whole)
        assert 1 / 3 <= float(row["confidence"]) <= 1
        assert row["calibrated"] == "no"
        assert row["class"] != row["second class"]
        assert row["nearest labelled"].split("/")[0] == row["its class"]
        assert (photos / row["nearest labelled"]).is_file()


def test_it_says_what_to_label_next_and_which_label_looks_wrong(trained, photos, command, tmp_path):
    run_folder, _ = trained
    for flags, name in (
        (("--suggest=7",), "next"),
        (("--suggest=7", f"--input={photos / 'unlabelled'}"), "of_input"),
        (("--suspects",), "suspects"),
    ):
        output = f"--output={tmp_path / name}.csv"
        done = command("predict", f"--workdir={run_folder.path}", *flags, output)
        assert done.returncode == 0, done.stderr
        assert "write the report page again" in done.stdout
        of_point = run_folder.point(run_folder.results()[-1]["point"])
        kept = "suspects" if name == "suspects" else "suggestions"
        with np.load(of_point / f"{kept}.npz") as left:
            first = table(tmp_path / f"{name}.csv")[0]["file"]
            file = photos / ("unlabelled" if name == "of_input" else "") / first
            np.testing.assert_array_equal(left["images"][0, ..., 0], np.asarray(Image.open(file)))
    suggested = table(tmp_path / "next.csv")
    assert len({row["file"] for row in suggested}) == 7
    assert all((photos / row["file"]).parent.name == "unlabelled" for row in suggested)
    assert {row["label"] for row in suggested} == {""}  # to be filled in
    names = [row["file"].removeprefix("unlabelled/") for row in suggested]
    assert names == [row["file"] for row in table(tmp_path / "of_input.csv")]
    suspects = table(tmp_path / "suspects.csv")
    assert {row["file"] for row in suspects} == {
        f"{name}/{label}_{i}.png"
        for label, name in enumerate(("zero", "one", "two"))
        for i in range(EACH)
    }
    doubts = [float(row["suspicion"]) for row in suspects]
    assert doubts == sorted(doubts, reverse=True)
    assert all(row["label"] == row["file"].split("/")[0] != row["looks like"] for row in suspects)


@pytest.mark.parametrize("flag", ["--suggest=2", "--suspects"])
def test_photos_that_have_changed_are_not_taken_for_others(trained, photos, command, flag):
    away = (photos / "unlabelled" / "0_10.png").rename(photos.parent / "0_10.png")
    try:
        done = command(
            "predict", f"--workdir={trained[0].path}", flag, f"--output={photos.parent / 'o.csv'}"
        )
    finally:
        away.rename(photos / "unlabelled" / "0_10.png")
    assert done.returncode == 2
    assert "have changed" in done.stderr
    assert not (photos.parent / "o.csv").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--output=O.csv"], "--input is missing: name a folder of images"),
        (["--input=I"], "--output is missing: name the table to write"),
        (["--input=I", "--output=O.txt"], "O.txt must end in .csv"),
        (["--suspects", "--suggest=3", "--output=O.csv"], "leave --suggest and --input out"),
        (["--suggest=0", "--output=O.csv"], "--suggest"),
        (["--input=gone", "--output=O.csv"], "--input=gone: gone"),
        (["--input=I", "--point=x", "--output=O.csv"], "--point=x names 0 points"),
    ],
)
def test_what_predict_cannot_do_is_one_sentence(trained, photos, command, flags, said):
    flags = [flag.replace("=I", f"={photos / 'unlabelled'}") for flag in flags]
    done = command("predict", f"--workdir={trained[0].path}", *flags, path=photos.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
