"""How sure a mean over seeds is, and whether one setting beats another at equal seeds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 9999


class Estimate(NamedTuple):
    """A mean over seeds."""

    n: int
    mean: float
    std: float | None  # of the sample, with n - 1; `None` for a single value
    low: float | None  # the 95 % interval of the mean
    high: float | None

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of 0, else 0.

        Of fewer than three values it is 0: their interval says next to nothing.
        """
        if self.low is None or self.high is None or self.n < 3:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, standard deviation, and 95 % interval by the percentile bootstrap (Efron 1979).

    The interval is too narrow for a handful of values: of three it covers the true mean of a normal
    distribution about 75 times in 100, of five 85 times.

    Args:
      values: finite, at least one; the order does not matter.

    >>> estimate([0.5, 0.5, 0.5])
    Estimate(n=3, mean=0.5, std=0.0, low=0.5, high=0.5)
    >>> estimate([0.25]).low is None
    True
    """
    x = np.sort(np.asarray(values, float))
    mean = float(x.mean())
    if len(x) == 1:
        return Estimate(1, mean, None, None, None)
    if x[0] == x[-1]:
        return Estimate(len(x), mean, 0.0, mean, mean)
    found = bootstrap(
        (x,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(len(x), mean, float(x.std(ddof=1)), float(found.low), float(found.high))


def paired(a: Mapping[Any, float], b: Mapping[Any, float]) -> Estimate | None:
    """The mean of a − b over what both have: the same seed and the same labelled images.

    Args:
      a, b: what is paired → value.

    Returns:
      `None` if they have nothing in common.

    >>> paired({0: 0.75, 1: 0.5, 2: 0.0}, {0: 0.25, 1: 0.0}).mean
    0.5
    """
    both = [key for key in a if key in b]
    return estimate([a[key] - b[key] for key in both]) if both else None
