"""What all points of a cohort share, from its configuration and its data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdml.evaluate import embed
from jaxdml.runs.planning.points import Cohort
from jaxdml.settings.setting import SettingOnData
from jaxdml.train import epoch, programs, step, streams
from jaxdml.types import Dataset, Method, Model, Params, Routine, TrainState


@dataclass(frozen=True)
class CohortSetup:
    """What all chunks of a cohort share. Nothing is compiled before it is first used."""

    first: SettingOnData  # names, lengths and pattern of phases are the same for all points
    dataset: Dataset
    sizes: streams.Sizes
    encode: embed.Encode
    collapse_check: Callable[..., Array] | None  # see `_collapse_check`
    capacity: int  # labelled rows that a point has room for

    @property
    def epochs(self) -> int:
        """How many epochs a training has."""
        return self.first.setting.epochs

    @property
    def assemble(self) -> programs.Assemble:
        """The function from a point's numbers to its method."""
        return self.first.assemble

    @property
    def method(self) -> Method:
        """The method of the first point."""
        return self.first.method

    @property
    def model(self) -> Model:
        """The model, which is the same for all points."""
        return self.method.model

    @property
    def routine(self) -> Routine:
        """The routine of the first point; its phases are the same for all points."""
        return self.method.routine

    @property
    def lengths(self) -> list[int]:
        """How many steps each epoch has."""
        return epoch.lengths(self.routine, self.sizes, self.epochs)

    @property
    def bytes_of_a_point(self) -> int:
        """How many bytes the state of a point takes."""
        leaves = jax.tree.leaves(self.template(1))
        return int(sum(leaf.size * leaf.dtype.itemsize for leaf in leaves))

    def embeddings(self, latents: np.ndarray) -> np.ndarray:
        """What losses and classifiers read of latents, f32[N, D] each."""
        return np.asarray(self.model.embedding(jnp.asarray(latents)))

    def patterns(self) -> dict[tuple[tuple[int, ...], int], int]:
        """Pattern of phases and number of steps → how many epochs have both: a program each."""
        counts: dict[tuple[tuple[int, ...], int], int] = {}
        for number, length in enumerate(self.lengths, 1):
            kind = self.routine.pattern(number), length
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def template(self, rows: int) -> TrainState:
        """The shapes and dtypes of the states of so many points; leading axis P."""
        return self.first.template(rows)


class Network(NamedTuple):
    """What is scored and kept of a trained network; a leading axis P where there are several."""

    params: Params  # {"model": …, "terms": …}: the last ones, or the average of all steps
    kept: Any  # {term: …}; `None` where it was not written


def setup_of(members: Cohort, dataset: Dataset) -> CohortSetup:
    """Makes the setup of a cohort from its first point."""
    first = members.points[0].setting.on(dataset)
    return CohortSetup(
        first=first,
        dataset=dataset,
        sizes=first.sizes(members.static.labelled_count),
        encode=embed.encoder(first.method.model),
        collapse_check=_collapse_check(first.assemble, first.method),
        capacity=members.capacity,
    )


def _collapse_check(assemble: programs.Assemble, method: Method) -> Callable[..., Array] | None:
    """The metric loss of embeddings, and what it would be were all of them at their mean.

    Returns:
      `(numbers, z f32[B, D], y i32[B], valid bool[B]) → f32[2]`, or `None` where there is no such
      loss, or where it learns class weights, which cannot be had here.
    """
    names = [name for name, term in step.terms(method.routine).items() if term.of_embeddings]
    if not names:
        return None

    @jax.jit
    def losses(numbers: Mapping[str, Any], z: Array, y: Array, valid: Array) -> Array:
        term = step.terms(assemble(numbers).routine)[names[0]]

        def loss(z: Array) -> Array:
            assert term.of_embeddings is not None
            return term.of_embeddings(z, y, valid)

        mean = jnp.mean(z, axis=0, keepdims=True, where=valid[:, None])
        return jnp.stack([loss(z), loss(jnp.broadcast_to(mean, z.shape))])

    return losses
