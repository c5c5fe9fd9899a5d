"""Semi-supervised deep metric learning in JAX: losses, priors, objectives, and grids of them."""

__version__ = "0.1.0"
