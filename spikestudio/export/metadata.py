"""Provenance inside files: how each format carries it, and reading it back.

A PNG has the text chunk ``spikestudio``, a JPEG or WebP the EXIF comment, a TIFF its description, a GIF
its comment, an SVG the element ``<metadata id="spikestudio">``, a PDF its keywords, an NPZ the entry
``spikestudio`` and a figure bundle ``provenance.json``. Beside any other file lies its sidecar,
``NAME.EXT.json``, and in a folder of pictures ``spikestudio.json``.
"""

from __future__ import annotations

import json
import os
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from PIL import Image, UnidentifiedImageError

from spikestudio.atomic import atomic_write
from spikestudio.checkpoints import strict_json
from spikestudio.errors import SpikeStudioError
from spikestudio.export.images import CHUNK, png_info
from spikestudio.export.provenance import SCHEMA_VERSION
from spikestudio.language import tr

MAX_TEXT = 16 * 1024 * 1024  # bytes of a provenance, in any file
MAX_FILE = 256 * 1024 * 1024  # bytes of an SVG or PDF that are searched
BUNDLE_ENTRY = "provenance.json"
PICTURES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}

_MAX_EXIF = 60_000  # bytes; a JPEG has room for 64 KiB
_EXIF, _COMMENT, _ASCII = 0x8769, 0x9286, b"ASCII\0\0\0"
_DESCRIPTION = 270  # tag of a TIFF
_PART = 64 * 1024
_DEPTH = strict_json.MAX_LINEAGE
_KEYWORDS = b"/Keywords ("
_PDF_TEXT = re.compile(
    rb"(?:[^\\()]++|\\.)*+", re.DOTALL
)  # without a way back, which would be kept
_NPZ_ENTRY = f"{CHUNK}.npy"
_BROKEN = (OSError, ValueError, SyntaxError, LookupError, TypeError, EOFError, struct.error,
           zipfile.BadZipFile, NotImplementedError, RuntimeError)  # fmt: skip


class ProvenanceError(SpikeStudioError):
    """A file says nothing of its origin, or nothing that can be used; ``path`` is the file."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def json_text(provenance: Mapping[str, Any]) -> str:
    """Provenance as one line of ASCII."""
    return json.dumps(provenance, ensure_ascii=True, allow_nan=False)


def sidecar(path: Path | str) -> Path:
    """Where the sidecar of a file is."""
    return Path(f"{path}.json")


def write_sidecar(path: Path | str, provenance: Mapping[str, Any], **more: Any) -> None:  # noqa: ANN401
    """Write the sidecar of a file: provenance, and ``more`` that describes the file."""
    with atomic_write(sidecar(path)) as temporary:
        fill_sidecar(temporary, provenance, **more)


def fill_sidecar(temporary: Path, provenance: Mapping[str, Any], **more: Any) -> None:  # noqa: ANN401
    """Write what a sidecar says to a file that is to become one."""
    values = {CHUNK: dict(provenance), **more}
    text = json.dumps(values, ensure_ascii=True, allow_nan=False, indent=2)
    temporary.write_text(text + "\n", encoding="utf-8")


def files_of(path: Path, kind: str, provenance: Mapping[str, Any]) -> tuple[Path, ...]:
    """A picture's file, and its sidecar where the format has no room for the provenance."""
    return (path, sidecar(path)) if needs_sidecar(kind, provenance) else (path,)


def picture_options(kind: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Options with which pillow saves a picture together with its provenance.

    ``kind`` is pillow's name of the format. Empty where the format has no room for it: then the
    sidecar must hold it (``needs_sidecar``).
    """
    if needs_sidecar(kind, provenance):
        return {}
    text = json_text(provenance)
    if kind == "PNG":
        return {"pnginfo": png_info(provenance)}
    if kind == "GIF":
        return {"comment": text.encode("ascii")}
    if kind == "TIFF":
        return {"tiffinfo": {_DESCRIPTION: text}}
    exif = Image.Exif()
    exif.get_ifd(_EXIF)[_COMMENT] = _ASCII + text.encode("ascii")
    return {"exif": exif}


def needs_sidecar(kind: str, provenance: Mapping[str, Any]) -> bool:
    """Whether a format has no room for this provenance."""
    if kind in ("PNG", "GIF", "TIFF"):
        return False
    return kind == "MP4" or len(json_text(provenance)) > _MAX_EXIF


def into_svg(svg: bytes, provenance: Mapping[str, Any]) -> bytes:
    """Put the provenance into an SVG, as its first element."""
    element = f'<metadata id="{CHUNK}">{escape(json_text(provenance))}</metadata>'
    head, tag, rest = svg.partition(b"<svg")
    inside = rest.index(b">") + 1
    return head + tag + rest[:inside] + b"\n " + element.encode("ascii") + rest[inside:]


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Read what made a file: its own provenance, else that of its sidecar, which may be given itself.

    The file may be a stranger's: its kind is known by its first bytes, sizes are bounded, and nothing
    in it is run or followed. Gives a JSON object of a known ``schema_version``; whether it also fits
    ``resources/schemas/provenance.json`` is for the caller to check.

    Raises
    ------
    ProvenanceError
        The file cannot be read, has no provenance, or one that is damaged or of a newer version.
    """
    path = Path(path)
    if not path.is_file():  # a pipe would never end
        raise _unusable(path, tr("there is no such file"), tr("check the path"))
    try:
        data = _embedded(path)
    except SpikeStudioError:
        raise
    except (*_BROKEN, expat.ExpatError, Image.DecompressionBombError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise _unusable(
            path, tr("it is damaged ({reason})", reason=reason), tr("choose another file")
        ) from error
    try:
        if data is None and sidecar(path).is_file():
            values = _in_sidecar(strict_json.parse(_bounded(sidecar(path)), _DEPTH))
        elif data is None:
            raise _unusable(
                path,
                tr("nothing is said of it in the file or beside it"),
                tr("choose another file"),
            )
        else:
            values = _in_sidecar(strict_json.parse(data, _DEPTH))
    except (OSError, ValueError) as error:
        raise _unusable(path, f"{error}", tr("choose another file")) from error
    return _checked(path, values)


def _in_sidecar(values: object) -> object:
    """The provenance in a sidecar, which is one of its entries; else what was given."""
    return values[CHUNK] if isinstance(values, dict) and CHUNK in values else values


def _checked(path: Path, values: object) -> dict[str, Any]:
    version = values.get("schema_version") if isinstance(values, dict) else None
    if not isinstance(values, dict) or type(version) is not int or version < 1:
        raise _unusable(path, tr("it is not one that SpikeStudio wrote"), tr("choose another file"))
    if version > SCHEMA_VERSION:
        raise _unusable(
            path,
            tr("it is of version {version}, which is newer", version=version),
            tr("update SpikeStudio to read it"),
        )
    return values


def _embedded(path: Path) -> bytes | None:
    """The JSON inside a file; None if there is none."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"%PDF"):
        return _from_pdf(path)
    if head.startswith(b"PK\x03\x04"):
        return _from_zip(path)
    if head.startswith(b"\x89HDF"):
        from spikestudio.recording.hdf5 import open_recording

        recording = open_recording(path)
        try:
            return json_text(recording.origin).encode()
        finally:
            recording.close()
    if re.match(rb"\s*\{", head):
        return _bounded(path)
    if re.match(rb"(\xef\xbb\xbf)?\s*<(\?xml|svg|!DOCTYPE svg|!--)", head):
        return _from_svg(path)
    if head.startswith(b"\x89PNG"):
        _check_chunks(path)
    return _from_picture(path)


def _check_chunks(path: Path) -> None:
    """Refuse texts of a PNG that are too long: pillow reads each as a whole before it counts."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                return
            if kind in (b"tEXt", b"zTXt", b"iTXt") and length > MAX_TEXT:
                raise ValueError(tr("its text is too long"))
            file.seek(length + 4, os.SEEK_CUR)


def _from_picture(path: Path) -> bytes | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # only headers are read, of a picture of any size
            picture = Image.open(path, formats=("PNG", "JPEG", "WEBP", "TIFF", "GIF"))
    except UnidentifiedImageError:
        return None
    with picture:
        if picture.format == "PNG":
            text = picture.info.get(CHUNK)
            return _within(text.encode("latin-1")) if isinstance(text, str) else None
        if picture.format == "GIF":
            comment = picture.info.get("comment")
            return _within(comment) if isinstance(comment, bytes) and comment[:1] == b"{" else None
        if picture.format == "TIFF":
            text = picture.getexif().get(_DESCRIPTION)
            if not isinstance(text, str) or not text.startswith("{"):
                return None
            return _within(text.encode("latin-1"))
        comment = picture.getexif().get_ifd(_EXIF).get(_COMMENT)
    if isinstance(comment, str):
        comment = comment.encode("latin-1")
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII + b"{"):
        return None
    return _within(comment[len(_ASCII) :].rstrip(b"\0"))


def _from_zip(path: Path) -> bytes | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if BUNDLE_ENTRY in names:
            with archive.open(BUNDLE_ENTRY) as file:
                return _within(file.read(MAX_TEXT + 1))
        if _NPZ_ENTRY not in names:
            return None
        with archive.open(_NPZ_ENTRY) as file:
            return _text_array(file)


def _text_array(file: Any) -> bytes:  # noqa: ANN401  a member of a zip
    """The only element of an array of text; its header is checked before any of it is allocated."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version != (1, 0):
        raise ValueError(tr("its text has an unknown header"))
    shape, _, dtype = npy.read_array_header_1_0(file)
    if shape != () or dtype.kind != "U" or dtype.itemsize > 4 * MAX_TEXT:
        raise ValueError(tr("its entry is no text"))
    data = file.read(dtype.itemsize)
    order = "utf-32-le" if dtype.str.startswith("<") else "utf-32-be"
    return data.decode(order).rstrip("\0").encode()  # type: ignore[no-any-return]


def _from_svg(path: Path) -> bytes | None:
    found: list[str] = []
    state = {"inside": False, "size": 0}
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        state["inside"] = name == "metadata" and attributes.get("id") == CHUNK

    def text(part: str) -> None:
        if state["inside"]:
            state["size"] += len(part)
            if state["size"] > MAX_TEXT:
                raise ValueError(tr("its text is too long"))
            found.append(part)

    def end(name: str) -> None:
        if state["inside"]:
            raise _FoundError

    def refuse(*_: object) -> None:
        raise ValueError(tr("it declares entities"))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = text, refuse
    try:
        with path.open("rb") as file:
            for _ in range(MAX_FILE // _PART):
                data = file.read(_PART)
                parser.Parse(data, not data)
                if not data:
                    break
    except _FoundError:
        return "".join(found).encode()
    return None


class _FoundError(Exception):
    """The element is complete: what follows need not be read."""


def _from_pdf(path: Path) -> bytes | None:
    """The keywords in the clear, as matplotlib writes them."""
    if path.stat().st_size > MAX_FILE:
        raise ValueError(tr("it is too large"))
    data = path.read_bytes()
    start = data.rfind(_KEYWORDS)
    if start < 0:
        return None
    start += len(_KEYWORDS)
    match = _PDF_TEXT.match(data, start, start + 2 * MAX_TEXT)
    if match is None or data[match.end() : match.end() + 1] != b")":
        raise ValueError(tr("its keywords are not complete"))
    text = re.sub(rb"\\(.)", lambda each: each[1], match[0], flags=re.DOTALL)
    return _within(text) if text[:1] == b"{" else None


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return _within(file.read(MAX_TEXT + 1))


def _within(data: bytes) -> bytes:
    if len(data) > MAX_TEXT:
        raise ValueError(tr("its text is too long"))
    return data


def _unusable(path: Path, reason: str, advice: str) -> ProvenanceError:
    return ProvenanceError(
        tr(
            "The origin of {path} is not known because {reason}: {advice}.",
            path=path,
            reason=reason,
            advice=advice,
        ),
        path,
    )
