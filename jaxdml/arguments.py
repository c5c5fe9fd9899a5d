"""Array arguments are what a signature says: their shapes agree, and narrow floats are widened.

    @checked
    def loss(embeddings: Float[Array, "batch dim"], labels: Int[Array, " batch"]) -> …

    loss(z of (4, 2), labels of (4, 1))
    ValueError: loss: the shape of labels must be (batch,) = (4,), as that of embeddings is
    (batch, dim) = (4, 2), but is (4, 1)

Without it such labels would be broadcast to a matrix, and the result would be a wrong number.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import AbstractArray

F = TypeVar("F", bound=Callable[..., Any])
Sizes = dict[str, tuple[tuple[int, ...], str]]  # dimension → its sizes, and who said so


def checked(function: F) -> F:
    """The function, with its array arguments checked and widened before it is called.

    It reads the jaxtyping annotations of the signature. A name such as `batch` stands for one size
    in all of them; a number for itself; `*name` for any number of axes; with `#` before the name
    axes may be broadcast. An argument that is annotated `ArrayLike` is one number. The fields of a
    named tuple count as arguments. In a union of arrays the first one counts that has the value's
    kind of dtype and number of axes, else the first of all. `None`, other annotations and dtypes
    are not checked.

    Shapes are read while JAX traces: a compiled program has no trace of it. A float of fewer than
    32 bits becomes float32, so that counts and sums do not overflow; in a NumPy array that is meant
    to be one, float64. Its gradient still has the dtype that came.

    Args:
      function: its annotations are read once, here.

    Returns:
      A function with the same signature. It raises a `ValueError` that names the function, the
      argument, the shape that came and the one that is expected.

    >>> from jaxtyping import Array, Float
    >>> @checked
    ... def add(a: Float[Array, " n"], b: Float[Array, " n"]):
    ...     return a + b
    >>> add(jnp.ones(2), jnp.ones(1))
    Traceback (most recent call last):
        ...
    ValueError: add: the shape of b must be (n,) = (2,), as that of a is (n,) = (2,), but is (1,)
    >>> add(jnp.ones(2, "bfloat16"), jnp.ones(2, "float16")).dtype
    dtype('float32')
    """
    signature = inspect.signature(function)
    plans = {
        name: parameter_plan
        for name, parameter in signature.parameters.items()
        if (parameter_plan := _read(parameter.annotation)) is not None
    }

    title = function.__qualname__.rpartition("<locals>.")[2].lstrip("_")

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        bound = signature.bind(*arguments, **options)
        sizes: Sizes = {}
        narrow = False
        plan = {  # of this call
            name: _chosen(plans[name], value)
            for name, value in bound.arguments.items()
            if name in plans and value is not None
        }
        for name in plan:
            for label, array, dims, _ in _leaves(name, bound.arguments[name], plan[name]):
                _agree(title, label, dims, shape_of(array), sizes)
                narrow = narrow or _is_narrow(array)
        if not narrow:
            return function(*arguments, **options)
        for name in plan:
            bound.arguments[name] = _widened(bound.arguments[name], plan[name])
        return function(*bound.args, **bound.kwargs)

    return typing.cast(F, call)


def must_have(name: str, value: Any, shape: tuple[int, ...], why: str) -> Any:
    """`value`, if it has the shape.

    Args:
      name: what it is, for the error message.
      value: an array, a number, or nested lists.
      shape: the one expected.
      why: ends the sentence 'the shape of … must be …'.

    Raises:
      ValueError: if it has another.

    >>> must_have("log_prob(z)", jnp.zeros((3, 1)), (3,), "one number for each row of z")
    Traceback (most recent call last):
        ...
    ValueError: the shape of log_prob(z) must be (3,), one number for each row of z, but is (3, 1)
    """
    if shape_of(value) != tuple(shape):
        raise ValueError(
            f"the shape of {name} must be {tuple(shape)}, {why}, but is {shape_of(value)}"
        )
    return value


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of an array, a number, or nested lists, without looking at what they hold.

    >>> shape_of([[1, 2, 3], [4, 5, 6]]), shape_of(1.5)
    ((2, 3), ())
    """
    if hasattr(value, "shape"):
        return tuple(value.shape)
    if isinstance(value, (list, tuple)):
        return (len(value), *(shape_of(value[0]) if value else ()))
    return ()


# what an annotation says: the dimensions of one array and its type, or of the fields of a tuple
Dims = tuple[str, ...]
Plan = tuple[Dims, Any] | dict[str, Any]
Members = list[tuple[tuple[str, ...], tuple[Dims, Any]]]  # of a union: each with its dtypes


def _read(annotation: Any) -> Plan | Members | None:
    if annotation == ArrayLike:
        return (), ArrayLike
    if isinstance(annotation, type) and issubclass(annotation, AbstractArray):
        return tuple(annotation.dim_str.split()), annotation.array_type
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        hints = typing.get_type_hints(annotation)
        fields = {name: _read(hint) for name, hint in hints.items()}
        return {name: plan for name, plan in fields.items() if isinstance(plan, tuple)} or None
    union: Members = [
        (tuple(member.dtypes), (tuple(member.dim_str.split()), member.array_type))
        for member in typing.get_args(annotation)
        if isinstance(member, type) and issubclass(member, AbstractArray)
    ]
    if len(union) == 1:
        return union[0][1]
    return union or None


def _chosen(plan: Plan | Members, value: Any) -> Plan:
    """The plan itself; of a union, the member that the value is meant to be."""
    if not isinstance(plan, list):
        return plan
    for dtypes, (dims, kind) in plan:
        fits = _parts(dims, shape_of(value)) is not None
        if fits and str(getattr(value, "dtype", None)) in dtypes:
            return dims, kind
    return plan[0][1]


def _leaves(name: str, value: Any, plan: Plan) -> Iterator[tuple[str, Any, Dims, Any]]:
    """Name, array, dimensions and array type of all arrays of an argument."""
    if not isinstance(plan, dict):
        yield name, value, *plan
        return
    for field, (dims, kind) in plan.items():
        if (array := getattr(value, field)) is not None:
            yield f"{name}.{field}", array, dims, kind


def _agree(function: str, name: str, dims: Dims, shape: tuple[int, ...], sizes: Sizes) -> None:
    """Compares a shape with the sizes that are known, and adds those that it tells.

    Raises:
      ValueError: if it is another one.
    """
    parts = _parts(dims, shape)
    wrong = parts is None
    new_sizes: Sizes = {}
    for dim, part in zip(dims, parts or (), strict=False):
        key = dim.lstrip("*#")
        expected, teller = (
            sizes.get(key) or new_sizes.get(key) or (None, _described(name, dims, shape))
        )
        if dim == "...":
            continue
        if dim.isdecimal():
            wrong |= part != (int(dim),)
        elif "#" in dim and expected is not None:
            try:
                new_sizes[key] = np.broadcast_shapes(expected, part), teller
            except ValueError:
                wrong = True
        elif expected is None:
            new_sizes[key] = part, teller
        else:
            wrong |= part != expected
    if wrong:
        raise ValueError(_message(function, name, dims, shape, sizes))
    sizes |= new_sizes


def _parts(dims: Dims, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The axes that each dimension stands for; `None` where there are too few or too many."""
    variadic = ["*" in dim or dim == "..." for dim in dims]
    spare = len(shape) - len(dims) + 1  # what is left for the variadic dimension
    if spare < 0 or (spare != 1 and not any(variadic)):
        return None
    parts, start = [], 0
    for several in variadic:
        end = start + (spare if several else 1)
        parts.append(shape[start:end])
        start = end
    return parts


def _described(name: str, dims: Dims, shape: tuple[int, ...]) -> str:
    return f"that of {name} is {_listed(dims)} = {shape}"


def _message(function: str, name: str, dims: Dims, shape: tuple[int, ...], sizes: Sizes) -> str:
    entries = [sizes.get(dim.lstrip("*#")) for dim in dims]
    expected = _listed(dims)
    if any(entries):
        filled = [
            dim if entry is None else ", ".join(map(str, entry[0]))
            for dim, entry in zip(dims, entries, strict=True)
        ]
        expected += f" = {_listed(tuple(filled))}"
    tellers = dict.fromkeys(entry[1] for entry in entries if entry is not None)
    because = ", as " + " and ".join(tellers) if tellers else ""
    return f"{function}: the shape of {name} must be {expected}{because}, but is {shape}"


def _listed(dims: Dims) -> str:
    """The dimensions as Python prints a tuple, without quotes: `(batch, dim)`."""
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"


def _is_narrow(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4


def _widened(value: Any, plan: Plan) -> Any:
    if isinstance(plan, dict):
        fields = {field: _widened(getattr(value, field), plan[field]) for field in plan}
        return value._replace(**fields)
    if not _is_narrow(value):
        return value
    return np.asarray(value, np.float64) if plan[1] is np.ndarray else value.astype(np.float32)
