"""Faults of files: what lies in a run folder is damaged while no command runs."""

import random
from collections.abc import Callable
from pathlib import Path

# what a run keeps and reads back → where it lies
FILES = {
    "config.json": "config.json",
    "plan.json": "plan.json",
    "result.json": "points/*/result.json",
    "losses": "points/*/history.csv",
    "embeddings": "points/*/embeddings.npz",
    "final networks": "checkpoints/*/final/**/*",
    "progress.json": "checkpoints/*/progress.json",
    "losses under way": "checkpoints/*/history.jsonl",
    "states under way": "checkpoints/*/epoch_*/**/*",
    "tables": "*.csv",
}
FOREIGN = (b"{}", b"[]", b"null", b"\x89PNG\r\n\x1a\n", b"<html>", b"[" * 100_000, b"PK\x03\x04")


def damage(kind: str, file: Path, others: list[Path], draw: random.Random) -> None:
    """Damages a file.

    Args:
      kind: a key of `KINDS`.
      file: what is damaged.
      others: files of the same sort, for `swapped`.
      draw: of where and how.
    """
    KINDS[kind](file, others, draw)


def _truncated(file: Path, others: list[Path], draw: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: draw.randrange(max(1, len(content)))])


def _flipped(file: Path, others: list[Path], draw: random.Random) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)


def _emptied(file: Path, others: list[Path], draw: random.Random) -> None:
    file.write_bytes(b"")


def _foreign(file: Path, others: list[Path], draw: random.Random) -> None:
    file.write_bytes(draw.choice((*FOREIGN, draw.randbytes(500))))


def _missing(file: Path, others: list[Path], draw: random.Random) -> None:
    file.unlink()


def _swapped(file: Path, others: list[Path], draw: random.Random) -> None:
    other = draw.choice([path for path in others if path != file] or [file])
    content = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(content)


KINDS: dict[str, Callable[[Path, list[Path], random.Random], None]] = {
    "truncated": _truncated,
    "one bit flipped": _flipped,
    "emptied": _emptied,
    "foreign": _foreign,
    "missing": _missing,
    "swapped": _swapped,
}
