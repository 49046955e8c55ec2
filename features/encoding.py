"""A text file's bytes as UTF-8 blocks of whole lines: gz opened, the encoding detected, bytes that are none marked."""

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import InputError, SpecError

PIECE: Final = 1 << 22
BLOCK: Final = 1 << 24
LONGEST_LINE: Final = 1 << 26
SCANNED: Final = 1 << 28
SAMPLE: Final = 1 << 18
UNDECODABLE: Final = "\ufdd0"
"""Stands in a text for bytes that the encoding cannot read: a code point that no text holds (Unicode 16, section 23.7)."""

BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LIKELY: Final = ["gb18030", "big5", "shift_jis", "euc_jp", "cp949", "cp1251", "cp1252"]


@dataclass(slots=True)
class TextFile:
    """A text file being read.

    Attributes:
        path: The file; a gzip file is told by its first bytes.
        encoding: Its encoding.
        note: How the encoding was come by, where that is worth saying; else empty.
        truncated: After reading: a gzip stream ended before its end, so the last line is cut.
        ended: After reading: the last line has its line end.
    """

    path: Path
    encoding: str
    note: str = ""
    truncated: bool = field(default=False)
    ended: bool = field(default=True)

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes, opened where packed."""
        with self.path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                while piece := file.read(PIECE):
                    yield piece
                return
            machine = zlib.decompressobj(wbits=31)
            try:
                while piece := file.read(PIECE // 4):
                    while piece:
                        yield machine.decompress(piece)
                        piece = machine.unused_data
                        if machine.eof:
                            machine = zlib.decompressobj(wbits=31) if piece.strip(b"\0") else machine
                            piece = piece if piece.strip(b"\0") else b""
            except zlib.error as error:
                raise InputError(f"{self.path} is a damaged gzip file ({error}). Have it delivered again.") from error
            self.truncated = not machine.eof

    def head(self) -> bytes:
        """The first lines, some megabytes at most, as `blocks` gives them; empty where the file is."""
        return next(self.blocks(1), b"")

    def blocks(self, size: int | None = None) -> Iterator[bytes]:
        """UTF-8 blocks of about `size` (or `BLOCK`) bytes of whole lines; only the last line may lack its end.

        Raises:
            InputError: A line is longer than 64 MB, or gzip is damaged.
        """
        rest = b""
        old_mac: bool | None = None
        for text in self._utf8():
            if old_mac is None and text:
                old_mac = b"\r" in text[:-1] and b"\n" not in text
            rest += text.replace(b"\r", b"\n") if old_mac else text
            if len(rest) < (size or BLOCK):
                continue
            end = rest.rfind(b"\n") + 1
            if end == 0 and len(rest) > LONGEST_LINE:
                raise InputError(f"{self.path} has no line end in {LONGEST_LINE >> 20} MB: is it a text file?")
            if end:
                yield _plain(rest[:end])
                rest = rest[end:]
        self.ended = not rest or rest.endswith(b"\n")
        if rest:
            yield _plain(rest)

    def _utf8(self) -> Iterator[bytes]:
        codecs.register_error("intently-mark", lambda error: (UNDECODABLE, error.end))  # type: ignore[attr-defined]
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="intently-mark")
        ascii_like = self.encoding not in ("utf-16", "utf-8-sig")
        pending = False
        for piece in self.pieces():
            if ascii_like and not pending and piece.isascii():
                yield piece
                continue
            yield decoder.decode(piece).encode()
            pending = decoder.getstate()[0] != b"" or not ascii_like
        yield decoder.decode(b"", final=True).encode()


def _plain(block: bytes) -> bytes:
    """Each line ended by a newline; a carriage return alone is a blank, not an end that only some readers see."""
    return block.replace(b"\r\n", b"\n").replace(b"\r", b" ") if b"\r" in block else block


def open_text(path: Path, encoding: str | None = None) -> TextFile:
    """The file, its encoding the one given, else detected.

    Raises:
        InputError: It is empty.
        SpecError: No such encoding.
    """
    file = TextFile(path, "utf-8")
    sample = _sample(file)
    bom = next((name for mark, name in BOMS if sample.startswith(mark)), None)
    if encoding is not None:
        try:
            "".encode(encoding)
            name = codecs.lookup(encoding).name
        except (LookupError, UnicodeError):
            raise SpecError(
                f"Unknown encoding {encoding!r}. Give one that Python knows, such as utf-8, gb18030 or cp1252."
            ) from None
        return TextFile(path, bom if bom and name.replace("_", "-") in ("utf-8", "utf-16") else name)
    if bom is not None:
        return TextFile(path, bom)
    if _is_utf8(sample):
        said = "" if sample.isascii() else f"{path.name}: read as utf-8 (detected)."
        return TextFile(path, "utf-8", said)
    name = _detected(b"\n".join(line for line in sample.split(b"\n") if not line.isascii()))
    return TextFile(
        path, name, f"{path.name}: read as {name} (detected). Say `encoding = …` in a mapping if that is wrong."
    )


def _detected(sample: bytes) -> str:
    """The encoding of a text that is not UTF-8; a few Chinese words are too few for charset-normalizer, so they go first."""
    pairs = [sample[i : i + 2] for i in _double_bytes(sample)]
    common = [pair for pair in pairs if pair[-1] >= 0xA1 and (0xB0 <= pair[0] <= 0xD7 or pair[0] <= 0xA3)]
    # Korean's letters end at C8; Japanese, Big5 and Cyrillic text hardly ever stays within GB 2312's level 1
    if len(common) > 0.95 * len(pairs) and any(pair[0] > 0xC8 for pair in common):
        return "gb18030"
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=LIKELY).best()
    return best.encoding if best is not None else "cp1252"


def _sample(file: TextFile) -> bytes:
    """Lines that tell the encoding: from the first byte beyond ASCII on, else the file's start."""
    start, scanned = b"", 0
    for piece in file.pieces():
        if scanned == 0:
            start = piece[:SAMPLE]
        scanned += len(piece)
        if not piece.isascii():
            place = next(i for i in range(0, len(piece), 4096) if not piece[i : i + 4096].isascii())
            first = piece.rfind(b"\n", 0, place) + 1 if place > SAMPLE else 0
            start = piece[first : first + SAMPLE]
            break
        if scanned > SCANNED:
            break
    if scanned == 0:
        raise InputError(f"{file.path} is empty: there is nothing to ingest.")
    end = start.rfind(b"\n") + 1
    return start[:end] if end and len(start) == SAMPLE else start


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError as error:
        # A few bad bytes in a text that is UTF-8 otherwise are that text's damage, not another encoding.
        good = sample.decode("utf-8", errors="ignore")
        beyond = sum(1 for letter in good if not letter.isascii())
        bad = sum(1 for letter in sample.decode("utf-8", errors="replace") if letter == "\ufffd")
        return error.start > 0 and beyond > 20 * bad
    return True


def _double_bytes(sample: bytes) -> list[int]:
    """Places of bytes beyond ASCII, each with the byte that follows it counted to it."""
    places, i = [], 0
    while i < len(sample):
        if sample[i] >= 0x80:
            places.append(i)
            i += 1
        i += 1
    return places
