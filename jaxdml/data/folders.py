"""Which files of a folder are images, and what is passed over: a walk that follows links.

    photos/cat/1.png                    an image
    photos/cat/more → /disk/cats        a link to a folder: its images are read too
    photos/cat/back → ../..             leads back to where the walk came from: passed over
    photos/cat/lost.png → gone.png      leads nowhere: passed over
    photos/cat/@eaDir/1.png/small.jpg   in a folder of the system: passed over
    photos/cat/.old/1.png               hidden: passed over

Each folder is read once, real ones before links. What is passed over is counted and said.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from pathlib import Path

from jaxdml.options import ConfigError, listed

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
DICOM = {".dcm", ".dicom", ".ima"}
HIDDEN = re.compile(r"\..*|Thumbs\.db|desktop\.ini")
# What storage and operating systems keep in a folder: thumbnails, what was deleted or rescued, and
# snapshots; of Synology and QNAP, of Linux and NetApp, of Windows, and of macOS.
SYSTEM = re.compile(
    r"@eaDir|@tmp|#recycle|#snapshot|@sharesnap|@Recycle|@Recently-Snapshot|@__thumb"
    r"|lost\+found|~snapshot|\$RECYCLE\.BIN|System Volume Information|FOUND\.\d{3}"
    r"|__MACOSX|Network Trash Folder|Temporary Items",
    re.IGNORECASE,
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OF_MACOS = "._"  # what macOS keeps beside a file on other systems' disks; no image of its own
MOST_NAMED = 3  # files in a sentence


@dataclass
class Passed:
    """What is passed over in a folder."""

    others: list[Path] = field(default_factory=list)  # files that are no images by their names
    broken: list[Path] = field(default_factory=list)  # links whose target is not there
    back: list[Path] = field(default_factory=list)  # links to a folder that is read anyway
    system: dict[Path, int] = field(default_factory=dict)  # a folder → how many images it holds
    hidden: dict[Path, int] = field(default_factory=dict)  # a file or folder → the same
    links: list[Path] = field(default_factory=list)  # that are read, wherever they lead

    def notes(self, folder: Path, name: str) -> list[str]:
        """Returns one sentence for each kind of files and folders that are passed over.

        Args:
          folder: that was read; paths are told from there.
          name: what it is called.

        >>> Passed(others=[Path("photos/a.txt")]).notes(Path("photos"), "photos")
        ['photos: no images by their names, and left out: a.txt']
        """

        def few(paths: Iterable[Path]) -> str:
            return first_names(sorted((relative(path, folder) for path in paths), key=natural))

        notes = []
        if self.others:
            notes.append(f"no images by their names, and left out: {few(self.others)}")
        if self.broken:
            lead = counted(len(self.broken), "link leads nowhere", "links lead nowhere")
            notes.append(f"{lead}, and {_is(self.broken)} left out: {few(self.broken)}")
        if self.back:
            lead = counted(len(self.back), "link leads", "links lead")
            lead += " back to a folder that is read anyway"
            notes.append(f"{lead}, and {_is(self.back)} left out: {few(self.back)}")
        if outside := self._outside(folder):
            lead = counted(len(outside), "link leads", "links lead")
            notes.append(f"{lead} out of the folder, and what is there is read: {few(outside)}")
        for counts_by_path, why in (
            (self.system, "in folders of the system"),
            (self.hidden, "hidden"),
        ):
            if counts_by_path:
                images = counted(sum(counts_by_path.values()), "image is", "images are")
                notes.append(f"{images} {why}, and left out: {few(counts_by_path)}")
        return [f"{name}: {note}" for note in notes]

    def _outside(self, folder: Path) -> list[Path]:
        """The links that lead out of a folder."""
        root = os.path.realpath(folder)
        return [p for p in self.links if not Path(os.path.realpath(p)).is_relative_to(root)]


def files(folder: Path, passed: Passed) -> list[Path]:
    """The images in a folder and the folders in it, in order; the rest is added to `passed`.

    They are told by the ending of their names. Numbers in names are in order of their size.

    Raises:
      ConfigError: if a folder cannot be read.
    """
    images: list[Path] = []
    waiting, links, visited = [folder], list[Path](), set[tuple[int, int]]()
    while waiting or links:
        current_folder = waiting.pop() if waiting else links.pop(0)
        if _identity(current_folder) in visited:
            if current_folder.is_symlink():
                passed.back.append(current_folder)
            continue
        visited.add(_identity(current_folder))
        inner, file_paths = entries(current_folder, passed)
        for path in inner:
            (links if path.is_symlink() else waiting).append(path)
        images += [path for path in file_paths if is_image(path)]
        passed.others += [path for path in file_paths if not is_image(path)]
    return sorted(images, key=lambda path: natural(path.relative_to(folder).as_posix()))


def no_image(folder: Path, passed: Passed) -> str:
    """Says that a folder holds no image, what it holds, and what is read.

    >>> no_image(Path("a"), Passed(others=[Path("a/1.dcm"), Path("a/b")])).split("; ")[0]
    'a holds no image, but files ending in .dcm (1) or nothing (1)'
    """
    seen = Counter(path.suffix.lower() or "nothing" for path in passed.others)
    kinds = [f"{ending} ({count:,})" for ending, count in seen.most_common(5)]
    but = f", but files ending in {' or '.join(kinds)}" if kinds else ""
    dicom = ". DICOM is not read: write the pixels to .npz, with their range"
    return (
        f"{folder} holds no image{but}; read are {listed(ENDINGS)}"
        f"{dicom if seen.keys() & DICOM else ''}"
    )


def entries(folder: Path, passed: Passed) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, also links to such, in order.

    What is hidden, of the system, or leads nowhere or back is added to `passed` instead.

    Raises:
      ConfigError: if the folder cannot be read.
    """
    folders, files = [], []
    try:
        for path in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
            if SYSTEM.fullmatch(path.name) or HIDDEN.fullmatch(path.name):
                if count := _images_in(path):
                    kept = passed.system if SYSTEM.fullmatch(path.name) else passed.hidden
                    kept[path] = count
                continue
            try:
                mode = path.stat().st_mode
            except OSError:
                if not path.is_symlink():
                    raise
                passed.broken.append(path)
                continue
            if stat.S_ISREG(mode):
                files.append(path)
            elif stat.S_ISDIR(mode) and _leads_back(path):
                passed.back.append(path)
                continue
            elif stat.S_ISDIR(mode):
                folders.append(path)
            if path.is_symlink():
                passed.links.append(path)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error}") from error
    return folders, files


def is_image(path: Path) -> bool:
    """Whether it is an image by its name.

    >>> is_image(Path("cat.PNG")), is_image(Path("cat.txt"))
    (True, False)
    """
    return path.suffix.lower() in ENDINGS


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by, with numbers in order of their size.

    >>> sorted(["10", "9", "b", "a2"], key=natural)
    ['9', '10', 'a2', 'b']
    """
    words = re.split(r"(\d+)", name)
    return [
        (False, int(word), "") if word.isdecimal() else (True, 0, word) for word in words if word
    ]


def relative(path: Path, folder: Path) -> str:
    """Returns the path as `text`, relative to a folder.

    >>> relative(Path("photos/cat/1.png"), Path("photos"))
    'cat/1.png'
    """
    return text(path.relative_to(folder).as_posix())


def text(name: str) -> str:
    r"""Returns the name of a file or folder as text that can be written anywhere.

    Bytes that are no UTF-8 are written as escapes, and so is what a terminal would obey: so two
    files keep two names.

    >>> text("café"), text(os.fsdecode(b"caf\xe9")), text("a\nb")
    ('café', 'caf\\xe9', 'a\\nb')
    """
    return plain(os.fsencode(name).decode(errors="backslashreplace"))


def plain(name: str) -> str:
    r"""Returns a name in one line: control characters and turns of direction as escapes.

    >>> plain("café"), plain("\x1b[2J")
    ('café', '\\x1b[2J')
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), name)


def first_names(names: list[str]) -> str:
    """The first names, and how many there are beside them.

    >>> first_names(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    rest = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return listed(names[:MOST_NAMED]) + rest


def counted(count: int, singular: str, plural: str) -> str:
    """Returns a count and the words for what is counted, in the singular or plural.

    >>> counted(2, "link leads", "links lead")
    '2 links lead'
    """
    return f"{count:,} {singular if count == 1 else plural}"


def _is(things: Sized) -> str:
    return "is" if len(things) == 1 else "are"


def _leads_back(path: Path) -> bool:
    """Whether a link leads to a folder that it lies in, as the path says or as the disk has it."""
    if not path.is_symlink():
        return False
    above = {*path.absolute().parents, *path.parent.resolve().parents}
    return _identity(path) in map(_identity, above)


def _identity(folder: Path) -> tuple[int, int]:
    """Returns a folder's device and inode, which are the same by whatever path."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _images_in(path: Path) -> int:
    """How many images a path is or holds, by their names; links in it are not followed."""
    if not path.is_dir():
        twin = path.name.startswith(_OF_MACOS) and path.with_name(path.name[2:]).exists()
        return int(is_image(path) and not twin)
    return sum(
        is_image(Path(name)) and not name.startswith(_OF_MACOS)
        for _, _, names in os.walk(path)
        for name in names
    )
