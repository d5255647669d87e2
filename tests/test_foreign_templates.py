"""The templates of a user are text to gencode: they run no code, read no file, and end."""

from __future__ import annotations

import io
import json
import os
import pickle
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cases import CONV, model
from gencode import Options, TemplateError, split_source
from gencode.command import main
from gencode.limits import TEMPLATE_CHARACTERS
from gencode.rewriting import sandbox, template_process
from gencode.rewriting.templating import Templates
from sources import GROUPED, SPLIT, on_disk, text, write

BUILT_IN = Path(__file__).parents[1] / "templates"
EXPLICIT = "explicit.py.jinja"
LOOP = "loop.py.jinja"
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


def defining(body: str) -> str:
    return "{% macro definition(conv) %}" + body + "{% endmacro %}"


def faulty(directory: Path, template: str) -> str:
    """What is said of a template."""
    (directory / EXPLICIT).write_text(template, encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        split_source(GROUPED, Options(templates=directory))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1200
    return str(caught.value)


def copied(directory: Path) -> Options:
    """Options for a directory with one template, which is as the built-in one."""
    directory.mkdir(exist_ok=True)
    (directory / EXPLICIT).write_bytes((BUILT_IN / EXPLICIT).read_bytes())
    return Options(templates=directory)


def running() -> subprocess.Popen[bytes]:
    found = template_process._process._running
    assert found is not None
    return found


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience, but enough to start a process on a busy machine."""
    monkeypatch.setattr("gencode.rewriting.template_process.TEMPLATE_SECONDS", 4)


@pytest.mark.parametrize(
    "expression",
    [
        "cycler.__init__.__globals__.os.popen('touch ran').read()",
        "lipsum.__globals__['os'].system('touch ran')",
        "cycler | attr('__init__')",
        "''.__class__.__mro__",
        "''['__class__']['__mro__']",
        "conv.__class__",
        "conv.__dict__",
        "'{0.__class__}'.format(conv)",
        "('{0.__class__}' | attr('format'))(conv)",
        "'{a.__class__}'.format_map({'a': conv})",
        "self._TemplateReference__context",
        "[].append(1)",
        "{}.update(conv=1)",
    ],
)
def test_a_template_runs_no_code(tmp_path: Path, monkeypatch, expression: str) -> None:
    monkeypatch.chdir(tmp_path)
    said = faulty(tmp_path, "\n" + defining("{{ " + expression + " }}"))
    assert said.startswith("template explicit.py.jinja line 2: access to attribute '")
    assert said.endswith("is unsafe.")
    assert set(on_disk()) == {EXPLICIT}


def test_the_built_in_templates_are_in_the_sandbox_too() -> None:
    renderer = Templates()._renderer
    assert isinstance(renderer, sandbox.Renderer)
    assert renderer._environment.sandboxed


@pytest.mark.parametrize("option", ["--check", "--diff", "-i"])
def test_a_template_found_beside_the_file_runs_no_code(
    option: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    body = defining("{{ cycler.__init__.__globals__.os.popen('touch ran').read() }}")
    files = {"pyproject.toml": "[tool.gencode]\ntemplates = 'evil'\n", f"evil/{EXPLICIT}": body}
    write({**files, "net.py": GROUPED})
    was = on_disk()
    assert main([option, "net.py"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("gencode: template explicit.py.jinja line 1: access to attribute")
    assert on_disk() == was


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{% for i in range(10 ** 12) %}{% endfor %}", "Range too big"),
        ("{{ 'a' * 10 ** 12 }}", "it needs too much memory"),
        ("{{ 'a' * 10 ** 9 }}", "it needs too much memory"),
        ("{{ '%999999999999s' | format(1) }}", "it needs too much memory"),
        ("{{ [1] | batch(10 ** 9, 1) | list }}", "it needs too much memory"),
        ("{{ definition(conv) }}", "recursion"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "recursion"),
        ("{{ caller() }}", "No caller defined"),
        ("{% include '/etc/passwd' %}", "/etc/passwd"),
        ("{% include '../secret' %}", "../secret"),
        ("{% import '../../secret' as secret %}", "../../secret"),
        ("{% set conv.self = 1 %}", "cannot assign attribute"),
        ("{% for i in range(99999) %}x = 1\n{% endfor %}", "it adds more than 200000 characters"),
        ("{% for i in range(99999) %}{{ 'x' * 999 }}{% endfor %}", "it adds more than 200000"),
        ("#" * TEMPLATE_CHARACTERS, "it has more than 200000 bytes"),
        (r"{{ '\ud800' }}", "surrogates not allowed"),
        (r"{{ '\0' }}", "emits what is not Python"),
        ('{{ \'"}\\n{"text": "x = 1"}\' }}', "emits what is not Python"),
        ("{{ conv['" + "a" * 9999 + "'] }}", "has no attribute"),
        ("{{ 'y y' * 9999 }}", "emits what is not Python"),
    ],
)
def test_what_a_template_may_not_do(tmp_path: Path, body: str, words: str) -> None:
    assert words in faulty(tmp_path, defining(body))[:1000]


def test_what_is_computed_when_it_is_compiled_or_imported_is_bounded_too(tmp_path: Path) -> None:
    for start in ("{{ 'a' * 10 ** 9 }}", "{% set x = ['a'] * 10 ** 9 %}"):
        assert "it needs too much memory" in faulty(tmp_path, start + defining("x"))


@pytest.mark.parametrize("template", [ENDLESS + defining("x"), defining("{{ 9 ** (9 ** 9) }}")])
def test_an_endless_template_ends(
    tmp_path: Path, seconds: None, monkeypatch, template: str
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = template_process._started
    monkeypatch.setattr(
        template_process, "_started", lambda: started.append(start()) or started[-1]
    )
    template_process._process.end()
    said = faulty(tmp_path, template)
    assert said == "template explicit.py.jinja: it takes more than 4 seconds"
    assert started[0].returncode == -signal.SIGKILL  # by this process, and not by itself
    # All that it had is gone, and another is rendered as ever.
    assert template_process._process._running is None
    assert split_source(GROUPED, copied(tmp_path)).text == SPLIT


def test_the_time_is_that_of_one_source(tmp_path: Path, monkeypatch) -> None:
    options = copied(tmp_path)
    templates = Templates(tmp_path)
    assert isinstance(templates._renderer, template_process.ForeignTemplates)
    templates._renderer._seconds = -1
    with pytest.raises(TemplateError, match="it takes more than"):
        templates.render("import.py.jinja", "statement", "torch")
    assert split_source(GROUPED, options).text == SPLIT


def test_what_templates_add_is_counted_for_one_source(tmp_path: Path) -> None:
    body = defining("{{ conv.self }}.x = '{{ 'x' * 150000 }}'")
    write({EXPLICIT: body}, str(tmp_path))
    context = {"self": "self"}
    for _ in range(2):
        templates = Templates(tmp_path)
        assert len(templates.render(EXPLICIT, "definition", context)) > 150_000
        with pytest.raises(TemplateError, match="it adds more than 200000 characters"):
            templates.render(EXPLICIT, "definition", context)


def test_what_a_template_is_given_it_may_repeat(tmp_path: Path) -> None:
    write({EXPLICIT: defining("{{ conv.code }}")}, str(tmp_path))
    templates = Templates(tmp_path)
    code = "é" * TEMPLATE_CHARACTERS
    for _ in range(3):
        assert templates.render(EXPLICIT, "definition", {"code": code}) == code


def test_the_values_are_those_that_built_in_templates_are_given(tmp_path: Path) -> None:
    body = "{{ conv.names }} {{ conv.annotation is none }} {{ conv.__len__ is defined }}"
    write({EXPLICIT: defining(body)}, str(tmp_path))
    given = {"names": ("a", "b"), "annotation": None}
    rendered = Templates(tmp_path).render(EXPLICIT, "definition", given)
    assert rendered == "('a', 'b') True False"


def test_all_styles_are_as_with_the_built_in_templates(tmp_path: Path) -> None:
    for each in BUILT_IN.glob("*.jinja"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    lines = f"{CONV}\nself.bn = nn.BatchNorm2d(32)\nself.all = [nn.Conv2d(8, 8, 3, groups=g)]"
    source = model(lines, "return self.bn(self.conv(x))")
    for style in ("explicit", "loop", "module"):
        expected = split_source(source, Options(style=style))
        assert split_source(source, Options(style=style, templates=tmp_path)) == expected


# Where they are


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    options = copied(tmp_path)
    (tmp_path / EXPLICIT).rename(tmp_path / LOOP)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(EXPLICIT)):
        make(tmp_path / EXPLICIT)
        with pytest.raises(TemplateError, match=r"template explicit\.py\.jinja: ") as caught:
            split_source(GROUPED, options)
        assert "not a file" in str(caught.value) or "loop" in str(caught.value)
        (tmp_path / EXPLICIT).rename(tmp_path / f"was {len(on_disk(str(tmp_path)))}")
    (tmp_path / LOOP).unlink()
    os.mkfifo(tmp_path / EXPLICIT)
    with pytest.raises(TemplateError, match="has none of the templates"):
        split_source(GROUPED, options)


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    write({"secret": "# secret", "mine/import.py.jinja": ""}, str(tmp_path))
    mine = tmp_path / "mine"
    options = Options(templates=mine)
    for target in ("../secret", "/dev/zero", str(tmp_path / "secret")):
        (mine / "link").unlink(missing_ok=True)
        (mine / "link").symlink_to(target)
        said = faulty(mine, defining("{% include 'link' %}"))
        assert f"it is a link to what is outside of {mine}" in said
    (mine / EXPLICIT).unlink()
    (mine / EXPLICIT).symlink_to("../secret")
    with pytest.raises(TemplateError, match="it is a link to what is outside of"):
        split_source(GROUPED, options)


def test_links_inside_of_the_directory_and_to_it_are_followed(tmp_path: Path) -> None:
    options = copied(tmp_path / "mine")
    (tmp_path / "mine" / EXPLICIT).rename(tmp_path / "mine" / "other")
    (tmp_path / "mine" / EXPLICIT).symlink_to("other")
    (tmp_path / "link").symlink_to("mine")
    for directory in (tmp_path / "mine", tmp_path / "link"):
        assert split_source(GROUPED, Options(templates=directory)).text == SPLIT
    assert split_source(GROUPED, options).text == SPLIT


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(TemplateError, match="mine cannot be read: Permission denied"):
        Templates(Path("mine")).render(EXPLICIT, "definition", 1)


def test_a_relative_directory_stays_where_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    copied(tmp_path / "mine")
    options = Options(templates=Path("mine"))
    assert split_source(GROUPED, options).text == SPLIT
    copied(tmp_path / "other" / "mine") if (tmp_path / "other").mkdir() is None else None
    changed = (BUILT_IN / EXPLICIT).read_text(encoding="utf-8").replace("dim=1)", "1)")
    (tmp_path / "other" / "mine" / EXPLICIT).write_text(changed, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "other")
    assert "(conv_0, conv_1), 1)" in split_source(GROUPED, options).text


def test_a_template_that_changes_is_read_again(tmp_path: Path) -> None:
    options = copied(tmp_path)
    assert split_source(GROUPED, options).text == SPLIT
    process = running()
    changed = (BUILT_IN / EXPLICIT).read_text(encoding="utf-8").replace("dim=1)", "1)")
    (tmp_path / EXPLICIT).write_text(changed, encoding="utf-8")
    os.utime(tmp_path / EXPLICIT, ns=(1, 1))
    assert "(conv_0, conv_1), 1)" in split_source(GROUPED, options).text
    assert running() is process  # one serves all sources


# The process


def test_nothing_beside_the_templates_or_in_the_environment_is_imported(
    tmp_path: Path, monkeypatch
) -> None:
    copied(tmp_path)
    evil = "open('ran', 'w')\nraise SystemExit\n"
    write(dict.fromkeys(["jinja2.py", "json.py", "sandbox.py", "sitecustomize.py"], evil), ".")
    for each in ("jinja2.py", "json.py", "sandbox.py", "sitecustomize.py"):
        Path(each).rename(tmp_path / each)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    template_process._process.end()
    assert split_source(GROUPED, Options(templates=tmp_path)).text == SPLIT
    assert not Path("ran").exists()


def test_no_process_for_the_built_in_templates() -> None:
    template_process._process.end()
    assert split_source(GROUPED).text == SPLIT
    assert template_process._process._running is None


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_nothing_goes_on_when_gencode_ends(ending: int | None, tmp_path: Path) -> None:
    write({EXPLICIT: ENDLESS, "net.py": GROUPED}, str(tmp_path))
    if ending is None:
        copied(tmp_path)
    code = (
        "import sys, threading, time\n"
        "from gencode.rewriting import template_process as t\n"
        "start = t._started\n"
        "def started():\n"
        "    found = start()\n"
        "    print(found.pid, flush=True)\n"
        "    return found\n"
        "t._started = started\n"
        "from gencode.command import main\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, "-c", code, "--templates", str(tmp_path), str(tmp_path / "net.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as gencode:
        assert gencode.stdout is not None
        pid = int(gencode.stdout.readline())
        time.sleep(1)
        if ending is not None:
            gencode.send_signal(ending)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or is_zombie(pid):
            return
        time.sleep(0.1)
    pytest.fail("it goes on")


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_several_threads_share_it(tmp_path: Path) -> None:
    options = copied(tmp_path)
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(split_source(GROUPED, options).text))
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert texts == [SPLIT] * 4


def test_a_forked_process_has_its_own(tmp_path: Path) -> None:
    options = copied(tmp_path)
    assert split_source(GROUPED, options).text == SPLIT
    process = running()
    child = os.fork()
    if not child:
        is_let_go = template_process._process._running is None
        is_right = is_let_go and split_source(GROUPED, options).text == SPLIT
        os._exit(0 if is_right and running().pid != process.pid else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert split_source(GROUPED, options).text == SPLIT
    assert running() is process


def test_what_a_fork_does_in_the_child(tmp_path: Path) -> None:
    split_source(GROUPED, copied(tmp_path))
    process, shared = running(), template_process._process
    shared.before_fork()
    shared.after_fork_in_child()
    assert shared._running is None
    assert process.stdin is not None and process.stdin.closed
    assert process.wait(10) == 0  # for it the questions have ended
    shared.before_fork()
    shared.after_fork_in_child()  # where there is none
    assert split_source(GROUPED, Options(templates=tmp_path)).text == SPLIT


def test_many_files_in_processes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gencode.command.batch._WORTHWHILE", 0)
    monkeypatch.setattr("gencode.command.batch._processors", lambda: 2)
    copied(tmp_path / "mine")
    write({f"all/{number}.py": GROUPED for number in range(9)})
    assert main(["-i", "all", "--templates", "mine"]) == 0
    assert {text(f"all/{number}.py") for number in range(9)} == {SPLIT}


def test_from_a_script_without_a_guard_and_from_standard_input(tmp_path: Path) -> None:
    copied(tmp_path)
    (tmp_path / "script.py").write_text(
        "import sys, gencode\nfrom pathlib import Path\n"
        "options = gencode.Options(templates=Path(sys.argv[1]))\n"
        "print(gencode.split_source(sys.stdin.read(), options).text, end='')\n"
    )
    for command in (
        [str(tmp_path / "script.py"), str(tmp_path)],
        ["-m", "gencode", "--templates", str(tmp_path), "-"],
    ):
        done = subprocess.run(
            [sys.executable, *command], input=GROUPED, capture_output=True, text=True
        )
        assert done.stdout == SPLIT


def test_a_process_that_cannot_be_started(tmp_path: Path, monkeypatch) -> None:
    options = copied(tmp_path)
    template_process._process.end()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(TemplateError, match="no process can be started to render templates: "):
        split_source(GROUPED, options)


def test_a_process_that_dies(tmp_path: Path, monkeypatch) -> None:
    options = copied(tmp_path)
    split_source(GROUPED, options)
    process = running()
    for ending in (signal.SIGINT, signal.SIGKILL):  # the one is not for it
        process.send_signal(ending)
        if ending == signal.SIGKILL:
            process.wait()
        assert split_source(GROUPED, options).text == SPLIT
        assert (running() is process) is (ending == signal.SIGINT)
    running().kill()
    running().wait()
    monkeypatch.setattr(subprocess.Popen, "poll", lambda _: None)  # it dies just after
    with pytest.raises(
        TemplateError, match="ended abruptly; it may need more than 512 MB"
    ) as error:
        split_source(GROUPED, options)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
    assert split_source(GROUPED, options).text == SPLIT


@pytest.mark.parametrize(
    "answer", [b"[" * 100_000 + b"\n", b"1\n", b"{}\n", b'{"text": 1}\n', b"\xff\n", b"{\n"]
)
def test_what_is_no_answer(answer: bytes, tmp_path: Path, monkeypatch) -> None:
    options = copied(tmp_path)
    monkeypatch.setattr(template_process._process, "answer", lambda *_: (answer, 0))
    with pytest.raises(TemplateError, match=r"the process that rendered it ended abruptly"):
        split_source(GROUPED, options)


# What the process does, in this one


class Ended(Exception):
    pass


def question(**values: object) -> bytes:
    return json.dumps({"template": EXPLICIT, "macro": "definition", **values}).encode() + b"\n"


def setting(text: str) -> dict[str, object]:
    return {"built_in": {EXPLICIT: text}, "seconds": 60, "megabytes": 1, "characters": 100}


def test_questions_and_answers(tmp_path: Path, monkeypatch) -> None:
    limits: dict[int, object] = {}
    armed: list[float] = []

    def end(status: int) -> None:
        assert status == 0

    class Lines(queue.SimpleQueue):  # type: ignore[type-arg]
        def get(self) -> bytes:
            if self.empty():
                raise Ended
            return super().get()

    class Reading(threading.Thread):
        def start(self) -> None:
            super().start()
            self.join()

    ignored: list[int] = []
    monkeypatch.setattr(sandbox.signal, "signal", lambda number, _: ignored.append(number))
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(sandbox.queue, "SimpleQueue", Lines)
    monkeypatch.setattr(sandbox.threading, "Thread", Reading)
    monkeypatch.setattr(
        sandbox.faulthandler, "dump_traceback_later", lambda time, exit: armed.append(time)
    )
    place = str(tmp_path)
    given = [
        question(directory=place, value={"code": ["x"]}),
        question(directory=place, value={}),
        question(directory=place, macro="missing", value={}),
        question(directory=place, macro="long", value={}),
    ]
    macros = defining("{{ conv.code[0] }}") + "{% macro long(x) %}{{ 'x' * 999 }}{% endmacro %}"
    questions = json.dumps(setting(macros)).encode() + b"\n" + b"".join(given)
    answers = io.BytesIO()
    with pytest.raises(Ended):
        sandbox.main(io.BytesIO(questions), answers)
    told = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert told == [
        {"text": "x"},
        {
            "error": "template explicit.py.jinja line 1: 'types.SimpleNamespace object' has no"
            " attribute 'code'"
        },
        {"error": "template explicit.py.jinja: it has no macro missing"},
        {"error": "template explicit.py.jinja: it adds more than 100 characters"},
    ]
    assert limits[resource.RLIMIT_AS] == (2**20, 2**20)
    assert limits[resource.RLIMIT_FSIZE] == (0, 0)
    assert ignored == [signal.SIGINT]
    assert armed == [120] * len(given)


def test_limits_that_the_system_does_not_set(monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refused)
    sandbox._limit_memory(1)
    monkeypatch.setitem(sys.modules, "resource", None)
    sandbox._limit_memory(1)


def renderer(directory: Path, longest: int = 1000) -> sandbox.Renderer:
    return sandbox.Renderer({EXPLICIT: defining("built in")}.get, directory, longest)


def test_a_directory_in_this_process(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    mine = tmp_path / "mine"
    mine.mkdir()
    own = renderer(mine)
    assert own.render(EXPLICIT, "definition", None) == "built in"
    (mine / EXPLICIT).write_text(defining("mine {% include 'other' %}"))
    own = renderer(mine)
    for make, words in (
        (lambda path: None, "line 1: other"),
        (lambda path: path.mkdir(), "it is not a file"),
        (lambda path: path.symlink_to(outside), "it is a link to what is outside of"),
        (lambda path: path.write_text("x" * 1001), "it has more than 1000 bytes"),
        (lambda path: path.write_text("{{ 1 // 0 }}"), "template other line 1: integer division"),
        (lambda path: path.write_text("{{"), "template other line 1: "),
    ):
        make(mine / "other")
        with pytest.raises(sandbox.Faulty, match=words):
            own.render(EXPLICIT, "definition", None)
        if (mine / "other").exists():
            (mine / "other").rename(mine / f"was {words[:9].replace('/', '')}")
    (mine / "other").write_text("x")
    assert own.render(EXPLICIT, "definition", None) == "mine x"
    (mine / EXPLICIT).write_text(defining("new"))
    os.utime(mine / EXPLICIT, ns=(1, 1))
    assert own.render(EXPLICIT, "definition", None) == "new"


def test_memory_and_unknown_names_in_this_process(tmp_path: Path) -> None:
    own = sandbox.Renderer({EXPLICIT: defining("{{ conv() }}")}.get)

    def exhausted() -> None:
        raise MemoryError

    with pytest.raises(sandbox.Faulty, match="line 1: it needs too much memory"):
        own.render(EXPLICIT, "definition", exhausted)
    with pytest.raises(sandbox.Faulty, match="template missing: missing"):
        own.render("missing", "definition", 1)
