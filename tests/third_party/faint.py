"""A model whose embeddings have collapsed: tiny differences around a point far away."""

from jaxdml.models import mlp


def make(spec, *, hidden: tuple[int, ...] = (8,), latent_dim: int = 2):
    model = mlp.make(spec, hidden=hidden, latent_dim=latent_dim)

    def encode(params, x, y=None):
        mean, logvar = model.encode(params, x)
        return 1e-4 * mean, logvar

    def apply(params, x, key, y=None):
        out = model.apply(params, x, key)
        return out._replace(z=1e-4 * out.z, mean=1e-4 * out.mean)

    return model._replace(encode=encode, apply=apply)
