"""Why scores would say nothing, or some images must be wrong, told from labels and class scores."""

import numpy as np


def too_few(labels: np.ndarray) -> str | None:
    """Returns why test images with labels i32[M] cannot be split in three, or `None`.

    >>> too_few(np.array([0, 1]))
    '2 test images are too few to be split'
    """
    return f"{len(labels)} test images are too few to be split" if len(labels) < 3 else None


def no_pairs(labels: np.ndarray) -> str | None:
    """Returns why test images with labels i32[M] say nothing of retrieval, or `None`.

    Either no two of them are of one class, or all are.

    >>> no_pairs(np.array([0, 0, 0]))
    'all test images are of one class'
    """
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) == 1:
        return "all test images are of one class"
    return "no two test images are of one class" if counts.max() == 1 else None


def single_images(labels: np.ndarray) -> str | None:
    """Returns why test images with labels i32[M] say nothing of clustering, or `None`.

    Either there are no pairs, or fewer than two images for each class.

    >>> single_images(np.array([0, 0, 1]))
    '3 test images are of 2 classes, so that most clusters would be single images'
    """
    images, classes = len(labels), len(np.unique(labels))
    if (why := no_pairs(labels)) or 2 * classes <= images:
        return why
    return (
        f"{images} test images are of {classes} classes, so that most clusters would be single "
        "images"
    )


def alone(labels: np.ndarray) -> str | None:
    """Returns a sentence on how many test images are the only one of their class, or `None`.

    Args:
      labels: i32[M], of the test images.

    >>> alone(np.array([0, 0, 1]))
    '1 of 3 test images are alone in their class, and are not asked for'
    """
    counts = np.unique(labels, return_counts=True)[1]
    single = int((counts == 1).sum())
    message = (
        f"{single} of {counts.sum()} test images are alone in their class, and are not asked for"
    )
    return message if single else None


def no_scores(labels: np.ndarray, scores: np.ndarray) -> str | None:
    """Returns why class scores f[M, C] say nothing of test labels i32[M], or `None`.

    They are not finite, or name none of the labels' classes.

    >>> no_scores(np.array([2]), np.array([[0.0, 0.0, -np.inf]]))
    'no test image is of a class with a class score'
    """
    if not (scores < np.inf).all():  # nor NaN
        return "class scores are not finite"
    if not np.isin(labels, scored_classes(scores)).any():
        return "no test image is of a class with a class score"
    return None


def no_labelled(labels: np.ndarray, labelled: np.ndarray) -> str | None:
    """Returns a sentence if no test label i32[M] is among the labelled images' i32[L], else `None`.

    >>> no_labelled(np.array([1, 2]), np.array([0]))
    'no test image is of a class with a labelled image'
    """
    none = not np.isin(labels, labelled).any()
    return "no test image is of a class with a labelled image" if none else None


def scored_classes(scores: np.ndarray) -> np.ndarray:
    """Classes that are predicted for some image: those whose scores f[M, C] are not all −∞."""
    return np.flatnonzero((scores > -np.inf).any(axis=0))


def wrong(labels: np.ndarray, possible: np.ndarray, why: str) -> str | None:
    """Returns a sentence on how many test images are of classes never predicted, or `None`.

    Args:
      labels: i32[M], of the test images.
      possible: the classes that can be predicted.
      why: follows the word 'classes'.

    >>> wrong(np.array([0, 1, 1]), np.array([0]), "without a class score")
    '2 of 3 test images are of 1 class without a class score: they are wrong'
    """
    unseen = np.setdiff1d(labels, possible)
    count = np.isin(labels, unseen).sum()
    classes = f"{len(unseen)} {'class' if len(unseen) == 1 else 'classes'}"
    message = f"{count} of {len(labels)} test images are of {classes} {why}: they are wrong"
    return message if len(unseen) else None
