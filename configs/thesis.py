"""What the thesis's six tables have in common, stated or not; see `table_6_1.py` and the others.

Safir, *Variational Autoencoders for Semi-Supervised Deep Metric Learning* (2022), states the
learning rate (0.001), the latent sizes, the label fractions, α, and that supervised and
unsupervised epochs alternate. All else is a choice, and each is a field of the configuration below:

- networks: 784-512-256-d perceptrons, the decoder mirrored (`model.hidden`);
- ten epochs of batches of 128, Adam, squared error summed over pixels and β = 1, as in the code of
  the same group (quinngroup/Generative-Models, VampPrior.py);
- the supervised epochs come first, have both losses and as many steps as the others: batches are
  drawn from the labelled images with replacement, `labelled_steps=match`;
- triplets: all of a batch, Euclidean distance, margin 0.2, mean over those that are not yet met;
- labelled images are drawn uniformly, so that six of them cannot cover ten classes.
"""

from collections.abc import Iterable

from ml_collections import ConfigDict

from configs import common

# What `--config.quick=True` makes of a table: one epoch of each kind, and of its seeds the first.
QUICK = {"train.epochs": 2}


def base(dataset: str) -> ConfigDict:
    """The base of a table.

    Args:
      dataset: `mnist` or `organamnist`.
    """
    config = common.get_config()
    config.data.name = dataset
    config.loss.margin = 0.2
    config.loss.mining = "all"
    config.routine.name = "alternate"
    return config


def seeds(which: Iterable[int]) -> dict[tuple[str, str], tuple[tuple[int, int], ...]]:
    """Seeds of the network, each with its own labelled images."""
    return {("seed", "data.labels_seed"): tuple((seed, seed) for seed in which)}
