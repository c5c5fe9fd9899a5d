"""Losses as terms of an objective: what each one reads of a model's outputs and of a batch.

The keyword options of these functions belong to the same section of the config as the loss's own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.options import ConfigError, at_least, one_of
from jaxdml.types import Batch, Learned, Metrics, Model, Outputs, Params, Prior, Term

Loss = Learned | Callable[..., Array]


def learned(loss: Loss) -> Learned:
    """The loss as a `Learned` one: a plain function learns and keeps nothing."""
    if isinstance(loss, Learned):
        return loss
    return Learned(
        lambda key, classes, latent_dim: ({}, {}),
        lambda params, extra, *arguments, **options: (loss(*arguments, **options), extra),
    )


def metric_term(loss: Loss, model: Model, classes: int, *, on: str = "sample") -> Term:
    """A metric loss L_S as a term called `metric`.

    Its metric `spread` is the root mean square distance of the embeddings from their mean: a loss
    that has collapsed to a point shows it.

    Args:
      loss: a function of embeddings and labels, or a `Learned` one.
      model: whose latent space it works on.
      classes: how many there are.
      on: the embeddings are a `sample` of the posterior (Algorithms 3 and 5), or its `mean`.
    """
    one_of("on", on, ("sample", "mean"))
    own = learned(loss)

    def value(
        params: Params, extra: Any, model: Model, outputs: Outputs, batch: Batch, key: Array
    ) -> tuple[Array, Any, Metrics]:
        embeddings = outputs.z if on == "sample" else outputs.mean
        labelled = batch.labelled & batch.valid
        found, extra = own.value(
            params["terms"]["metric"], extra, embeddings, batch.y, labelled=labelled
        )
        found = jnp.asarray(found)
        if found.shape != ():
            raise ConfigError(
                f"loss.name: a loss must return one number, but returns {found.shape}"
            )
        rows = jnp.broadcast_to(labelled[:, None], embeddings.shape)
        count = jnp.maximum(labelled.sum(), 1)
        centre = jnp.where(rows, embeddings, 0).sum(axis=0, keepdims=True) / count
        variance = jnp.where(rows, (embeddings - centre) ** 2, 0).sum() / count
        return found, extra, {"spread": jnp.sqrt(variance)}

    return Term("metric", value, init=_init(own, model, classes))


def reconstruction_term(loss: Loss, model: Model, classes: int) -> Term:
    """A reconstruction loss as a term called `reconstruction`.

    Args:
      loss: a function of images and reconstructions, or a `Learned` one.
      model, classes: as for `metric_term`.
    """
    own = learned(loss)

    def value(
        params: Params, extra: Any, model: Model, outputs: Outputs, batch: Batch, key: Array
    ) -> tuple[Array, Any, Metrics]:
        found, extra = own.value(
            params["terms"]["reconstruction"],
            extra,
            batch.x,
            outputs.reconstruction,
            valid=batch.valid,
        )
        return found, extra, {}

    return Term("reconstruction", value, init=_init(own, model, classes))


def kl_term(
    estimate: Callable[..., Array],
    prior: Prior,
    *,
    beta: ArrayLike = 1.0,
    free_bits: ArrayLike = 0.0,
    schedule: str = "constant",
    schedule_steps: ArrayLike = 1000.0,
) -> Term:
    """The divergence from a prior as a term called `kl`, with the weight β.

    Its metrics are `mean`, the average |μ|, and `std`, the average σ, over rows and dimensions.

    Args:
      estimate: one of `jaxdml.losses.KL`, made.
      prior: p(z); what it learns lives with this term.
      beta: β ≥ 0 (Higgins et al. 2017).
      free_bits: λ ≥ 0, nats of the batch's mean KL that cost nothing: max(λ, KL) (Kingma et al.
        2016, with the whole latent space as one group).
      schedule: `constant`; `warmup`, β grows linearly from 0 over the first `schedule_steps` steps
        (Bowman et al. 2016); `cyclical`, it does so in the first half of every `schedule_steps`
        and then stays (Fu et al. 2019). All steps of the training count, of whatever phase.
      schedule_steps: ≥ 1.

    Raises:
      ValueError: for a value out of range.
    """
    at_least("beta", beta, 0)
    at_least("free_bits", free_bits, 0)
    one_of("schedule", schedule, ("constant", "warmup", "cyclical"))
    at_least("schedule_steps", schedule_steps, 1)

    def weight(step: Array) -> ArrayLike:
        if schedule == "constant":
            return beta
        progress = step / jnp.asarray(schedule_steps)
        if schedule == "cyclical":
            progress = 2 * (progress % 1)
        return beta * jnp.minimum(progress, 1)

    def value(
        params: Params, extra: Any, model: Model, outputs: Outputs, batch: Batch, key: Array
    ) -> tuple[Array, Any, Metrics]:
        own = params["terms"]["kl"]

        def encode(x: Array) -> tuple[Array, Array | None]:
            return model.encode(params["model"], x)

        mean, logvar = outputs.mean, outputs.logvar
        if logvar is None:
            raise ConfigError("model.encoder: a system with a prior needs a log-variance")
        rows = estimate(
            key,
            mean,
            logvar,
            lambda z: prior.log_prob(own, z, encode),
            lambda: prior.components(own, encode),
        )
        found = masks.mean(rows, batch.valid)
        # an estimate may be below 0: without free bits it is left alone
        free = jnp.asarray(free_bits, rows.dtype)
        found = jnp.where(free > 0, jnp.maximum(found, free), found)
        each = jnp.broadcast_to(batch.valid[:, None], mean.shape)
        metrics = {
            "mean": masks.mean(jnp.abs(mean), each),
            "std": masks.mean(jnp.exp(0.5 * logvar), each),
        }
        return found, extra, metrics

    def init(key: Array, examples: Any) -> tuple[Params, Any]:
        return prior.init(key, examples), {}

    return Term("kl", value, weight, init)


# section of the config → what makes its loss a term, with options of its own
TERMS: Mapping[str, Callable[..., Term]] = {
    "loss": metric_term,
    "reconstruction": reconstruction_term,
    "kl": kl_term,
}


def _init(loss: Learned, model: Model, classes: int) -> Callable[..., tuple[Params, Any]]:
    return lambda key, examples: loss.init(key, classes, model.latent_dim)
