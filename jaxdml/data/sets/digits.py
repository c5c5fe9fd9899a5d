"""The 1,797 handwritten digits of 8 × 8 pixels that ship inside scikit-learn: no download."""

from pathlib import Path

import numpy as np

from jaxdml.types import Dataset, Split


def make(data_dir: Path) -> Dataset:
    """1,197 images to train, 150 to validate, 450 to test; stratified, always the same split.

    Args:
      data_dir: not read: scikit-learn ships the images.

    >>> d = make(Path("."))
    >>> d.train.x.shape, d.train.x.dtype, len(d.validation.y), len(d.test.y)
    ((1197, 8, 8, 1), dtype('uint8'), 150, 450)
    """
    # takes a second or two, which no other set is to wait for
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    # 17 grey levels, 0 … 16, spread over the range of uint8
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    y = bunch.target.astype(np.int32)
    rest, test = train_test_split(np.arange(len(y)), test_size=450, stratify=y, random_state=0)
    train, validation = train_test_split(rest, test_size=150, stratify=y[rest], random_state=0)
    return Dataset(
        name="digits",
        train=Split(x[train], y[train]),
        validation=Split(x[validation], y[validation]),
        test=Split(x[test], y[test]),
        classes=tuple("0123456789"),
        source="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998, UCI), "
        "as shipped in scikit-learn; CC BY 4.0",
        invariances=("shift", "scale", "rotate", "erase"),
    )
