"""Writes docs/bad_inputs.md."""

import os

os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ |= dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")

from jaxdml import options
from tests.bad_inputs import page
from tests.experiments import forks

if __name__ == "__main__":
    options.allow_all()  # as a configuration of the user's does
    page.PAGE.write_text(page.written(lambda *words: forks.run(words)))
    print(page.PAGE)
