"""`SemiSupervisedEmbedder`: an encoder of images or vectors, learned from few labels."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted, validate_data

from jaxdml.data import vectors
from jaxdml.estimator import configuration, files, inputs, progress
from jaxdml.estimator.trained import decoder, export
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.estimator.training import Member, steps_within, trained
from jaxdml.options import ConfigError, allow
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import Setting
from jaxdml.train import epoch
from jaxdml.types import Dataset, Split


# scikit-learn has no types
class SemiSupervisedEmbedder(TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Embeddings of images or vectors, learned from all of them and the labels of some.

    Args:
      method: the system that is trained: `few`, the recipe for few labels; or `dml` (labels alone),
        `ae`, `vae` (no labels), `dml_ae`, `dml_prior`, `mvae` (both).
      effort: `fast`, 1,500 steps, or `full`, 6,000 steps.
      steps: another number of steps; `None`: by the effort.
      max_seconds: about how long `fit` may take: the number of steps is chosen by timing a few, and
        is at most 6,000. It is kept as `n_steps_`; with the same `steps` another fit gives the same
        bytes. `None`: as long as the steps take.
      invariances: changes that keep the class of an image, like `("shift", "flip_horizontal")`, see
        `jaxdml.augment.INVARIANCES`. `None`: small shifts and scales, brightness and a missing
        part; of vectors noise and missing numbers.
      options: other fields of a configuration, like `{"loss.name": "supcon"}`; of files of images
        also `data.size` and `data.channels`.
      random_state: the seed: a whole number, a `RandomState`, or `None`: another one each time.
      verbose: whether `fit` prints how far it is, about every ten seconds.

    Attributes:
      classes_: the labels as they were given, sorted.
      n_features_in_: how many columns or, of images, rows of pixels X had.
      embeddings_: of the labelled rows, f32[L, D]; `labels_` are theirs, as numbers of `classes_`.
      n_steps_: how many steps were trained.
      setting_: what was trained, see `jaxdml.settings.setting.Setting`.
      params_: what was learned, as a plain tree of numpy arrays.

    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> x[20:] += 5
    >>> y = np.full(40, -1)
    >>> y[[0, 1, 20, 21]] = 0, 0, 1, 1
    >>> embedder = SemiSupervisedEmbedder("dml", steps=30, random_state=0).fit(x, y)
    >>> embedder.transform(x).shape, embedder.classes_
    ((40, 64), array([0, 1]))
    """

    def __init__(
        self,
        method: str = "few",
        *,
        effort: str = "fast",
        steps: int | None = None,
        max_seconds: float | None = None,
        invariances: tuple[str, ...] | None = None,
        options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.method = method
        self.effort = effort
        self.steps = steps
        self.max_seconds = max_seconds
        self.invariances = invariances
        self.options = options
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains an encoder.

        Args:
          X: images u8[N, H, W] or [N, H, W, C], or floats in [0, 1]; paths of image files; or
            vectors of numbers [N, d], also a frame of pandas or polars.
          y: a label each; -1 among whole numbers, None and NaN say that there is none. `None`: no
            row has a label, and the encoder learns from X alone.

        Raises:
          ValueError: for an X or y that is not as above, or fewer than two classes.
        """
        dataset, self.classes_ = self._dataset(X, y)
        rows = np.flatnonzero(np.asarray(dataset.train.y) >= 0)
        allow(self.get_params())
        try:
            setting = resolve(configuration.of(self, labelled=y is not None))
            if self.max_seconds is not None:
                within = steps_within(setting, dataset, self.max_seconds)
                setting = resolve({**setting, "train.steps": within})
            on_epoch = progress.printer(setting.epochs, self.verbose)
            [(_, network)] = trained([Member(setting, rows)], dataset, on_epoch)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if network is None:
            raise ValueError(
                "training was not finite: use a smaller train.learning_rate by options, or scale X"
            )
        on_data = setting.on(dataset)
        lengths = epoch.lengths(on_data.method.routine, on_data.sizes(len(rows)), setting.epochs)
        self._keep(TrainedNetwork(on_data, network, dataset.columns), sum(lengths))
        self.labels_ = np.asarray(dataset.train.y)[rows]
        self.embeddings_ = self.trained_.embed(dataset.train.x[rows])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The embeddings f32[N, D] of `X`, as `fit` reads it; of length 1 with the method `few`."""
        check_is_fitted(self)
        return self.trained_.embed(self._read(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The class probabilities f64[N, C] of `X`, as `fit` reads it, in the order of `classes_`.

        They are the softmax of class scores: by the class weights of the loss, or by nearness to
        the mean of each class's labelled embeddings.

        Raises:
          ValueError: if the encoder was fitted without labels.
        """
        check_is_fitted(self)
        self._need_labels("predict")
        return self.trained_.probabilities(self.transform(X), self.embeddings_, self.labels_)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row of `X`, as `fit` reads it."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the labelled rows whose class `predict` gives; others do not count.

        Args:
          X, y: as for `fit`.
          sample_weight: f64[N], of the rows; `None`: 1 each.

        Raises:
          ValueError: if no row has a label.
        """
        predicted = self.predict(X)
        labels = inputs.labels_of(y, len(predicted))
        rows = labels.numbers >= 0
        if not rows.any():
            raise ValueError("y has no label: there is nothing to score")
        right = labels.classes[labels.numbers[rows]] == predicted[rows]
        weights = None if sample_weight is None else np.asarray(sample_weight)[rows]
        return float(np.average(right, weights=weights))

    def kneighbors(self, X: Any, n_neighbors: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """The distances f64[N, k] to the nearest labelled embeddings, and their rows there.

        Args:
          X: as for `fit`.
          n_neighbors: k; the rows are of `embeddings_`.

        Raises:
          ValueError: if the encoder was fitted without labels, or with fewer than that.
        """
        check_is_fitted(self)
        self._need_labels("kneighbors")
        if not 1 <= n_neighbors <= len(self.embeddings_):
            raise ValueError(
                f"n_neighbors must be between 1 and {len(self.embeddings_)}, the number of "
                f"labelled rows, but is {n_neighbors}"
            )
        index = NearestNeighbors(n_neighbors=n_neighbors).fit(self.embeddings_)
        distances, rows = index.kneighbors(self.transform(X))
        return distances, rows

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """What the decoder makes of latents `Z`, f32[N, D]: images or vectors, as X was.

        Raises:
          ValueError: if the method has no decoder, or the latents have another dimension.
        """
        check_is_fitted(self)
        decoded = decoder.decoded(self.trained_, Z, self.method)
        return decoded[..., 0] if self.image_ndim_ == 3 else decoded

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """What the decoder makes of samples of the prior.

        Args:
          n_samples: how many.
          random_state: as for the embedder.

        Raises:
          ValueError: if the method has no decoder or no prior.
        """
        check_is_fitted(self)
        latents = decoder.sampled(
            self.trained_, n_samples, configuration.seed(random_state), self.method
        )
        return self.inverse_transform(latents)

    @property
    def setting_(self) -> Setting:
        """What was trained."""
        return self.trained_.on_data.setting

    @property
    def params_(self) -> Any:
        """What was learned, as a plain tree of numpy arrays: {"model": …, "terms": …}."""
        return self.trained_.params

    def export(self, path: str | Path, dtype: str = "float32") -> None:
        """Writes the encoder as StableHLO, to be run where jaxdml is not installed.

        `jax.export.deserialize(bytearray(path.read_bytes())).call(x)` gives embeddings of any
        number of rows: images [N, H, W, C], or vectors f32[N, d] in their own units.

        Args:
          path: of the file.
          dtype: of images: `float32`, in [0, 1], or `uint8`, from 0 to 255.

        Raises:
          ValueError: for another dtype.
        """
        check_is_fitted(self)
        export.write(self.trained_, Path(path), dtype)

    def save(self, path: str | Path) -> None:
        """Writes the fitted embedder to the `.npz` file at `path`, without pickle; see `load`."""
        check_is_fitted(self)
        files.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, trust: bool = False) -> Self:
        """A fitted embedder from the file at `path` that `save` has written.

        Args:
          path: of the file.
          trust: whether code from outside of the library may be imported which the file names, like
            a loss of one's own.

        Raises:
          ValueError: if it is no such file, or names code that is not to be imported.
        """
        return files.load(cls, Path(path), trust=trust)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the embedding's dimensions; `input_features` is not read."""
        check_is_fitted(self)
        dim = self.trained_.on_data.method.model.latent_dim
        return np.array([f"embedding{i}" for i in range(dim)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.three_d_array = True
        tags.target_tags.required = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "trained_")

    def _dataset(self, X: Any, y: Any) -> tuple[Dataset, np.ndarray]:
        """What `fit` was given as a data set, and the classes."""
        if inputs.are_files(X):
            try:
                x, notes = inputs.from_files(X, None, self.options or {})
            except ConfigError as error:
                raise ValueError(str(error)) from error
            for note in notes:
                warnings.warn(note, stacklevel=3)
        else:
            x = inputs.as_array(X)
        _check_size(x)
        self.image_ndim_ = x.ndim
        if x.ndim == 2:
            validate_data(self, X if hasattr(X, "columns") else x, skip_check_array=True)
        else:
            self.n_features_in_ = x.shape[1]
        labels = inputs.labels_of([None] * len(x) if y is None else y, len(x))
        if y is not None and len(labels.classes) < 2:
            raise ValueError(
                f"y must have labels of two classes or more, but has {len(labels.classes)} class: "
                "label rows of another one, or leave y out to learn from X alone"
            )
        columns = vectors.columns_of(x) if x.ndim == 2 else None
        images = inputs.images_of(x) if columns is None else vectors.as_images(x, columns)
        part, none = Split(images, labels.numbers), Split(images[:0], labels.numbers[:0])
        names = tuple(map(str, labels.classes)) if len(labels.classes) else ("0", "1")
        dataset = Dataset("X", part, none, none, names, "given to fit", columns=columns)
        return dataset, labels.classes

    def _read(self, X: Any) -> np.ndarray:
        """X as the network sees it, if it is as that of `fit`."""
        columns, shape = self.trained_.columns, self.trained_.on_data.image_shape
        if inputs.are_files(X) and columns is None:
            try:
                return inputs.from_files(X, shape, self.options or {})[0]
            except ConfigError as error:
                raise ValueError(str(error)) from error
        x = inputs.as_array(X)
        if not len(x):
            raise ValueError(
                f"Found array with 0 sample(s) (shape={x.shape}): at least 1 is needed"
            )
        if columns is not None and x.ndim == 2:
            validate_data(
                self, X if hasattr(X, "columns") else x, reset=False, skip_check_array=True
            )
            return vectors.as_images(x, columns)
        seen = x.shape[1:] if x.ndim == 4 else (*x.shape[1:], 1)
        if columns is not None or seen != shape:
            rows = (shape[1],) if columns is not None else shape
            raise ValueError(
                f"X must have rows of the shape {rows}, as in fit, but they are {x.shape[1:]}"
            )
        return inputs.images_of(x)

    def _keep(self, trained_network: TrainedNetwork, steps: int) -> None:
        self.trained_, self.n_steps_ = trained_network, steps

    def _need_labels(self, method_name: str) -> None:
        if not len(self.classes_):
            raise ValueError(
                f"{method_name} needs classes, but fit was given no labels: call fit(X, y) with "
                "the labels of some rows"
            )


def _check_size(x: np.ndarray) -> None:
    if not len(x):
        raise ValueError(f"Found array with 0 sample(s) (shape={x.shape}): at least 1 is needed")
    if len(x) < 2:
        raise ValueError(f"X has {len(x)} sample: two are the least")
    if 0 in x.shape:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={x.shape}) while a minimum of 1 is required."
        )
