"""What a data set is: images, labels, where it lies, pictures of it and its views.

See `jaxdml.commands.data`; an installed package has it as `jaxdml data`.
"""

from jaxdml.commands.data import run

if __name__ == "__main__":
    run()
