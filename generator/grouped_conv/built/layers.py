"""Norms of the project with layers of their own, as blocks of the helper.

Other blocks are fixed texts. Of these norms the helper has the class, imported from where it is,
and for each sequence of layers one that applies them behind the concatenation.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ...facts.project import Module
from ...project_files import ProjectFiles, location_of
from ...reading.source import Source
from ..norms.own_norms import OwnNorm

WITH_LAYERS: Final = "with_layers"
"""How such a block begins; then a module, a class and its layers, those with ``?`` optional."""
_HERE: Final = "-"
"""Stands for the module that the helper is in."""


@dataclass(frozen=True)
class Layer:
    """A layer that a norm applies; ``is_optional`` if it may be None."""

    name: str
    is_optional: bool


@dataclass(frozen=True)
class NormClass:
    """A class of norms.

    Attributes:
        path: the module to import it from, as it stands after ``from``; empty for no import.
        name: what it is called there.
        alias: what the helper calls it.
    """

    path: str
    name: str
    alias: str


@dataclass(frozen=True)
class Joining:
    """A class of the helper that joins norms with some layers.

    Attributes:
        name: what it is called.
        layers: in the order in which they are applied.
        norms: the classes of the norms.
    """

    name: str
    layers: tuple[Layer, ...]
    norms: tuple[NormClass, ...]


def joinings(blocks: Iterable[str], name: str) -> tuple[Joining, ...]:
    """The classes that some blocks have, called by a name or, with a number, after it."""
    found = sorted(each.split()[1:] for each in blocks if each.startswith(f"{WITH_LAYERS} "))
    by_layers: dict[tuple[str, ...], list[NormClass]] = {}
    names = Counter[str]()
    for path, norm, *layers in found:
        names[norm] += 1
        alias = norm if names[norm] == 1 else f"{norm}_{names[norm]}"
        norms = by_layers.setdefault(tuple(layers), [])
        norms.append(NormClass(path.removeprefix(_HERE), norm, alias))
    return tuple(
        Joining(
            f"{name}_{i}" if i > 1 else name,
            tuple(Layer(each.rstrip("?"), each.endswith("?")) for each in layers),
            tuple(norms),
        )
        for i, (layers, norms) in enumerate(by_layers.items(), 1)
    )


def layers_in(text: str) -> list[str]:
    """The blocks of norms with layers that a helper has, by its text; none if that is edited."""
    if f"def {WITH_LAYERS}(" not in text:
        return []
    try:
        return [*_blocks_in(ast.parse(text))]
    except (SyntaxError, ValueError, LookupError):
        return []


def _blocks_in(tree: ast.Module) -> Iterator[str]:
    layers: dict[str, str] = {}
    imported: dict[str, tuple[str, str]] = {}
    for each in ast.walk(tree):
        match each:
            case ast.ClassDef(
                body=[_, ast.Assign(targets=[ast.Name(id="behind")]) as behind, *rest]
            ):
                tested = {ast.unparse(one) for part in rest for one in ast.walk(part)}
                names = ast.literal_eval(behind.value)
                layers[each.name] = " ".join(
                    f"{one}{'?' * (f'self.{one} is not None' in tested)}" for one in names
                )
            case ast.ImportFrom(names=[alias]):
                path = f"{'.' * each.level}{each.module or ''}"
                imported[alias.asname or alias.name] = path, alias.name
            case ast.Assign(targets=[ast.Name(id="kinds")], value=ast.Dict() as table):
                for norm, joining in zip(table.keys, table.values, strict=True):
                    known = getattr(norm, "id", "")
                    path, name = imported.get(known, (_HERE, known))
                    yield f"{WITH_LAYERS} {path} {name} {layers[ast.unparse(joining)]}"


def blocks_for(
    norms: Iterable[OwnNorm], source: Source, helper: str
) -> tuple[frozenset[str], dict[str, str]]:
    """The blocks that a source needs for some norms; and by name why others stay.

    Args:
        norms: the norms.
        source: where they are split.
        helper: the module that it imports the helper from; empty if it has that itself.
    """
    blocks: set[str] = set()
    left: dict[str, str] = {}
    words: tuple[str, ...] = ()
    for each in dict.fromkeys(norms):
        path = _path(each.module, source, helper)
        reason = ""
        if path is None:
            reason = "the helper cannot import it"
        elif not helper and blocks and each.what.words != words:
            reason = "the helper in a file has one sequence of layers"
        if reason and each.is_seen:
            left[each.name] = reason
        elif path is not None and not reason:
            words = each.what.words
            blocks.add(" ".join((WITH_LAYERS, path, each.name, *words)))
    return frozenset(blocks), left


def _path(module: Module | None, source: Source, helper: str) -> str | None:
    """How the helper imports a module, None for the source itself; None if that is not known."""
    if module is None and not helper:
        return _HERE
    location = location_of(source)
    if location is None:
        return None
    own = location.module(source.tree, source.text)
    if not helper.startswith(".") and (helper or not _imports_relatively(source)):
        return _as_imported(module, location.files, source, own) if module is not None else None
    name = helper.lstrip(".")
    package = own.absolute(len(helper) - len(name) or 1, name.rpartition(".")[0])
    return _relative(package.split("."), (module or own).name.split("."))


def _imports_relatively(source: Source) -> bool:
    return any(isinstance(each, ast.ImportFrom) and each.level for each in source.nodes)


def _as_imported(module: Module, files: ProjectFiles, source: Source, own: Module) -> str | None:
    """The name of a module from where the imports of a source start, if one shows where that is."""
    parts = module.name.split(".")
    for each in source.nodes:
        match each:
            case (
                ast.ImportFrom(module=str(path), level=0) | ast.Import(names=[ast.alias(name=path)])
            ):
                top = path.partition(".")[0]
                name = ".".join(parts[parts.index(top) :]) if top in parts else ""
                found = files.find(name, own) if name else None
                if found is not None and found.file == module.file:
                    return name
    return None


def _relative(package: Sequence[str], target: Sequence[str]) -> str | None:
    """What stands after ``from`` in a package for a module; None if they have none in common."""
    common = 0
    for one, other in zip(package, target, strict=False):
        if one != other:
            break
        common += 1
    if not common:
        return None
    return "." * (len(package) - common + 1) + ".".join(target[common:])
