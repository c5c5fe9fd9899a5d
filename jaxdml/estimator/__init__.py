"""The library from Python, in the manner of scikit-learn, over the same engine.

`SemiSupervisedEmbedder` fits one point, `search` chooses among settings, `study` runs a grid, and
`load` takes a point out of a run folder.
"""

from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.estimator.from_run import load
from jaxdml.estimator.search import Search, search
from jaxdml.estimator.study import Study, study

__all__ = ["Search", "SemiSupervisedEmbedder", "Study", "load", "search", "study"]
