"""An encoder as StableHLO: it runs where JAX is installed, without jaxdml."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, export

from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.options import one_of
from jaxdml.runs.storage.files import write as write_file

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def write(trained: TrainedNetwork, path: Path, dtype: str) -> None:
    """Writes the encoder to a file, for any number of rows.

    Args:
      trained: the network.
      path: of the file.
      dtype: of images, `float32` or `uint8`; vectors are `float32`.

    Raises:
      ValueError: for another dtype, or where flatbuffers is not installed.
    """
    one_of("dtype", dtype, ("float32",) if trained.columns is not None else ("float32", "uint8"))
    model, params = trained.on_data.method.model, trained.network.params["model"]
    height, width, channels = trained.on_data.image_shape
    columns = trained.columns

    def encode(x: Array) -> Array:
        if columns is not None:
            # the mean as two float32, so that little is lost where it is far from 0
            upper = np.asarray(columns.mean, np.float32)
            lower = np.asarray(columns.mean - upper, np.float32)
            deviation = np.asarray(columns.deviation, np.float32)
            x = ((x - upper[None]) - lower[None]) / deviation[None]
            x = x[:, None, :, None]
        if x.dtype == jnp.uint8:
            x = x.astype(jnp.float32) / 255
        with jax.default_matmul_precision("highest"):
            return model.embedding(model.encode(params, x)[0])

    shape = f"rows, {width}" if columns is not None else f"rows, {height}, {width}, {channels}"
    rows = jax.ShapeDtypeStruct(export.symbolic_shape(shape), dtype)
    exported = export.export(jax.jit(encode), platforms=PLATFORMS)(rows)
    try:
        content = exported.serialize()
    except ImportError as error:
        raise ValueError("an export needs flatbuffers: pip install 'jaxdml[stablehlo]'") from error
    write_file(path, bytes(content))
