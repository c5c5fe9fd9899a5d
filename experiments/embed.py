"""Embeddings of any images, by a trained point.

See `jaxdml.commands.embed`; an installed package has it as `jaxdml embed`.
"""

from jaxdml.commands.embed import run

if __name__ == "__main__":
    run()
