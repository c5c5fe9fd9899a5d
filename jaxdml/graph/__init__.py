"""Labels that are propagated over a graph of nearest neighbours, on the host, in NumPy and SciPy.

neighbours   the k nearest of each embedding, exactly
weights      a symmetric graph of them
spreading    label spreading       (Zhou et al. 2004)
poisson      Poisson learning      (Calder et al. 2020)
shares       predictions with given shares of the classes
propagation  all of it: embeddings and a few labels → a label and a confidence for each

The graph is built anew at each call. All of it gives the same bytes for the same arguments.
"""

from jaxdml.graph.propagation import METHODS, Propagated, propagate

__all__ = ["METHODS", "Propagated", "propagate"]
