"""Anchors whose refresh leaves a mark and waits, once for each point and epoch: a test may kill it
there.
"""

import time
from pathlib import Path

from tests.third_party import anchors

SECONDS = 0.5


def make(*, marks: str = "marks", every: int = 1, pull: float = 0.1):
    term = anchors.make(every=every, pull=pull)

    def update(params, kept, corpus, seed):
        point, epoch = seed
        mark = Path(marks) / f"epoch_{epoch}_of_{point}"
        if not mark.exists():
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            time.sleep(SECONDS)
        return term.refresh.update(params, kept, corpus, seed)

    return term._replace(refresh=term.refresh._replace(update=update))
