"""The page docs/bad_inputs.md: what came, and what really came out."""

import re
import tempfile
from pathlib import Path

from tests.bad_inputs import outcome

PAGE = Path(__file__).parent.parent.parent / "docs" / "bad_inputs.md"
HEADING = """# Bad input

What can go wrong with commands, configurations and files, and the sentence that answers it. All of
it was tried: `python -m tests.bad_inputs` writes this page from what came out, and a test says when
it is out of date. After each of them the exit code is 2, and nothing is written or lost. From
Python a `ConfigError` holds the sentence, and `fit` raises it as a `ValueError`.

`W` is a run folder that is not there, `FOLDER` a folder of files, and `FOLDER/run` a finished run
that was damaged. The sentences that people meet most are explained in [common errors](errors.md).
"""


def written(run: outcome.Run) -> str:
    """The whole page.

    Args:
      run: runs a command.
    """
    parts = [HEADING]
    for theme, cases in outcome.THEMES.items():
        parts.append(f"\n## {theme}\n\n| what came | the sentence |\n|:--|:--|\n")
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                sentence = outcome.of(case, Path(folder), run).sentence
            parts.append(f"| {_cell(_came(case))} | {_cell(_named(sentence))} |\n")
    return "".join(parts)


def _came(case: outcome.Case) -> str:
    if callable(case.given):
        return case.came
    return f"{case.came}: `{' '.join(case.given)}`"


def _named(sentence: str) -> str:
    """A sentence without what is of one machine or process."""
    root = str(PAGE.parent.parent)
    sentence = re.sub(r"/\S*/site-packages/", "", sentence.replace(f"{root}/", ""))
    sentence = re.sub(r"(--data_dir=)/\S+", r"\1FOLDER", sentence)
    sentence = re.sub(r" at 0x[0-9a-f]+", "", sentence)
    sentence = re.sub(r"[\d.,]+ GiB", "… GiB", sentence)
    sentence = re.sub(r"is damaged \(.*\):", "is damaged (…):", sentence)  # where, by chance
    return sentence if len(sentence) <= 400 else f"{sentence[:400]}…"


def _cell(text: str) -> str:
    """Text in a cell of a table, as it is."""
    shown = "".join(c if c.isprintable() else "�" for c in text)
    return (
        re.sub(r"([<>|*_\[\]])", r"\\\1", shown) if "`" not in shown else shown.replace("|", "\\|")
    )
