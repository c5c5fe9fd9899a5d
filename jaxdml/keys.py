"""Random keys that follow from names: adding a part changes no draw of another."""

import zlib

import jax
from jax import Array


def named_key(key: Array, name: str) -> Array:
    """The key that belongs to a name.

    >>> key = jax.random.key(0)
    >>> bool(named_key(key, "view weak") == named_key(key, "view weak"))
    True
    >>> bool(named_key(key, "view weak") == named_key(key, "view strong"))
    False
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)
