"""Arrays of numbers in MATLAB's files of version 5 to 7, also within structs and cells.

Not by scipy's reader: it crashes the interpreter on files that are cut off or changed. Here every length is
checked against what is there before anything is read.

Source: MathWorks, MAT-File Format, "Level 5 MAT-File Format".
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import count, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

HEADER = 128  # bytes; the last two tell the order of bytes
HDF5 = b"MATLAB 7.3"
DEEPEST = 16  # structs within structs
MOST_ITEMS = 100_000  # matrices of a file
MATRIX, COMPRESSED = 14, 15  # types of elements
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CELL, STRUCT, OBJECT = 1, 2, 3  # classes of matrices
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
LOGICAL, COMPLEX = 0x02, 0x08  # flags


class ArrayError(ValueError):
    """A file without a picture of whole numbers; the message does not name the file."""


class Element(NamedTuple):
    """One element of a file, without its tag."""

    kind: int
    content: memoryview


def read_matrices(content: bytes, limit: int) -> Iterator[tuple[str, Array]]:
    """Name and array of each matrix of real numbers or truth values.

    Names are those of MATLAB: `a.b` within a struct, `a(2).b` within several, `a{2}` within a cell.

    Args:
        limit: bytes that compressed parts may unpack to, all together.

    Raises:
        ArrayError: the file is broken, of another version, or unpacks to more.
    """
    if content.startswith(HDF5):
        raise ArrayError("is of MATLAB 7.3 (HDF5). Save it with the option '-v7', or as PNG")
    order = {b"IM": "<", b"MI": ">"}.get(content[HEADER - 2 : HEADER])
    if order is None:
        raise ArrayError("is no file of MATLAB 5 to 7. Save it with the option '-v7', or as PNG")
    yield from _Reader(order, limit).matrices(memoryview(content)[HEADER:])


def _items(name: str, brackets: str, shape: tuple[int, ...]) -> Iterator[str]:
    """The names of the items of a cell or of structs, without end: `x` of a single one, else `x{1}`, ..."""
    single = all(side == 1 for side in shape)
    return repeat(name) if single else (f"{name}{brackets[0]}{i}{brackets[1]}" for i in count(1))


class _Reader:
    """Reads elements in one order of bytes, and counts what is unpacked and read."""

    def __init__(self, order: str, limit: int) -> None:
        self.order = order
        self.left = limit  # bytes that may still be unpacked
        self.items = 0

    def matrices(self, content: memoryview) -> Iterator[tuple[str, Array]]:
        """The matrices of a file, or of what a compressed element unpacks to."""
        for element in self.elements(content):
            if element.kind == COMPRESSED:
                yield from self.matrices(self.unpacked(element.content))
            elif element.kind == MATRIX:
                yield from self.matrix(element.content, "", 0)

    def elements(self, content: memoryview) -> Iterator[Element]:
        """The elements one behind the other; they begin at multiples of 8 bytes, but for compressed ones."""
        while len(content) >= 8:
            first, size = struct.unpack(f"{self.order}II", content[:8])
            if first >> 16:  # a small element: type, size and up to 4 bytes of content in 8 bytes
                kind, size, start = first & 0xFFFF, first >> 16, 4
            else:
                kind, start = first, 8
            if size > (4 if start == 4 else len(content) - start):
                raise ArrayError(f"is cut off: expected {size} bytes, got {len(content) - start}")
            yield Element(kind, content[start : start + size])
            end = start + size if kind == COMPRESSED else -(-(start + size) // 8) * 8
            content = content[end:]

    def unpacked(self, content: memoryview) -> memoryview:
        unpacker = zlib.decompressobj()
        try:
            result = unpacker.decompress(content, self.left + 1)
        except zlib.error as error:
            raise ArrayError(f"cannot be unpacked: {error}") from error
        self.left -= len(result)
        if self.left < 0:
            raise ArrayError("unpacks to more than an image needs. Raise data.max_megapixels")
        return memoryview(result)

    def matrix(self, content: memoryview, name: str, depth: int) -> Iterator[tuple[str, Array]]:
        """The arrays of one matrix; `name` is that of the struct or cell that holds it."""
        if not len(content):  # an empty cell or field
            return
        self.items += 1
        if depth > DEEPEST or self.items > MOST_ITEMS:
            raise ArrayError(f"holds more than {MOST_ITEMS} matrices, or {DEEPEST} within each other")
        elements = self.elements(content)
        flags, sizes, own = (self.next(elements) for _ in range(3))
        kind, options = self.flags(flags.content)
        shape = tuple(self.numbers(sizes).tolist())
        name = name or bytes(own.content).decode("ascii", "replace")
        if kind == CELL:
            yield from self.parts(elements, _items(name, "{}", shape), depth)
        elif kind in (STRUCT, OBJECT):
            if kind == OBJECT:
                self.next(elements)  # the name of its class
            if fields := self.fields(elements):
                items = _items(name, "()", shape)
                yield from self.parts(elements, (f"{i}.{field}" for i in items for field in fields), depth)
        elif kind in CLASSES and not options & COMPLEX:
            yield name, self.array(self.next(elements), CLASSES[kind], shape, bool(options & LOGICAL))

    def parts(
        self, elements: Iterator[Element], names: Iterator[str], depth: int
    ) -> Iterator[tuple[str, Array]]:
        """The matrices in a cell or struct; the fields of one item stand side by side."""
        for element, name in zip(elements, names, strict=False):
            if element.kind == MATRIX:
                yield from self.matrix(element.content, name, depth + 1)

    def fields(self, elements: Iterator[Element]) -> list[str]:
        lengths: list[int] = self.numbers(self.next(elements)).tolist()
        length = lengths[0] if lengths else 0
        text = bytes(self.next(elements).content)
        if length < 1 or len(text) % length:
            raise ArrayError("is broken: the names of its fields do not fit")
        parts = [text[start : start + length] for start in range(0, len(text), length)]
        return [part.partition(b"\0")[0].decode("ascii", "replace") for part in parts]

    def flags(self, content: memoryview) -> tuple[int, int]:
        if len(content) != 8:
            raise ArrayError("is broken: a matrix without flags")
        (word,) = struct.unpack(f"{self.order}I", content[:4])
        return word & 0xFF, word >> 8 & 0xFF

    def array(self, element: Element, kind: str, shape: tuple[int, ...], logical: bool) -> Array:
        values = self.numbers(element)
        if any(side < 0 for side in shape) or int(np.prod(shape, dtype=object)) != len(values):
            raise ArrayError(f"is broken: {len(values)} numbers for a matrix of {shape}")
        typed = values.astype(bool if logical else kind)  # small numbers are stored in less than their type
        return typed.reshape(shape, order="F")

    def numbers(self, element: Element) -> Array:
        kind = NUMBERS.get(element.kind)
        if kind is None:
            raise ArrayError(f"is broken: expected numbers, got an element of type {element.kind}")
        dtype = np.dtype(f"{self.order}{kind}")
        if len(element.content) % dtype.itemsize:
            raise ArrayError("is broken: a number is cut off")
        return np.frombuffer(element.content, dtype)

    def next(self, elements: Iterator[Element]) -> Element:
        try:
            return next(elements)
        except StopIteration:
            raise ArrayError("is cut off: a part of a matrix is missing") from None
