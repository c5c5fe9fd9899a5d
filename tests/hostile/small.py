"""A small run whose classes, files and folders have the names of somebody who means harm."""

import numpy as np

import jaxdml

NAMES = (
    "<script>window.ran=1</script>",
    '"><img src=x onerror=window.ran=2>',
    "</script><!--<script>",
    "=cmd()|'/C calc'!A0",
    "@SUM(1)",
    "\\input{/etc/passwd}",
    "$\\write18{ls}$ and $\\frac{$",
    "%0a |`tick`| ${x} {{y}}",
    "two\nlines\r\nand\ta tab",
    "[x](javascript:window.ran=3) ![y](http://127.0.0.1:9/z.png)",
    "\x1b[2J\x1b]0;title\x07[red]markup[/red]",
    "a\x00b",
    "\u202egnp.exe",
    "../../x",
    "l" * 300,
)
CONFIG = {
    "system": "dml",
    "data.name": "arrays",
    "train.epochs": 1,
    "train.batch_size": 8,
    "model.hidden": (4,),
    "model.latent_dim": 2,
    "loss.name": "supcon",
    "eval.baselines": (),
    "eval.protocols": ("labelled",),
}


def arrays():
    """Four images of each class, two of them to test."""
    random = np.random.default_rng(0)
    y = np.arange(4 * len(NAMES), dtype=np.int32) % len(NAMES)
    x = (16 * y[:, None, None] + random.integers(0, 16, (len(y), 4, 4))).astype(np.uint8)
    test = slice(0, 2 * len(NAMES))
    rest = slice(2 * len(NAMES), None)
    return {"x": x[rest], "y": y[rest], "x_test": x[test], "y_test": y[test]}


def study(folder, name="plain", **changes):
    """A run of these names; `name` is that of the file and of the run folder."""
    path = folder / f"{name}.npz"
    np.savez(path, classes=np.array(NAMES), **arrays())
    run_folder = folder / f"{name} run"
    return jaxdml.study(
        CONFIG | {"data.path": str(path)} | changes, run_folder=run_folder, data_dir=folder
    )
