"""The first rows of a table with a picture each, as `predict` leaves them for the report page.

`points/<id>/suggestions.npz` and `suspects.npz` hold the pictures too: so the page needs neither
the training images nor the photos that were suggested.
"""

import json

import numpy as np

from jaxdml.report.tables.table import ImageTable, Table
from jaxdml.runs.storage import files, folder

NAMES = ("suggestions", "suspects")
MOST = 24  # rows of a table


def write(run_folder: folder.Folder, point: str, name: str, found: ImageTable) -> None:
    """Replaces a table of a point by the first rows of another; a note says where there are more.

    Args:
      run_folder: its run folder.
      point: its id.
      name: of the table, one of `NAMES`.
      found: all rows.
    """
    body, count = found.table.body[:MOST], len(found.table.body)
    few = [f"The first {MOST} of {count:,} are shown."] if count > MOST else []
    kept = found.table._replace(body=body, notes=[*few, *found.table.notes])
    arrays = {"table": np.array(json.dumps(kept._asdict())), "images": found.images[:MOST]}
    files.write_npz(run_folder.point(point) / f"{name}.npz", arrays)


def read(run_folder: folder.Folder, point: str, name: str) -> ImageTable | None:
    """A table of a point, if there is one."""
    file = run_folder.point(point) / f"{name}.npz"
    if not file.exists():
        return None
    with np.load(file) as arrays:
        return ImageTable(Table(**json.loads(str(arrays["table"]))), arrays["images"])
