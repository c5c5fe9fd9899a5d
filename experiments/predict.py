"""Classes of new images, what to label next, and which labels look wrong.

See `jaxdml.commands.predict`; an installed package has it as `jaxdml predict`.
"""

from jaxdml.commands.predict import run

if __name__ == "__main__":
    run()
