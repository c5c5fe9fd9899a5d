from types import SimpleNamespace

import numpy as np
import pytest

from jaxdml import config
from jaxdml.runs import judge


@pytest.mark.parametrize(("spread", "said"), [(0.1, False), (100.0, True)])
def test_good_neighbours_are_no_collapse_though_the_loss_may_be_that_of_a_point(spread, said):
    random, y = np.random.default_rng(0), np.arange(40) % 4
    shop = SimpleNamespace(
        at_a_point=lambda *_: np.array([0.2, 0.2]), sizes=SimpleNamespace(batch_size=32)
    )
    z = np.eye(4)[y] + spread * random.normal(size=(40, 4))
    resolved = config.resolve({"system": "dml"})
    assert bool(judge._learned_nothing(shop, resolved, z, y)) == said
