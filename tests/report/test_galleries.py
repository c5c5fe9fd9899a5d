"""What is left in a run folder to be seen comes back: the first rows, each with its picture."""

import numpy as np
import pytest

from jaxdml.report.galleries import galleries
from jaxdml.report.tables.table import ImageTable, Table
from jaxdml.runs.storage import image_tables
from jaxdml.runs.storage.folder import Folder


def found(count, dtype=np.uint8):
    body = [[f"caf\\xe9/{i}.png", "cat", "run", "abc"] for i in range(count)]
    table = Table("Suspects", ("file", "label", "run", "point"), body, 2, ["A note."])
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 4, 3)).astype(dtype)
    return ImageTable(table, images / 255 if dtype == np.float32 else images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_first_rows_come_back_with_their_pictures(tmp_path, dtype):
    run_folder = Folder(tmp_path)
    image_tables.write(run_folder, "abc", "suspects", found(30, dtype))
    image_tables.write(run_folder, "abc", "suspects", found(40, dtype))  # the last counts
    [(table, images)] = galleries([{"folder": run_folder, "point": "abc"}])
    assert (table.title, table.heading) == ("Suspects", ["file", "label"])
    assert table.body == [[f"caf\\xe9/{i}.png", "cat"] for i in range(24)]
    assert table.notes == ["The first 24 of 40 are shown.", "A note."]
    np.testing.assert_array_equal(images, found(40).images[:24])


def test_each_point_has_its_own_and_most_have_none(tmp_path):
    run_folder = Folder(tmp_path)
    image_tables.write(run_folder, "abc", "suggestions", found(2))
    results = [{"folder": run_folder, "point": name} for name in ("abc", "def")]
    [(table, images)] = galleries(results)
    assert table.title == "Suspects, by point abc"
    assert (len(table.body), len(images), table.notes) == (2, 2, ["A note."])
