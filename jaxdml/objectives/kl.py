"""The divergence of posteriors from a prior, part of L_U.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014; Higgins et al., "beta-VAE", 2017.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.options import ConfigError, at_least, one_of
from jaxdml.types import Context, InitContext, Metrics, Params, Prior, Role, Term


def make(
    estimate: Callable[..., Array],
    prior: Callable[[int, int], Prior],
    *,
    beta: ArrayLike = 1.0,
    free_bits: ArrayLike = 0.0,
    schedule: str = "constant",
    schedule_steps: ArrayLike = 1000.0,
) -> Term:
    """The divergence β · max(λ, KL(q(z|x) ‖ p(z))) from a prior as a term.

    Its metrics are `mean`, the average |μ|, and `std`, the average σ, over rows and dimensions.

    Args:
      estimate: one of `jaxdml.losses.KL`, made.
      prior: makes p(z) for `(latent_dim, classes)`; what it learns lives with this term.
      beta: β ≥ 0 (Higgins et al. 2017).
      free_bits: λ ≥ 0, nats of the batch's mean KL that cost nothing: max(λ, KL) (Kingma et al.
        2016, with the whole latent space as one group).
      schedule: `constant`; `warmup`, β grows linearly from 0 over the first `schedule_steps` steps
        (Bowman et al. 2016); `cyclical`, it does so in the first half of every `schedule_steps`
        and then stays (Fu et al. 2019). All steps of the training count, of whatever phase.
      schedule_steps: ≥ 1.

    Raises:
      ValueError: for a value out of range.
      ConfigError: in a step, where the encoder gives no log-variance.

    >>> from jaxdml.losses.kl import make_analytic
    >>> from jaxdml.priors import unit
    >>> float(make(make_analytic(), unit.make, beta=4.0, schedule="warmup").weight(500))
    2.0
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

    def init(key: Array, context: InitContext) -> tuple[Params, Any]:
        return prior(context.latent_dim, context.classes).init(key, context.examples), {}

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        batch, outputs = context.batches["images"], context.outputs["images"]
        mean, logvar = outputs.mean, outputs.logvar
        if logvar is None:
            raise ConfigError("model.encoder: a system with a prior needs a log-variance")
        density = prior(mean.shape[1], context.classes)
        rows = estimate(
            key,
            mean,
            logvar,
            lambda z: density.log_prob(params, z, context.encode),
            lambda: density.components(params, context.encode),
        )
        loss = masks.mean(rows, batch.valid)
        # an estimate may be below 0: without free bits it is left alone
        free = jnp.asarray(free_bits, rows.dtype)
        loss = jnp.where(free > 0, jnp.maximum(loss, free), loss)
        each = jnp.broadcast_to(batch.valid[:, None], mean.shape)
        metrics = {
            "mean": masks.mean(jnp.abs(mean), each),
            "std": masks.mean(jnp.exp(0.5 * logvar), each),
        }
        return loss, kept, metrics

    return Term(
        "kl",
        "unsupervised",
        {"images": Role("all")},
        value,
        init,
        weight,
        needs=("variance",),
        prior=prior,
    )
