"""Writes a finished run for TensorBoard or Weights & Biases.

See `jaxdml.commands.export`; an installed package has it as `jaxdml export`.
"""

from jaxdml.commands.export import run

if __name__ == "__main__":
    run()
