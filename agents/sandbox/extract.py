"""The program in a model's response.

A response is a body that goes on where the stub ends, or the whole function with prose around
it: fenced or not, with other functions beside it, with examples after it, or cut off. A function
in a string, or in a fence of another language, is no program. It is read inside the box, because
text can be made that crashes Python's parser.
"""

from __future__ import annotations

import ast
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FENCE = re.compile(r"[ \t]*+(?P<ticks>`{3,}+|~{3,}+)[ \t]*+(?P<language>[\w+.-]*+)[^`]*+")
UNNAMED = ("", "code", "text", "txt", "plain", "plaintext", "solution", "tool_code")
"""What a model writes after a fence when it names no language."""
INDENTED = re.compile(r"[ \t]++((async )?def |class |import |from |@)")
STRING = r"[bBfFrRuU]{0,2}('''|\"\"\")"
CODE = re.compile(rf"(async )?def |class |import |from |@|[A-Za-z_]\w*+ *+(:[^=]*+)?=[^=]|{STRING}")
"""How a line begins that may be code without a fence around it; a string is read as a whole."""
PROMPTED = re.compile(r"^[ \t]*+(?:>>>|\.\.\.)(?: (.*+)|[ \t]*+)$", re.M)

PARSED_PER_CHARACTER = 40
"""How often the parser may read the text. A usual response takes about 5; text can be made of
which every line would be parsed with all that follow."""

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
"""What the parser raises; the last four of null bytes and of too much nesting."""

Definition = (
    ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.Import
    | ast.ImportFrom
    | ast.Assign
    | ast.AnnAssign
)
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
Giving = ast.Return | ast.Yield | ast.YieldFrom


class Extracted(NamedTuple):
    """The program in a response, or why there is none."""

    program: str | None
    fault: str | None = None


class Reader:
    """Python's parser with a bound on the characters that it is given."""

    def __init__(self, most: int) -> None:
        self.left = most

    def tree(self, text: str) -> ast.Module:
        """Raises: one of UNREADABLE."""
        self.left -= len(text)
        if self.left < 0:
            raise OverflowError("more than may be parsed")
        return ast.parse(text)


class Stub(NamedTuple):
    """What the exam gives of the program."""

    before: str
    """Imports, helpers and classes above the function."""
    text: str
    """The function too, with its docstring for a body; empty when the stub has none."""


def extract(response: str, stub: Stub, entry_point: str) -> Extracted:
    """The program that `response` makes of the stub."""
    response = response.replace("\r\n", "\n").replace("\r", "\n")
    reader = Reader(PARSED_PER_CHARACTER * (len(response) + len(stub.text) + 1000))
    opening, blocks, unfenced = fenced_blocks(response)
    program = (
        as_body(reader, opening, stub, entry_point)
        or as_module(reader, blocks, stub, entry_point)
        or as_module(reader, [textwrap.dedent(unfenced).strip()], stub, entry_point)
        or as_module(reader, [found_code(reader, unfenced.strip("\n"))], stub, entry_point)
        or as_module(reader, [prompted(unfenced)], stub, entry_point)
        or as_method(reader, [*blocks, found_code(reader, unfenced)], stub, entry_point)
        or as_loose_body(reader, [*blocks[::-1], opening], stub, entry_point)
    )
    if program:
        return Extracted(program)
    return no_program(reader, unfenced, opening, blocks, entry_point)


def read_stub(text: str, entry_point: str) -> Stub:
    """The stub, its small faults mended.

    MBPP's stubs have some: docstrings without an end, `from typing import int`, `List` without an
    import. A response is not to fail for them.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for ending in ("", "\n    pass\n", '"', '"""'):
        whole = text.rstrip() + ending if ending else text
        tree = parse(whole)
        if tree is None:
            continue
        whole = without(whole, [each for each in tree.body if not_in_typing(each)])
        defined = {name for each in tree.body for name in names(each)}
        lacking = sorted((used_names(tree) - defined) & set(typing.__all__))
        if lacking and "annotations" not in defined:  # from __future__, which needs none
            whole = f"from typing import {', '.join(lacking)}\n{whole}"
        functions = [each for each in ast.parse(whole).body if entry_point in names(each)]
        if functions:
            before = lines_in(whole)[: first_line(functions[-1]) - 1]
            return Stub("".join(before), whole.rstrip() + "\n")
        return Stub(whole, "")
    return Stub("", "")


def own_classes(module: types.ModuleType, stub: Stub) -> dict[str, type]:
    """The classes that the stub gives, as `module` defines them, by name."""
    given = {name for each in ast.parse(stub.before).body for name in names(each)}
    found = {name: vars(module).get(name) for name in given}
    return {
        name: each
        for name, each in found.items()
        if isinstance(each, type) and each.__module__ == module.__name__
    }


def fenced_blocks(response: str) -> tuple[str, list[str], str]:
    """What stands before the first fence; the Python blocks, each dedented; and the whole
    response without the blocks of other languages."""
    opening: list[str] = []
    blocks: list[str] = []
    unfenced: list[str] = []
    lines, fence, language = opening, "", ""

    def close() -> None:
        python = not language or language.lower().startswith("py")
        if fence and python:
            blocks.append(textwrap.dedent("".join(lines)))
        if not fence or python or language.lower() in UNNAMED:
            unfenced.extend(lines)

    for line in lines_in(response):
        match = FENCE.fullmatch(line.rstrip("\n"))
        if match and (not fence or (match["ticks"].startswith(fence) or match["language"])):
            close()
            closes = fence and not match["language"]
            fence, language = ("", "") if closes else (match["ticks"], match["language"])
            unfenced.append(line)
            lines = []
        else:
            lines.append(line)
    close()
    return "".join(opening), blocks, "".join(unfenced)


def as_body(reader: Reader, text: str, stub: Stub, entry_point: str) -> str | None:
    """The stub and, from its end on, `text`; None unless that adds to the function."""
    first = text.lstrip("\n")[:1]
    if not stub.text or not first or first not in " \t":
        return None
    if defines(readable(reader, textwrap.dedent(text))[1], entry_point):
        return None  # the whole function, indented
    if first == "\t" and "\n\t" not in stub.text:
        text = re.sub(r"^\t", "    ", text, flags=re.M)  # deeper lines keep their other tabs
    program, tree = readable(reader, stub.text + text)
    given = ast.parse(stub.text).body
    if not defines(tree, entry_point) or size(tree.body[: len(given)]) <= size(given):
        return None
    return tidy(program, entry_point)


def as_loose_body(reader: Reader, texts: Sequence[str], stub: Stub, entry_point: str) -> str | None:
    """As `as_body`, of the first text that is one but lost its indentation, or the first line's."""
    for text in texts:
        for body in (text, textwrap.indent(text, "    "), "    " + text.lstrip()):
            program = as_body(reader, body, stub, entry_point)
            # Prose can be Python by chance; a body that gives nothing back is prose.
            if program and any(gives_back(each) for each in ast.parse(program).body):
                return program
    return None


def as_module(reader: Reader, texts: Sequence[str], stub: Stub, entry_point: str) -> str | None:
    """The last text that defines the function, with what it uses of the stub and the others."""
    modules = [readable(reader, text) for text in texts]
    for number in reversed(range(len(modules))):
        text, tree = modules[number]
        if not defines(tree, entry_point):
            continue
        others = modules[:number] + modules[number + 1 :]
        used = used_names(tree)
        defined = {name for each in tree.body for name in names(each)}
        above = ast.parse(stub.before).body
        wanted = [lines_of(stub.before, [e for e in above if not names(e) or names(e) - defined])]
        for source, other in others:
            beside = [each for each in other.body if isinstance(each, Definition)]
            wanted.append(lines_of(source, [e for e in beside if used & names(e) - defined]))
        text, future = hoist_future(text, tree)
        return tidy("\n".join((future, *filter(None, wanted), text)), entry_point)
    return None


def as_method(reader: Reader, texts: Sequence[str], stub: Stub, entry_point: str) -> str | None:
    """As `as_module`, of a class with the function as its method, where just one has it."""
    modules = [readable(reader, text) for text in texts]
    owners = [
        (text, each.name)
        for text, tree in modules
        for each in tree.body
        if isinstance(each, ast.ClassDef) and defines(each, entry_point)
    ]
    if len({name for _, name in owners}) != 1:
        return None
    text, name = owners[-1]
    others = [other for other, _ in modules if other != text]
    called = f"{text.rstrip()}\n\n\n{entry_point} = {name}().{entry_point}\n"
    return as_module(reader, [*others, called], stub, entry_point)


def found_code(reader: Reader, text: str) -> str:
    """The lines of `text` that parse, where no fence tells code from prose.

    Indented lines count as Markdown has it: after an empty line, and not within code.
    """
    lines = lines_in(text)
    found: list[str] = []
    at = 0
    while at < len(lines) and reader.left > 0:
        chunk, taken = "", 1
        if CODE.match(lines[at]):
            chunk = readable(reader, "".join(lines[at:]))[0]
            taken = len(lines_in(chunk))
        elif INDENTED.match(lines[at]) and (at == 0 or not lines[at - 1].strip()):
            end = at + 1
            while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t"):
                end += 1
            chunk = readable(reader, textwrap.dedent("".join(lines[at:end])))[0]
            taken = len(lines_in(chunk))
        found.append(chunk)
        at += max(1, taken)
    return "".join(found)


def prompted(text: str) -> str:
    """What was typed after the prompts of Python's shell, if anything."""
    return "".join(f"{match[1] or ''}\n" for match in PROMPTED.finditer(text))


def no_program(
    reader: Reader, response: str, opening: str, blocks: Sequence[str], entry_point: str
) -> Extracted:
    """Why there is no program; with it the text that was to be one."""
    named = re.compile(rf"^[ \t]*(async )?def +{re.escape(entry_point)}\b", re.M)
    defining = [block for block in blocks if named.search(block)]
    if defining or blocks:
        code = (defining or blocks)[-1]
    elif match := named.search(response):
        code = textwrap.dedent(response[match.start() :])
    elif opening.lstrip("\n").startswith(("  ", "\t")):
        code = textwrap.dedent(opening)
    elif code := found_code(reader, response):
        return Extracted(code, f"does not define {entry_point}")
    else:
        return Extracted(None, "no code in the response")
    try:
        ast.parse(code)
    except SyntaxError as error:
        return Extracted(code, f"syntax error: {error.msg} (line {error.lineno})")
    except UNREADABLE:
        return Extracted(code, "syntax error: nested too deeply, or not text")
    return Extracted(code, f"does not define {entry_point}")


def readable(reader: Reader, text: str) -> tuple[str, ast.Module]:
    """The longest beginning of `text` that parses and ends where a line begins at the margin."""
    while text.strip():
        try:
            return text, reader.tree(text)
        except SyntaxError as error:
            lines = lines_in(text)
            last = min(error.lineno or 1, len(lines)) - 1
        except UNREADABLE:
            break
        while last > 0 and not (lines[last].strip() and lines[last][0] not in " \t"):
            last -= 1
        text = "".join(lines[:last])
    return "", ast.Module([], [])


def parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except UNREADABLE:
        return None


def tidy(program: str, entry_point: str) -> str:
    """`program` without what is no definition after the function (examples, prints), nor prose
    that happens to parse."""
    body = ast.parse(program).body
    last = max(at for at, each in enumerate(body) if entry_point in names(each))
    after = [
        each
        for each in body[last + 1 :]
        if not isinstance(each, Definition | ast.Delete)
        or (isinstance(each, ast.Assign) and used_names(each) & {entry_point, "input"})
    ]
    words = [
        each
        for each in body
        if isinstance(each, ast.Expr) and not isinstance(each.value, ast.Call | ast.Constant)
    ]
    return without(program, [*after, *words]).strip("\n") + "\n"


def hoist_future(text: str, tree: ast.Module) -> tuple[str, str]:
    """`text` without its `from __future__` lines, and these: they must stand first."""
    future = [
        each
        for each in tree.body
        if isinstance(each, ast.ImportFrom) and each.module == "__future__"
    ]
    return without(text, future), lines_of(text, future)


def defines(tree: ast.Module | ast.ClassDef, name: str) -> bool:
    return any(name in names(each) for each in tree.body)


def gives_back(node: ast.AST) -> bool:
    """Whether a function returns or yields something, the functions within it left out."""
    inner = [each for each in ast.iter_child_nodes(node) if not isinstance(each, Scope)]
    return any(isinstance(each, Giving) or gives_back(each) for each in inner)


def names(statement: ast.stmt) -> set[str]:
    """What a statement at the margin defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {(alias.asname or alias.name).split(".")[0] for alias in aliases}
        case ast.Assign(targets=targets):
            inner = [each for target in targets for each in ast.walk(target)]
            return {each.id for each in inner if isinstance(each, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
    return set()


def used_names(tree: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}


def not_in_typing(statement: ast.stmt) -> bool:
    """Whether this imports from typing what is not there."""
    return (
        isinstance(statement, ast.ImportFrom)
        and statement.module == "typing"
        and not all(hasattr(typing, alias.name) for alias in statement.names)
    )


def size(statements: Iterable[ast.stmt]) -> int:
    return sum(1 for each in statements for inner in ast.walk(each) if isinstance(inner, ast.stmt))


def first_line(statement: ast.stmt) -> int:
    decorated = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    decorators = statement.decorator_list if isinstance(statement, decorated) else []
    return min([statement.lineno, *(each.lineno for each in decorators)])


def lines_in(text: str) -> list[str]:
    """As Python counts them: a form feed ends no line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def line_numbers(statements: Iterable[ast.stmt]) -> set[int]:
    return {
        line
        for each in statements
        for line in range(first_line(each), (each.end_lineno or each.lineno) + 1)
    }


def lines_of(text: str, statements: Iterable[ast.stmt]) -> str:
    """The lines of these statements, each line once, in the order of `text`."""
    kept = line_numbers(statements)
    return "".join(line for number, line in enumerate(lines_in(text), 1) if number in kept)


def without(text: str, statements: Iterable[ast.stmt]) -> str:
    gone = line_numbers(statements)
    return "".join(line for number, line in enumerate(lines_in(text), 1) if number not in gone)
