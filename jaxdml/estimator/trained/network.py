"""A trained network, and what it says of images: embeddings, class scores, probabilities."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.evaluate import embed
from jaxdml.evaluate.scores import class_means
from jaxdml.runs.planning.cohort_setup import Network
from jaxdml.settings.setting import SettingOnData
from jaxdml.train import step
from jaxdml.types import Columns


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, with the setting that it is of."""

    on_data: SettingOnData
    network: Network
    columns: Columns | None  # of vectors

    @property
    def params(self) -> Any:
        """What was learned, as a plain tree of numpy arrays: {"model": …, "terms": …}."""
        return jax.tree.map(np.asarray, self.network.params)

    @functools.cached_property
    def _encode(self) -> embed.Encode:
        return embed.encoder(self.on_data.method.model)

    def __getstate__(self) -> dict[str, Any]:
        # what is compiled does not travel to other processes
        return {name: getattr(self, name) for name in ("on_data", "network", "columns")}

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embeddings f32[N, D] of images, u8[N, H, W, C] or f32, or of standardised vectors."""
        latents = self._encode(self.network.params["model"], images)[0]
        return np.asarray(self.on_data.method.model.embedding(jnp.asarray(latents)))

    def probabilities(
        self, embeddings: np.ndarray, labelled: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """The softmax of class scores, f64[N, C].

        Args:
          embeddings: f32[N, D].
          labelled: f32[L, D], embeddings of the labelled rows.
          labels: i32[L].
        """
        scores = self.class_scores(embeddings, labelled, labels).astype(np.float64)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def class_scores(
        self, embeddings: np.ndarray, labelled: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Class scores, f[N, C]: −∞ for a class without a labelled row; else as `probabilities`."""
        term, network, classes = (
            step.scorer(self.on_data.method.routine),
            self.network,
            self.on_data.classes,
        )
        if term is None or term.class_scores is None or network.kept is None:
            return class_means.class_scores(embeddings, labelled, labels, classes)
        params, kept = network.params["terms"][term.name], network.kept[term.name]
        scores = np.asarray(jax.jit(term.class_scores)(params, kept, embeddings))
        return np.where(np.isin(np.arange(classes), labels), scores, -np.inf)
