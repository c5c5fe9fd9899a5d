"""Scores a finished run again, or in more ways, without training.

See `jaxdml.commands.evaluate`; an installed package has it as `jaxdml evaluate`.
"""

from jaxdml.commands.evaluate import run

if __name__ == "__main__":
    run()
