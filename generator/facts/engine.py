"""The interpreter with all that interprets a kind of node or value."""

from __future__ import annotations

from .assignment import Assignment
from .attributes import Attributes
from .builtins import Builtins
from .calls import Calls
from .containers import Containers
from .definitions import Definitions
from .displays import Displays
from .expressions import Expressions
from .functions import Functions
from .interpreter import Interpreter
from .iteration import Iteration
from .library import Library
from .lookups import Lookups
from .loops import Loops
from .modules import Modules
from .new_containers import NewContainers
from .partials import Partials
from .project import Project
from .statements import Statements
from .tensors import Tensors
from .walks import Walks


class Engine:
    """Puts it together, so that each knows what it asks.

    Attributes:
        interpreter: which dispatches.
        functions: has those interpreted that anybody may call.
        lookups: resolves names.
    """

    def __init__(self, project: Project) -> None:
        self.interpreter = core = Interpreter(project)
        tensors, definitions, partials = Tensors(core), Definitions(core), Partials(core)
        self.functions = functions = Functions(core)
        self.lookups = lookups = Lookups(core, definitions)
        iteration = Iteration(core, tensors)
        new_containers = NewContainers(core, iteration, tensors)
        containers = Containers(core, iteration, new_containers)
        walks = Walks(core, new_containers)
        attributes = Attributes(core, functions, lookups, tensors, walks)
        modules = Modules(core, attributes, containers, iteration, tensors, walks)
        library = Library(core, containers, new_containers, partials, walks)
        builtins = Builtins(
            core,
            attributes,
            containers,
            functions,
            lookups,
            modules,
            new_containers,
            library,
            partials,
            tensors,
        )
        calls = Calls(core, builtins, containers, functions, modules, partials, tensors, walks)
        assignment = Assignment(core, attributes, containers, lookups, tensors)
        loops = Loops(core, assignment)
        Displays(core, assignment, iteration, loops, tensors)
        Expressions(
            core,
            assignment,
            calls,
            definitions,
            iteration,
            lookups,
            new_containers,
            tensors,
            walks,
        )
        Statements(core, assignment, attributes, definitions, functions, lookups)
