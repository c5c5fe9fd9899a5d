"""The ratios that were measured last, which stand in the repository.

A row for each case and machine: how many times as fast as the fastest way to do it in PyTorch, and
which part of the speed of its bare products. Times are no part of it: ratios hold better.
"""

import csv
import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import NamedTuple

import jax

FILE = Path(__file__).parent / "ratios.csv"


class Ratio(NamedTuple):
    """What was measured of a case."""

    machine: str
    case: str
    of_pytorch: float  # seconds of the fastest variant over ours
    lowest: float  # of the turns
    highest: float
    fastest: str  # of PyTorch's variants
    of_products: float | None  # seconds of bare products over ours
    date: str
    versions: str


def machine() -> str:
    """The machine in words: its accelerator, or its processor and how many cores may be used.

    >>> machine() == machine()
    True
    """
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        return f"{len(jax.local_devices())} × {device.device_kind}"
    return f"{len(os.sched_getaffinity(0))} cores, {_processor()}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text("utf-8").splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def now() -> tuple[str, str]:
    """Today, and the versions of what is compared."""
    names = "jax", "torch"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return datetime.date.today().isoformat(), versions


def read(file: Path = FILE) -> dict[tuple[str, str], Ratio]:
    """Machine and case → what was measured last; {} where there is no file."""
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [_from_text(row) for row in csv.DictReader(lines)]
    return {(row.machine, row.case): row for row in rows}


def write(found: list[Ratio], file: Path = FILE) -> None:
    """Puts new ratios in the place of older ones of the same machine and case."""
    rows = read(file) | {(row.machine, row.case): row for row in found}
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(Ratio._fields)
        writer.writerows(tuple(map(_as_text, row)) for row in rows.values())


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _from_text(row: dict[str, str]) -> Ratio:
    return Ratio(
        machine=row["machine"],
        case=row["case"],
        of_pytorch=float(row["of_pytorch"]),
        lowest=float(row["lowest"]),
        highest=float(row["highest"]),
        fastest=row["fastest"],
        of_products=float(row["of_products"]) if row["of_products"] else None,
        date=row["date"],
        versions=row["versions"],
    )
