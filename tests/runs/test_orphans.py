"""Of the folder of checkpoints only our own are removed."""

import pytest

from jaxdml.runs.storage.folder import Folder

OURS = ("final/a", "final_kept/b", "epoch_3/c", "progress.json", "history.jsonl", ".lock")


def made(path, *files):
    for name in files:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"points": []}' if name == "progress.json" else "")


def test_a_checkpoint_that_nothing_needs_is_removed(tmp_path):
    made(tmp_path / "checkpoints" / "0123456789ab", *OURS)
    Folder(tmp_path).drop_orphans()
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("name", "file"),
    [("mine", "final/a"), ("0123456789ab", "notes.txt"), ("mine", "progress.json/x"), ("x", "y")],
)
def test_what_is_none_of_ours_stays(name, file, tmp_path):
    made(tmp_path / "checkpoints" / name, file)
    Folder(tmp_path).drop_orphans()
    assert (tmp_path / "checkpoints" / name / file).exists()


def test_a_link_is_not_followed(tmp_path):
    made(tmp_path / "elsewhere", *OURS)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "0123456789ab").symlink_to(tmp_path / "elsewhere")
    Folder(tmp_path).drop_orphans()
    assert (tmp_path / "elsewhere" / "final" / "a").exists()
