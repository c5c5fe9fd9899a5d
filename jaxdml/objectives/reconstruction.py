"""Reconstruction: images from their latents, part of L_U."""

from typing import Any

from jax import Array

from jaxdml.objectives.learned import Loss, learned
from jaxdml.types import Context, InitContext, Metrics, Params, Role, Term


def make(loss: Loss) -> Term:
    """A reconstruction loss as a term, on all images.

    Args:
      loss: a function of images and reconstructions, or a `Learned` one.

    >>> from jaxdml.losses.reconstruction import mse
    >>> make(mse).needs
    ('decoder',)
    """
    learned_loss = learned(loss)

    def init(key: Array, context: InitContext) -> tuple[Params, Any]:
        return learned_loss.init(key, context.classes, context.latent_dim)

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        batch, outputs = context.batches["images"], context.outputs["images"]
        loss, kept = learned_loss.value(
            params, kept, batch.x, outputs.reconstruction, valid=batch.valid
        )
        return loss, kept, {}

    roles = {"images": Role("all")}
    return Term("reconstruction", "unsupervised", roles, value, init, needs=("decoder",))
