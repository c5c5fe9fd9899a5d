"""A metric loss on labelled rows, L_S; the labels may come from several sources."""

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml.keys import named_key
from jaxdml.objectives import running_means
from jaxdml.objectives.label_sources.sources import Rows, Source, joined
from jaxdml.objectives.learned import Loss, learned
from jaxdml.options import ConfigError, at_least, one_of
from jaxdml.types import (
    Context,
    Corpus,
    InitContext,
    Learned,
    Metrics,
    Outputs,
    Params,
    Refresh,
    Term,
)


def make(
    loss: Loss,
    sources: Mapping[str, Source],
    scored: bool,
    *,
    on: str = "sample",
    normalizer: str = "rows",
    class_scores: str = "distance",
    temperature_of_scores: ArrayLike = 0.2,
) -> Term:
    """A metric loss as a term.

    Its metric `spread` is the root mean square distance of the embeddings from their mean: a loss
    that has collapsed to a point shows it. The metrics of its sources are its own.

    Args:
      loss: a function of embeddings and labels, or a `Learned` one.
      sources: name → where labels come from. With `true` alone the loss is called without weights.
      scored: whether another part reads class scores. Where the loss has no class weights, running
        means of the labelled embeddings are then kept.
      on: the embeddings are a `sample` of the posterior (Algorithms 3 and 5), or its `mean`.
      normalizer: of a loss with several sources: each is a mean over its own `rows`, as in
        FixMatch; or all rows together are divided by the sum of their `weights`.
      class_scores: of a loss without class weights: from the `distance` to the means of classes, or
        the `cosine`.
      temperature_of_scores: T > 0, see `running_means.class_scores`.

    Raises:
      ValueError: for an option that is not one of the above.
      ConfigError: if the loss takes no weights, or no soft labels, and a source needs them.

    >>> from jaxdml.losses.triplet import triplet
    >>> from jaxdml.objectives.label_sources.sources import make_true
    >>> make(triplet, {"true": make_true()}, scored=False).kind
    'supervised'
    """
    one_of("on", on, ("sample", "mean"))
    one_of("normalizer", normalizer, ("rows", "weights"))
    one_of("class_scores", class_scores, running_means.SCORES)
    at_least("temperature_of_scores", temperature_of_scores, 1e-6)
    learned_loss = learned(loss)
    plain = tuple(sources) == ("true",)
    if not plain:
        _takes_weights(loss)
    if any(source.soft for source in sources.values()):
        _takes_soft(learned_loss)
    keeps_means = scored and learned_loss.class_scores is None

    def init(key: Array, context: InitContext) -> tuple[Params, Any]:
        params, kept = learned_loss.init(key, context.classes, context.latent_dim)
        means = running_means.empty(context.classes, context.latent_dim) if keeps_means else {}
        states = {name: source.init(context) for name, source in sources.items()}
        return params, {"loss": kept, "means": means, "sources": states}

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        def embedding(outputs: Outputs) -> Array:
            return context.embedding(outputs.z if on == "sample" else outputs.mean)

        parts: dict[str, tuple[Rows, ArrayLike]] = {}
        states: dict[str, Any] = {}
        metrics: Metrics = {}
        for name, source in sources.items():
            rows, states[name], source_metrics = source.rows(
                kept["sources"][name], context, embedding, named_key(key, name)
            )
            parts[name] = rows, source.weight
            metrics |= (
                source_metrics
                if name == "true"
                else {f"{name}.{k}": v for k, v in source_metrics.items()}
            )
        first = next(iter(parts.values()))[0]
        if plain:
            result, kept_loss = learned_loss.value(
                params, kept["loss"], first.embeddings, first.labels, labelled=first.mask
            )
        else:
            rows = joined(parts, normalizer)
            result, kept_loss = learned_loss.value(
                params,
                kept["loss"],
                rows.embeddings,
                rows.labels,
                labelled=rows.mask,
                weights=rows.weights,
                normalizer=normalizer,
            )
        if result is None or jnp.shape(result) != ():
            came = "nothing" if result is None else jnp.shape(result)
            raise ConfigError(f"loss.name: a loss must return one number, but returns {came}")
        result = jnp.asarray(result)
        means = kept["means"]
        if keeps_means and "labelled" in context.batches:
            batch = context.batches["labelled"]
            z = context.embed(batch.x, of="teacher")
            means = running_means.updated(means, z, batch.y, batch.labelled & batch.valid)
        metrics |= {"spread": _spread(first.embeddings, first.mask)}
        return result, {"loss": kept_loss, "means": means, "sources": states}, metrics

    def scores(params: Params, kept: Any, embeddings: Array) -> Array:
        if learned_loss.class_scores is not None:
            return learned_loss.class_scores(params, kept["loss"], embeddings)
        return running_means.class_scores(
            embeddings, kept["means"], temperature_of_scores, class_scores
        )

    def of_embeddings(embeddings: Array, labels: Array, labelled: Array) -> Array:
        return jnp.asarray(learned_loss.value({}, {}, embeddings, labels, labelled=labelled)[0])

    return Term(
        "metric",
        "supervised",
        {role: bound for source in sources.values() for role, bound in source.roles.items()},
        value,
        init,
        refresh=_refresh(sources),
        needs=tuple({need for source in sources.values() for need in source.needs}),
        class_scores=scores if keeps_means or learned_loss.class_scores is not None else None,
        of_embeddings=None if isinstance(loss, Learned) else of_embeddings,
    )


def _refresh(sources: Mapping[str, Source]) -> Refresh | None:
    """One refresh for the term: it runs the refresh of each source that is due."""
    refreshes = {
        name: source.refresh for name, source in sources.items() if source.refresh is not None
    }
    if not refreshes:
        return None

    def due(epoch: int) -> bool:
        return any(refresh.due(epoch) for refresh in refreshes.values())

    def update(
        params: Params, kept: Any, corpus: Corpus, seed: tuple[int, int]
    ) -> tuple[Params, Any]:
        states = {
            name: refresh.update(kept["sources"][name], corpus, seed)
            for name, refresh in refreshes.items()
            if refresh.due(seed[1])
        }
        return params, kept | {"sources": kept["sources"] | states}

    return Refresh(due, update)


def _spread(embeddings: Array, labelled: Array) -> Array:
    rows = jnp.broadcast_to(labelled[:, None], embeddings.shape)
    count = jnp.maximum(labelled.sum(), 1)
    centre = jnp.where(rows, embeddings, 0).sum(axis=0, keepdims=True) / count
    return jnp.sqrt(jnp.where(rows, (embeddings - centre) ** 2, 0).sum() / count)


def _takes_soft(loss: Learned) -> None:
    """Refuses a loss that needs one class for each row, before anything is compiled.

    Raises:
      ValueError: from the loss itself.
    """
    rows, classes, dim = 2, 3, 4  # as good as any numbers

    def value() -> Array:
        params, kept = loss.init(jax.random.key(0), classes, dim)
        z, labels = jnp.ones((rows, dim)), jnp.full((rows, classes), 1 / classes)
        flags = jnp.ones(rows, bool)
        return loss.value(params, kept, z, labels, labelled=flags, weights=jnp.ones(rows))[0]

    jax.eval_shape(value)


def _takes_weights(loss: Loss) -> None:
    """Refuses a loss without the arguments that rows of several sources need."""
    function = loss.value if isinstance(loss, Learned) else loss
    parameters = inspect.signature(function).parameters.values()
    names = {p.name for p in parameters}
    if not {"weights", "normalizer"} <= names and not any(
        p.kind is p.VAR_KEYWORD for p in parameters
    ):
        raise ConfigError(
            "loss.sources has labels that are not true, but this loss takes no weights: give it "
            "the arguments weights=None and normalizer='weights', or set loss.sources to true"
        )
