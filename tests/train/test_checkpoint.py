"""What is saved comes back, wherever it lies."""

import jax
import numpy as np
import pytest

from jaxdml.train import checkpoint


@pytest.mark.parametrize("name", ["run", "run[1]", "a*b?", "with space", "ümlaut", "%20", "a'b\"c"])
def test_arrays_come_back_from_any_path(name, tmp_path):
    folder = tmp_path / name / "final"
    tree = {"a": np.arange(3, dtype=np.float32), "b": {"c": np.ones((2, 2), np.int32)}}
    checkpoint.save(folder, tree)
    checkpoint.save(folder, tree)  # over what is there
    template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)
    restored = checkpoint.restore(folder, template)
    np.testing.assert_array_equal(restored["a"], tree["a"])
    np.testing.assert_array_equal(restored["b"]["c"], tree["b"]["c"])
    assert [path.name for path in folder.parent.iterdir()] == ["final"]
