"""`python -m jaxdml` is `jaxdml`."""

from jaxdml.commands import main

main()
