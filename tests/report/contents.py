"""What the tests of the report's page show on it."""

import io

import numpy as np
from matplotlib.figure import Figure

from jaxdml.report import page
from jaxdml.report.tables.table import ImageTable, Table


def png():
    buffer = io.BytesIO()
    Figure(figsize=(2, 1)).savefig(buffer)
    return buffer.getvalue()


def images(channels=1):
    return np.random.default_rng(0).integers(0, 256, (300, 4, 3, channels), dtype=np.uint8)


def scatter(title="ae", count=300):
    """Two rows of points, one above the other; every fifth is labelled."""
    i = np.arange(count)
    return page.Scatter(
        title=title,
        space="latent space",
        position=np.stack([i // 2, 40 * (i % 2)], axis=1).astype(np.float32),
        labels=(i % 2).astype(np.int32),
        training=i % 5 == 0,
        image=i.astype(np.int32)[::-1],
        neighbours=np.stack([(i + 2) % count, (i + 4) % count, i ^ 1], axis=1).astype(np.int32),
    )


def with_unlabelled():
    """The same, where the last ten are training images without a label."""
    some, rows = scatter(), np.arange(300)
    labels = np.where(rows < 290, some.labels, -1)
    return some._replace(labels=labels, training=some.training | (rows >= 290), unlabelled=2000)


def gallery(text, count=2):
    table = Table(text, [text, text, text], [[text] * 3] * count, 3, [text])
    return ImageTable(table, images()[:count])


SCORES = Table(
    "Scores",
    ["system", "labelled", "accuracy"],
    [["dml", "10", "0.90 ± 0.01"], ["ae", "1", "–"], ["dml_ae", "10", "0.10"], ["vae", "5", "−1"]],
    2,
    ["Mean ± standard deviation.", "Left out:", "- a: diverged\n- b: failed"],
)
FULL = {
    "title": "digits",
    "summary": "Four points.\n\n`thesis` first.",
    "notes": "How to read them.",
    "tables": [SCORES, Table("Times", ["system", "s"], [["ae", "1"]], 1)],
    "pictures": [page.Picture("Losses", "By `epoch`.", png())],
    "scatters": [scatter(), scatter("dml\naccuracy 0.9", 20)],
    "explored": page.Explored(images()),
    "classes": ["zero", "1"],
    "config": {"seed": 0, "model.hidden": [8, 4], "system": "ae", "prior.name": None},
    "warnings": ["a diverged."],
}
