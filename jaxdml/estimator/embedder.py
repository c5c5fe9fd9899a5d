"""`SemiSupervisedEmbedder`: an encoder of images or vectors, learned from few labels."""

import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from jaxdml.configs.few import STEPS
from jaxdml.estimator import files, inputs
from jaxdml.estimator.training import trained
from jaxdml.evaluate import embed
from jaxdml.evaluate.scores.class_means import class_scores
from jaxdml.options import ConfigError
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import Setting
from jaxdml.settings.systems import FEW
from jaxdml.train import step
from jaxdml.types import Dataset, Split

# of vectors: no convolution
OF_VECTORS: Mapping[str, Any] = {"model.encoder": "mlp"}
OF_NETWORK = ("model", "train", "optimizer")  # sections that every method has from the recipe


# scikit-learn has no types
class SemiSupervisedEmbedder(TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Embeddings of images or vectors, learned from all of them and the labels of some.

    Args:
      method: the system that is trained: `few`, the recipe for few labels; or `dml` (labels alone),
        `ae`, `vae` (no labels), `dml_ae`, `dml_prior`, `mvae` (both).
      effort: `fast`, 1,500 steps, or `full`, 6,000 steps.
      steps: another number of steps; `None`: by the effort.
      invariances: changes that keep the class of an image, like `("shift", "flip_horizontal")`, see
        `jaxdml.augment.INVARIANCES`. `None`: small shifts and scales, brightness and a missing
        part; of vectors noise and missing numbers.
      options: other fields of a configuration, like `{"loss.name": "supcon"}`.
      random_state: the seed: a whole number, a `RandomState`, or `None`: another one each time.
      verbose: whether `fit` prints how far it is, about every ten seconds.

    Attributes:
      classes_: the labels as they were given, sorted.
      n_features_in_: how many columns or, of images, rows of pixels X had.
      embeddings_: of the labelled rows, f32[L, D]; `labels_` are theirs.
      setting_: what was trained, see `jaxdml.settings.setting.Setting`.

    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> x[20:] += 5
    >>> y = np.full(40, -1)
    >>> y[[0, 1, 20, 21]] = 0, 0, 1, 1
    >>> embedder = SemiSupervisedEmbedder(steps=30, random_state=0).fit(x, y)
    >>> embedder.transform(x).shape, embedder.classes_
    ((40, 64), array([0, 1]))
    """

    def __init__(
        self,
        method: str = "few",
        *,
        effort: str = "fast",
        steps: int | None = None,
        invariances: tuple[str, ...] | None = None,
        options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.method = method
        self.effort = effort
        self.steps = steps
        self.invariances = invariances
        self.options = options
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains an encoder.

        Args:
          X: images u8[N, H, W] or [N, H, W, C], or floats in [0, 1]; or vectors of numbers [N, d],
            also a frame.
          y: a label each; -1 among whole numbers, None and NaN say that there is none. `None`: no
            row has a label, and the encoder learns from X alone.

        Raises:
          ValueError: for an X or y that is not as above, or fewer than two classes.
        """
        x = self._read(X, reset=True)
        labels = inputs.labels_of([None] * len(x) if y is None else y, len(x))
        if y is not None and len(labels.classes) < 2:
            raise ValueError(
                f"y must have labels of two classes or more, but has {len(labels.classes)} class: "
                "label rows of another one, or leave y out to learn from X alone"
            )
        self.scale_ = inputs.scale_of(x) if x.ndim == 2 else None
        images = inputs.images_of(x, self.scale_)
        self.classes_ = labels.classes
        part, none = Split(images, labels.numbers), Split(images[:0], labels.numbers[:0])
        names = tuple(map(str, labels.classes)) if len(labels.classes) else ("0", "1")
        dataset = Dataset("X", part, none, none, names, "given to fit")
        try:
            setting = self._setting(y is not None)
            self.on_data_ = setting.on(dataset)
            self.network_, finite = trained(setting, dataset, self._reporter(setting))
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if not finite:
            raise ValueError(
                "training was not finite: use a smaller train.learning_rate by options, or scale X"
            )
        self.setting_ = setting
        self.n_steps_ = int(setting["train.steps"])
        rows = np.flatnonzero(labels.numbers >= 0)
        self.labels_ = labels.numbers[rows]
        self.embeddings_ = self._embed(images[rows])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embeddings f32[N, D]: of length 1 with the method `few`."""
        check_is_fitted(self)
        return self._embed(inputs.images_of(self._read(X), self.scale_))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, f64[N, C], in the order of `classes_`.

        They are the softmax of class scores: by the class weights of the loss, or by nearness to
        the mean of each class's labelled embeddings.

        Raises:
          ValueError: if the encoder was fitted without labels.
        """
        check_is_fitted(self)
        self._need_labels("predict")
        scores = self._class_scores(self.transform(X)).astype(np.float64)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row; arguments as for `predict_proba`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def kneighbors(self, X: Any, n_neighbors: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Distances f64[N, k] to the nearest labelled embeddings, and their rows in `embeddings_`.

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
        """What the decoder makes of latents f32[N, D]: images or vectors, as X was.

        Raises:
          ValueError: if the method has no decoder, or the latents have another dimension.
        """
        check_is_fitted(self)
        model = self.on_data_.method.model
        z = np.asarray(Z, np.float32)
        if z.ndim != 2 or z.shape[1] != model.latent_dim:
            raise ValueError(f"Z must be (n, {model.latent_dim}), but its shape is {z.shape}")
        decoded = model.decode(self.network_.params["model"], jnp.asarray(z))
        if decoded is None:
            raise ValueError(
                f"method={self.method!r} has no decoder: use one with a reconstruction, like 'ae', "
                "'vae' or 'dml_ae'"
            )
        if self.setting_.get("reconstruction.name") == "bernoulli":
            decoded = jax.nn.sigmoid(decoded)
        images = np.asarray(decoded)
        if self.scale_ is not None:
            return images[:, 0, :, 0] * self.scale_.deviation + self.scale_.mean
        return images[..., 0] if self.image_ndim_ == 3 else images

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """What the decoder makes of samples of the prior.

        Raises:
          ValueError: if the method has no decoder or no prior.
        """
        check_is_fitted(self)
        method = self.on_data_.method
        terms = step.terms(method.routine)
        priors = {name: term.prior for name, term in terms.items() if term.prior is not None}
        if not priors:
            raise ValueError(f"method={self.method!r} has no prior: use 'vae', or 'mvae'")
        name, make = next(iter(priors.items()))
        params = self.network_.params
        prior = make(method.model.latent_dim, method.classes)

        def encode(x: Any) -> Any:
            return method.model.encode(params["model"], x)

        key = jax.random.key(_seed(random_state))
        return self.inverse_transform(prior.sample(params["terms"][name], key, n_samples, encode))

    def save(self, path: str | Path) -> None:
        """Writes the fitted embedder to one file, `.npz`, without pickle; see `load`."""
        check_is_fitted(self)
        files.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """A fitted embedder from a file that `save` has written.

        Raises:
          ValueError: if it is no such file.
        """
        return files.load(cls, Path(path))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the embedding's dimensions, for `set_output`."""
        check_is_fitted(self)
        dim = self.on_data_.method.model.latent_dim
        return np.array([f"embedding{i}" for i in range(dim)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.three_d_array = True
        tags.target_tags.required = False
        return tags

    def _read(self, X: Any, reset: bool = False) -> np.ndarray:
        """X as an array; its shape is kept, or compared with what `fit` saw."""
        columns = getattr(X, "columns", None)
        x = inputs.as_array(X)
        if not len(x):
            raise ValueError(
                f"Found array with 0 sample(s) (shape={x.shape}): at least 1 is needed"
            )
        if reset:
            if len(x) < 2:
                raise ValueError(f"X has {len(x)} sample: two are the least")
            if 0 in x.shape:
                raise ValueError(
                    f"Found array with 0 feature(s) (shape={x.shape}) while a minimum of 1 is "
                    "required."
                )
            self.n_features_in_ = x.shape[1]
            self.image_ndim_, self._row_shape = x.ndim, x.shape[1:]
            if columns is not None:
                self.feature_names_in_ = np.asarray(columns, object)
        elif x.shape[1:] != self._row_shape:
            if x.ndim == 2 and self.image_ndim_ == 2:
                raise ValueError(
                    f"X has {x.shape[1]} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input"
                )
            raise ValueError(
                f"X must have rows of the shape {self._row_shape}, as in fit, but they are "
                f"{x.shape[1:]}"
            )
        return x

    def _setting(self, labelled: bool) -> Setting:
        """What the parameters ask for."""
        if self.effort not in STEPS:
            raise ValueError(f"effort must be one of {', '.join(STEPS)}, but is {self.effort!r}")
        method = self.method
        if method == "few" and not labelled:
            warnings.warn(
                "there are no labels, which the method 'few' needs: 'ae' is trained in its place",
                stacklevel=3,
            )
            method = "ae"
        # network, batches, schedule and average are the recipe's for every method
        config = {p: value for p, value in FEW.items() if p.partition(".")[0] in OF_NETWORK}
        config |= {path: FEW[path] for path in ("loss.name", "eval.parameters")}
        config |= OF_VECTORS if self.image_ndim_ == 2 else {}
        config |= {
            "train.steps": self.steps or STEPS[self.effort],
            "seed": _seed(self.random_state),
        }
        config |= {"system": method, "data.invariances": self.invariances, **(self.options or {})}
        return resolve(config)

    def _reporter(self, setting: Setting) -> Callable[[int, float], None]:
        """What is told of each epoch, and prints it now and then."""
        done, total, began, last = 0, setting.epochs, time.monotonic(), time.monotonic()

        def on_epoch(epochs: int, loss: float) -> None:
            nonlocal done, last
            done, now = done + epochs, time.monotonic()
            if self.verbose and (now - last > 10 or done == total):
                left = (now - began) / max(done, 1) * (total - done)
                print(f"epoch {done}/{total} · loss {loss:.4g} · {left:.0f} s left", flush=True)
                last = now

        return on_epoch

    def _embed(self, images: np.ndarray) -> np.ndarray:
        model = self.on_data_.method.model
        latents = embed.encoder(model)(self.network_.params["model"], images)[0]
        return np.asarray(model.embedding(jnp.asarray(latents)))

    def _class_scores(self, embeddings: np.ndarray) -> np.ndarray:
        term = step.scorer(self.on_data_.method.routine)
        if term is None or term.class_scores is None or self.network_.kept is None:
            return class_scores(embeddings, self.embeddings_, self.labels_, len(self.classes_))
        own, kept = self.network_.params["terms"][term.name], self.network_.kept[term.name]
        return np.asarray(jax.jit(term.class_scores)(own, kept, embeddings))

    def _need_labels(self, method_name: str) -> None:
        if not len(self.classes_):
            raise ValueError(
                f"{method_name} needs classes, but fit was given no labels: call fit(X, y) with "
                "the labels of some rows"
            )


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
