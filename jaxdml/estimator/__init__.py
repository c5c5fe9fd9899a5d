"""The library from Python, in the manner of scikit-learn, over the same engine.

`SemiSupervisedEmbedder` fits one point, `search` chooses among settings, and `load` takes a point
out of a run folder. `study.study` runs a grid; it stands above the other rooms.
"""

from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.estimator.from_run import load
from jaxdml.estimator.search import Search, search

__all__ = ["Search", "SemiSupervisedEmbedder", "load", "search"]
