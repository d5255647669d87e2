"""The files of a project as modules that import each other: found and read, never run."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final, NamedTuple

from .facts.project import Module
from .files import FileError, decoded, read_found
from .outcome import SourceError
from .project_root import ENVIRONMENTS, is_there, root_of
from .reading.parsing import parse
from .reading.source import Source

_NEVER: Final = frozenset(("__pycache__", "node_modules", *ENVIRONMENTS))
_MOST_FILES: Final = 20_000
_MOST_KEPT: Final = 4_000_000
"""How many characters of source have their trees kept: one takes some hundred bytes."""
_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<of>[.\w]+)[ \t]+import\b[ \t]*"
    r"(?P<names>\([^)]*\)|(?:[^\n#;\\]|\\\r?\n)*)|import[ \t]+(?P<modules>[^\n#;]+))",
    re.MULTILINE,
)
_NAME: Final = re.compile(r"([\w.]+|\*)(?:\s+as\s+(\w+))?")
_DEFINITION: Final = re.compile(r"^(?:class|def|async def)[ \t]+(\w+)", re.MULTILINE)
_BASES: Final = re.compile(r"^[ \t]*class[ \t]+\w+\(([^)]*)", re.MULTILINE)
_STRING: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*")
_COMMENT: Final = re.compile(r"#[^\n]*")


class _Import(NamedTuple):
    """A name that a file imports: of a module, or where that is empty a module itself."""

    importer: str
    name: str
    alias: str


def _matters(module: Module, names: re.Pattern[str], node: ast.stmt) -> bool:
    """Whether a statement of a module speaks of some names."""
    return names.search(module.code(node)) is not None


class Locator:
    """Finds the project of a file; what is read is read once, and so is a snapshot."""

    def __init__(self) -> None:
        self._of_root: dict[tuple[Path, str | None], ProjectFiles] = {}

    def locate(self, file: Path) -> Location:
        """Where a file lies.

        Args:
            file: its path from the root of the file system.
        """
        key = root_of(file.parent)
        if key not in self._of_root:
            self._of_root[key] = ProjectFiles(*key)
        files = self._of_root[key]
        return Location(files, file.relative_to(files.root).as_posix())


@dataclass(frozen=True)
class Location:
    """Where a source lies.

    Attributes:
        files: its project.
        path: that of its file from the root, with slashes.
    """

    files: ProjectFiles
    path: str

    def module(self, tree: ast.Module, text: str) -> Module:
        """The source as a module of the project."""
        return self.files.module(self.path, tree, text)

    def text_of(self, name: str) -> str:
        """The text of a module that a source imports by a name; empty if there is none."""
        return self.files.text_of(name, self.path)


def location_of(source: Source) -> Location | None:
    """Where a source lies in a project; None for one that lies nowhere."""
    return source.location if isinstance(source.location, Location) else None


class ProjectFiles:
    """The Python files of a project.

    A module is called by its dotted path from the root; ``import`` finds it from the root, from
    ``src``, from where the topmost package of the importing file lies, or from beside a script.

    Args:
        root: the directory of the project.
        package: the one of its directories that belongs to it; empty if none does, None for all,
            then with the files beside them.
    """

    def __init__(self, root: Path, package: str | None = None) -> None:
        self.root = root
        self._package = package
        self._texts: dict[str, str] = {}
        self._spoken: dict[str, str] = {}
        self._plain: dict[str, tuple[str, str]] = {}
        self._containing: dict[re.Pattern[str], list[str]] = {}
        self._modules: dict[str, Module | None] = {}
        self._kept = 0

    def find(self, name: str, importer: Module | None) -> Module | None:
        """The module of a dotted name, as ``facts.project.Project`` asks for it."""
        parts = tuple(name.split("."))
        if parts[0] == "torch":
            return None
        bases = ((),) if importer is None else self._bases(importer.file)
        found = (self._file((*base, *parts)) for base in bases)
        path = next((each for each in found if each), None)
        return self._module(path) if path is not None else None

    def text_of(self, name: str, importer: str) -> str:
        """The text of a module that another file calls so in an import; empty if there is none."""
        for base in self._bases(importer):
            file = self._file((*base, *name.split(".")))
            if file:
                return "" if file.endswith("/") else self._text(file)
        return ""

    def module(self, path: str, tree: ast.Module, text: str) -> Module:
        """A file that is read and parsed already, as a module; others have it likewise."""
        made = _made(path, tree, text)
        if path in self._files and path not in self._modules and text == self._text(path):
            self._keep(path, made)
        return made

    def readers(
        self, path: str, names: Collection[str], does: re.Pattern[str]
    ) -> dict[Module, Callable[[ast.stmt], bool]]:
        """The modules that may do something with names of a file, and which statements may.

        They import such a name, or a definition that speaks of it, be it from elsewhere; and their
        text has what is asked for, or they inherit from a class of such a name.

        Args:
            path: that of the file from the root.
            names: what it defines.
            does: what the text has of a file that matters.
        """
        found: dict[str, set[str]] = {}
        seen: set[tuple[str, str]] = set()
        todo = [(path, name) for name in names]
        while todo:
            file, name = todo.pop()
            if (file, name) in seen:
                continue
            seen.add((file, name))
            for each in self._importing(file, name):
                if each.importer == path:
                    continue
                called = each.alias if each.alias and each.name else name
                if each.name:  # and so others may have it from there
                    todo.append((each.importer, called))
                found.setdefault(each.importer, set())
                if self._speaks(each.importer, called):
                    users = [*self._users(each.importer, called)]
                    todo += ((each.importer, one) for one in users)
                    found.setdefault(each.importer, set()).update((called, *users))
        return dict(self._readers(found, does))

    def _readers(
        self, found: Mapping[str, set[str]], does: re.Pattern[str]
    ) -> Iterator[tuple[Module, Callable[[ast.stmt], bool]]]:
        for path, names in sorted(found.items()):
            any_of = "|".join(map(re.escape, sorted(names))) or "(?!)"  # it only imports them
            speaks = re.compile(rf"\b({any_of})\b")
            if path not in self._plain:
                plain = _STRING.sub("", self._text(path))
                self._plain[path] = plain, "\n".join(_BASES.findall(plain))
            plain, bases = self._plain[path]
            module = self._module(path) if does.search(plain) or speaks.search(bases) else None
            if module is not None:
                yield module, partial(_matters, module, speaks)

    def containing(self, what: re.Pattern[str]) -> Iterator[Module]:
        """The modules whose text has something, but for tests and scripts."""
        if what not in self._containing:
            found = (path for path in sorted(self._files) if what.search(self._text(path)))
            self._containing[what] = [*found]
        for each in map(self._module, self._containing[what]):
            if each is not None and not each.runs_apart:
                yield each

    # --- who imports what --------------------------------------------------------------------

    def _importing(self, path: str, name: str) -> Iterator[_Import]:
        """The imports by which a name of a file may be had."""
        yield from (each for each in self._importers[path] if each.name in ("", "*", name))
        packages = path.split("/")[:-1]
        for end in range(len(packages)):
            package = "/".join((*packages[: end + 1], "__init__.py"))
            yield from (each for each in self._importers[package] if not each.name)

    def _speaks(self, path: str, name: str) -> bool:
        """Whether a file speaks of a name, but for importing it."""
        if path not in self._spoken:
            self._spoken[path] = _IMPORT.sub("", self._text(path))
        return _has_word(self._spoken[path], name)

    def _users(self, path: str, name: str) -> Iterator[str]:
        """The definitions of a module that speak of a name."""
        text = self._spoken[path]
        end = len(text)
        for each in reversed([*_DEFINITION.finditer(text)]):
            if _has_word(text[each.end() : end], name):
                yield each[1]
            end = each.start()

    @cached_property
    def _importers(self) -> defaultdict[str, list[_Import]]:
        """For each file, who imports it or from it."""
        found: defaultdict[str, list[_Import]] = defaultdict(list)
        for path in sorted(self._files):
            for module, name, alias in _imports(self._text(path)):
                for file in self._meant(path, module):
                    if name and name != "*":
                        inner = self._file((*_parts(file), name)) if _is_package(file) else None
                        if inner is not None:
                            found[inner].append(_Import(path, "", alias))
                    found[file].append(_Import(path, name, alias))
        return found

    def _meant(self, path: str, module: str) -> Iterator[str]:
        """The file that is imported as a module, with those of the packages that it is in."""
        dots = len(module) - len(module.lstrip("."))
        parts = tuple(filter(None, module[dots:].split(".")))
        if dots:
            directory = tuple(path.split("/")[:-1])
            if dots - 1 > len(directory):
                return
            bases = [directory[: len(directory) - dots + 1]]
        else:
            bases = self._bases(path)
        for base in bases:
            file = self._file((*base, *parts))
            if file is not None:
                yield file
                return

    # --- which file is what ------------------------------------------------------------------

    def _bases(self, path: str) -> list[tuple[str, ...]]:
        """Where an absolute import of a file looks, in order."""
        directory = path.split("/")[:-1]
        while directory and "/".join((*directory, "__init__.py")) in self._files:
            directory.pop()
        return [*dict.fromkeys((tuple(directory), (), ("src",)))]

    def _file(self, parts: tuple[str, ...]) -> str | None:
        """The file of a module that lies at some directories; None if there is none."""
        path = "/".join(parts)
        for file in (f"{path}/__init__.py", f"{path}.py"):
            if file in self._files:
                return file
        if not parts and "__init__.py" in self._files:
            return "__init__.py"
        return f"{path}/" if path in self._directories else None

    @cached_property
    def _files(self) -> frozenset[str]:
        """The paths of all files, from the root, with slashes."""
        return frozenset(self._walk())

    @cached_property
    def _directories(self) -> frozenset[str]:
        """Those that files lie in, in any depth."""
        parts = (each.split("/") for each in self._files)
        return frozenset("/".join(each[:end]) for each in parts for end in range(1, len(each)))

    @cached_property
    def is_whole(self) -> bool:
        """Whether it has no more files than are looked at."""
        return len(self._files) < _MOST_FILES

    def _walk(self) -> Iterator[str]:
        count = 0
        for directory, names, files in os.walk(self.root / (self._package or "")):
            inside = Path(directory)
            deeper = (each for each in names if self._package != "" and _is_walked(inside, each))
            names[:] = sorted(deeper)
            for each in sorted(files):
                if each.endswith(".py") and count < _MOST_FILES:
                    count += 1
                    yield (inside / each).relative_to(self.root).as_posix()

    # --- what is in them ---------------------------------------------------------------------

    def _text(self, path: str) -> str:
        """The text of a file; empty where it cannot be read, which is said if it is asked for."""
        if path not in self._texts:
            try:
                self._texts[path] = decoded(read_found(str(self.root / path))).text
            except FileError:
                self._texts[path] = ""
        return self._texts[path]

    def _module(self, path: str) -> Module | None:
        if path not in self._modules:
            self._keep(path, self._read(path))
        return self._modules[path]

    def _keep(self, path: str, module: Module | None) -> None:
        self._kept += len(module.text) if module is not None else 0
        if self._kept > _MOST_KEPT:
            self._modules.clear()
            self._kept = len(module.text) if module is not None else 0
        self._modules[path] = module

    def _read(self, path: str) -> Module | None:
        try:
            text = "" if path.endswith("/") else self._text(path)
            return _made(path, parse(text), text)
        except (SourceError, RecursionError, MemoryError):
            return None  # which is said where it is a file of the run


def _made(path: str, tree: ast.Module, text: str) -> Module:
    is_package = path.endswith("/") or _is_package(path)
    return Module(".".join(_parts(path)), is_package, tree, text, path)


def _is_walked(directory: Path, name: str) -> bool:
    """Whether a directory in another one belongs to the project of that."""
    is_own = "." not in name and name not in _NEVER
    return is_own and not is_there(directory / name / "pyvenv.cfg")


def _has_word(text: str, word: str) -> bool:
    return word in text and re.search(rf"\b{re.escape(word)}\b", text) is not None  # fast, then so


def _is_package(path: str) -> bool:
    return path.rpartition("/")[2] == "__init__.py"


def _parts(path: str) -> tuple[str, ...]:
    """The parts of the dotted name of a file."""
    parts = path.removesuffix("/").removesuffix(".py").split("/")
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(text: str) -> Iterator[tuple[str, str, str]]:
    """What a text imports: the module, the name of it or nothing, and what it is called here."""
    for each in _IMPORT.finditer(text):
        listed = _COMMENT.sub("", each["names"] or each["modules"]).replace("\\", " ")
        for found in _NAME.finditer(listed):
            name, alias = found.groups(default="")
            if each["of"] is None:
                yield name, "", alias
            else:
                yield each["of"], name, alias
