"""`fit` and `transform`: an estimator in the manner of scikit-learn over the same engine."""

from jaxdml.estimator.embedder import SemiSupervisedEmbedder

__all__ = ["SemiSupervisedEmbedder"]
