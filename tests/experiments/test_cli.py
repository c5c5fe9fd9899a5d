"""The commands as users call them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # programs compile faster, and run slower
FAST = ["--config.train.epochs=2", "--config.model.hidden=(8,)"]


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory, command):
    workdir = tmp_path_factory.mktemp("cli") / "one"
    words = [*FAST, "--config.data.labelled_count=None"]  # as messages advise
    done = command("train", "--config=configs/digits.py", f"--workdir={workdir}", *words)
    return workdir, done


def test_training_prints_the_table_and_where_things_lie(trained_run):
    workdir, done = trained_run
    assert done.returncode == 0, done.stderr
    assert "| thesis kNN accuracy |" in done.stdout
    for file in ("results.csv", "report/report.html"):
        assert str(workdir / file) in done.stdout
        assert (workdir / file).is_file()
    for file in ("report.md", "latent.png", "latent.svg", "tables/scores.tex"):
        assert (workdir / "report" / file).is_file()
    assert "1/1 points" in done.stderr


def test_what_nothing_reads_is_pointed_out(trained_run, command):
    workdir, _ = trained_run
    flags = ["--config=configs/digits.py", f"--workdir={workdir}", *FAST]
    done = command("train", *flags, "--config.routine.gamma=5")
    assert done.returncode == 2, "another base configuration"
    assert done.stderr.startswith("note: nothing reads --config.routine.gamma here\n")


def test_the_report_can_be_had_again_also_from_what_was_kept(trained_run, command, tmp_path):
    workdir, done = trained_run
    keep = tmp_path / "results" / "one"
    again = command("report", f"--workdir={workdir}", f"--keep={keep}")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout + f"kept     {keep}\n"
    names = {file.name for file in keep.iterdir()}
    text = {"config.json", "classes.json", "results.csv", "history.csv", "notes.csv", "report.md"}
    assert names == {*text, "curves.png", "per_class.csv", "baselines.json", "points.json"}
    small = command("report", f"--workdir={tmp_path / 'results'}")
    assert small.returncode == 0, small.stderr
    table = small.stdout.split("results  ")[0]
    assert table == done.stdout.split("results  ")[0]
    assert table.strip() in (keep / "report.md").read_text()
    assert (keep / "report" / "report.html").exists()


def test_runs_are_compared_by_name(trained_run, command, tmp_path):
    workdir, _ = trained_run
    shutil.copytree(workdir, tmp_path / "other")
    output = tmp_path / "both"
    done = command("compare", workdir, tmp_path / "other", f"--output={output}")
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line[:1] == "|"]
    assert rows[0] == "run"
    baselines = [workdir.name] * 2 + ["other"] * 2
    assert rows[2:] == [workdir.name, "other", *baselines]
    assert f"report   {output / 'report.html'}" in done.stdout
    alone = command("compare", workdir, f"{workdir}/", f"--output={output}")
    assert (alone.returncode, alone.stderr) == (
        2,
        "error: name two or more run folders, like runs/one runs/two\n",
    )


def test_a_finished_run_is_scored_again_and_embeds_new_images(trained_run, tmp_path, command):
    workdir, _ = trained_run
    by = ["--protocols=thesis,cluster", "--classifiers=knn,rf", "--embeddings=mean"]
    scored = command("evaluate", f"--workdir={workdir}", *by)
    assert scored.returncode == 0, scored.stderr
    assert "labelled kNN" in scored.stdout  # what there was is still there
    assert "1/1 points\n" in scored.stderr
    table = (workdir / "results.csv").read_text()
    assert all(f"thesis,{name},mean,accuracy" in table for name in ("knn", "rf"))
    assert "cluster,kmeans,mean,ari" in table
    wrong = command("evaluate", f"--workdir={workdir}", "--protocols=clutser")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "error: eval.protocols must be one of cluster, full, labelled, propagated, retrieval, "
        "scores, thesis, transductive, or a dotted path like my_package.my_module:make, "
        "but is 'clutser'\n"
    )
    x = np.random.default_rng(0).integers(0, 256, (7, 8, 8), np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    np.savez(tmp_path / "float.npz", x=(x / 255)[..., None])
    point = next((workdir / "points").iterdir()).name
    z = []
    for name in ("x", "float"):
        done = command(
            "embed", f"--workdir={workdir}", f"--point={point[:4]}",
            f"--input={tmp_path / name}.npz", f"--output={tmp_path / name}_z.npz",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        z.append(np.load(tmp_path / f"{name}_z.npz")["z"])
    assert z[0].shape == (7, 2)
    np.testing.assert_allclose(z[0], z[1], rtol=1e-4, atol=1e-6)
    table = tmp_path / "new" / "z.csv"
    done = command(
        "embed", f"--workdir={workdir}", f"--point={point}",
        f"--input={tmp_path / 'x.npz'}", f"--output={table}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert table.read_text().startswith("z0,z1\n")
    np.testing.assert_array_equal(np.loadtxt(table, "f", delimiter=",", skiprows=1), z[0])


def test_a_finished_run_goes_on_and_another_begins_with_it(trained_run, tmp_path, command):
    shutil.copytree(trained_run[0], tmp_path / "one")
    done = command("train", f"--workdir={tmp_path / 'one'}", "--extend=1")
    assert done.returncode == 0, done.stderr
    assert "one/points/" in done.stderr.partition("training begins with")[2]
    points = {file.parent.name for file in tmp_path.glob("one/points/*/result.json")}
    [longer] = points - {file.parent.name for file in trained_run[0].glob("points/*/result.json")}
    done = command(
        "train", "--config=configs/digits.py", f"--workdir={tmp_path / 'two'}", *FAST,
        f"--warm_start={tmp_path / 'one'}", "--config.data.labelled_count=60",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"training begins with {tmp_path / 'one' / 'points' / longer}" in done.stderr


def test_a_finished_run_is_exported_and_the_command_says_how_to_look_at_it(trained_run, command):
    pytest.importorskip("tensorboardX")
    workdir, _ = trained_run
    done = command("export", f"--workdir={workdir}", "--to=tensorboard")
    assert done.returncode == 0, done.stderr
    into = workdir / "tensorboard"
    assert done.stdout == f"to look at it: tensorboard --logdir={into}\n"
    assert done.stderr == "1/1 points\n"
    [point] = (workdir / "points").iterdir()
    [folder] = [path for path in into.iterdir() if path.is_dir()]
    assert folder.name == f"dml_ae_seed_0_{point.name}"


def test_a_report_that_cannot_be_written_is_one_sentence(trained_run, command, tmp_path):
    shutil.copytree(trained_run[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "report")
    (tmp_path / "run" / "report").touch()
    done = command("report", f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the report cannot be written to ")
    assert "Traceback" not in done.stderr


def test_a_configuration_that_returns_nothing_is_told_so(command, tmp_path):
    file = "tests/third_party/no_return.py"
    code, _, complaint = command("train", f"--config={file}", f"--workdir={tmp_path / 'run'}")
    assert code == 2
    assert complaint.endswith(
        f"error: --config={file}: get_config() must return a ConfigDict, but returns nothing: does "
        "it lack its return statement?\n"
    )


def test_a_grid_says_its_plan_and_a_second_call_trains_nothing(tmp_path, command):
    config = tmp_path / "small_grid.py"
    config.write_text(
        "from configs import digits\n"
        "def get_config():\n"
        "    config = digits.get_config()\n"
        "    config.train.epochs = 1\n"
        "    config.model.hidden = (8,)\n"
        "    return config\n"
        "def get_grid():\n"
        "    return ({'system': ('ae',), 'seed': (0, 1)},)\n"
        "QUICK = {'train.batch_size': 64}\n"
    )
    flags = [f"--config={config}", f"--workdir={tmp_path / 'run'}"]
    plan = command("grid", *flags, "--dry_run", "--config.train.width=auto")
    assert "1 cohort, 2 points, 1 program to compile" in plan.stdout
    assert re.search(
        r"all: about \d+ s, and \d+ MiB on a device; scoring comes on top", plan.stdout
    )
    quick = command("grid", *flags, "--dry_run", "--config.quick=True")
    assert "1 point, 1 epochs of batches of 64" in quick.stdout
    one = command("train", *flags, "--dry_run")
    assert "1 point, 1 epochs of batches of 128" in one.stdout
    assert not (tmp_path / "run").exists()
    first, second = command("grid", *flags), command("grid", *flags)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout == first.stdout
    said = (tmp_path / "run" / "command.txt").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d jaxdml grid --config=\S+ --workdir=\S+\n", said)
    assert "2/2 points" in first.stderr
    assert re.search(r"note: 2 compiled programs; compiling [\d.]+ s, training", first.stderr)
    assert second.stderr == ""
    assert "2 of 2 points are finished already" in command("grid", *flags, "--dry_run").stdout
    refused = command("grid", *flags, "--config.train.batch_size=32")
    assert refused.returncode == 2
    assert "another base configuration (train.batch_size 128 → 32)" in refused.stderr


def test_a_configuration_is_told_a_word_after_a_colon(tmp_path, command):
    config = tmp_path / "efforts.py"
    config.write_text(
        "from configs import digits\n"
        "def get_config(effort):\n"
        "    config = digits.get_config()\n"
        "    config.train.epochs = {'short': 3}[effort]\n"
        "    config.model.hidden = (8,)\n"
        "    return config\n"
        "def get_grid():\n"
        "    return ({'system': ('ae',)},)\n"
    )
    done = command("grid", f"--config={config}:short", "--dry_run")
    assert "1 point, 3 epochs of batches" in done.stdout, done.stderr


def test_a_job_script_asks_slurm_for_what_was_said(command):
    done = command("slurm", "--show", "--queue=gpu", "--gres=gpu:4", "--prologue=module load cuda")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {"#SBATCH -p gpu", "#SBATCH --gres=gpu:4", "module load cuda"} <= set(lines)
    assert lines[-1].endswith("--nthreads 1") or lines[-2].endswith("--nthreads 1")
