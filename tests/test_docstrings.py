"""Every public name that the API reference shows keeps the template of CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page.read_text() for page in sorted((ROOT / "docs" / "api").glob("*.md"))}
FILES = {"data_dir", "path", "file", "url", "run_folder"}  # an example would need what they name
WITHOUT_EXAMPLE = {"jaxdml.evaluate.gallery.gallery"}  # it needs a trained network
SECTION = r"(?ms)^{}:\n(.*?)(?=^\S|\Z)"


def module_file(name):
    path = ROOT / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def nodes(page):
    """Full name → module, class or function, and the class that it is in."""
    found = {}
    for name in re.findall(r"(?m)^::: ([\w.]+)", PAGES[page]):
        module, _, only = name.rpartition(".")
        if not only[0].isupper():
            module, only = name, ""
        tree = ast.parse(module_file(module).read_text())
        found |= {} if only else {module: (tree, None)}
        for node in members(tree):
            if node.name == (only or node.name):
                found[f"{module}.{node.name}"] = (node, None)
                inside = members(node) if isinstance(node, ast.ClassDef) else []
                found |= {f"{module}.{node.name}.{one.name}": (one, node) for one in inside}
    return found


def members(tree):
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]


ALL = {name: node for page in PAGES for name, node in nodes(page).items()}
FUNCTIONS = {n: node for n, (node, _) in ALL.items() if isinstance(node, ast.FunctionDef)}


def prose(node):
    """A docstring without its example."""
    return re.split(r"(?m)^>>> ", ast.get_docstring(node) or "")[0]


def section(node, title):
    found = re.search(SECTION.format(title), prose(node))
    return found[1] if found else ""


def parameters(node):
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [one for one in (args.vararg, args.kwarg) if one]
    return [one for one in every if one.arg not in ("self", "cls")]


def is_property(node):
    return any(ast.unparse(one) == "property" for one in node.decorator_list)


def first_lines():
    return [
        (name, (ast.get_docstring(node) or "").split("\n\n")[0]) for name, (node, _) in ALL.items()
    ]


def test_the_reference_is_read():
    assert len(FUNCTIONS) > 150


def test_a_docstring_begins_with_one_line_that_ends_in_a_full_stop():
    assert not [name for name, line in first_lines() if not re.fullmatch(r".+\.", line)]


def test_parameters_are_named():
    """In `Args:`; up to two of them may be named in the text instead."""
    failing = []
    for name, node in FUNCTIONS.items():
        short = len(parameters(node)) <= 2 and not section(node, "Args")
        text = prose(node) if short else section(node, "Args")
        failing += [
            f"{name}: {one.arg}"
            for one in parameters(node)
            if not re.search(rf"\b{one.arg}\b", text)
        ]
    assert not failing


def test_an_array_has_a_shape():
    """In words, `f32[B, D]`; by 'as for'; or in its type, `Float[Array, "batch dim"]`."""
    failing = []
    for name, node in FUNCTIONS.items():
        for one in parameters(node):
            kind = ast.unparse(one.annotation) if one.annotation else ""
            array = re.fullmatch(r"(np\.ndarray|Array|jax\.Array)( \| None)?", kind)
            described = re.search(
                rf"(?ms)^  [\w, ]*\b{one.arg}\b[\w, ]*:(.*?)(?=^  \S|\Z)", section(node, "Args")
            )
            text = described[1] if described else prose(node)
            if array and one.arg != "key" and not re.search(r"\w\[.*\]|as for|not read", text):
                failing.append(f"{name}: {one.arg}")
    assert not failing


def test_the_result_is_named():
    """By the first line, a noun or 'Returns …'; after another verb by `Returns:`."""
    failing = []
    for name, node in FUNCTIONS.items():
        result = ast.unparse(node.returns) if node.returns else "None"
        verb = re.match(r"(?!Returns)[A-Z][a-z]+s\b", prose(node))
        if result not in ("None", "Self") and verb and not section(node, "Returns"):
            failing.append(f"{name}: {verb[0]}")
    assert not failing


def test_an_error_that_is_raised_is_named():
    failing = []
    for name, node in FUNCTIONS.items():
        raised = {
            ast.unparse(one.exc.func)
            for one in ast.walk(node)
            if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call)
        }
        public = raised & {"ConfigError", "ValueError"}
        failing += [f"{name}: {one}" for one in public if one not in section(node, "Raises")]
    assert not failing


def test_there_is_an_example():
    """In the function's docstring or its class's, unless it reads files."""
    failing = set()
    for name, (node, inside) in ALL.items():
        if name in FUNCTIONS and not is_property(node):
            whole = (ast.get_docstring(node) or "") + (ast.get_docstring(inside) if inside else "")
            files = FILES & {one.arg for one in parameters(node)}
            failing |= {name} if ">>>" not in whole and not files else set()
    assert failing == WITHOUT_EXAMPLE


PLAIN = {"masks", "distances", "distributions"}  # textbook arithmetic
METHODS = "contrast vat interpolation kl alignment thresholds propagated poisson spreading shares"


def texts(page):
    """Module → what its docstrings say, without examples."""
    modules = {n: node for n, (node, _) in nodes(page).items() if isinstance(node, ast.Module)}
    return {
        name: "\n".join([prose(tree), *(prose(node) for node in members(tree))])
        for name, tree in modules.items()
        if name.rpartition(".")[2] not in PLAIN
    }


def test_a_loss_and_a_prior_have_an_equation():
    every = texts("losses") | texts("priors")
    assert len(every) > 10
    assert not [name for name, text in every.items() if not re.search(r"[Σ‖½²]|log|\w = ", text)]


def test_a_loss_a_prior_and_a_method_name_their_paper():
    methods = texts("objectives") | texts("graph")
    every = texts("losses") | texts("priors")
    every |= {n: text for n, text in methods.items() if n.rpartition(".")[2] in METHODS.split()}
    assert len(every) > 20
    source = re.compile(r"\b(19|20)\d\d\b|the thesis", re.IGNORECASE)
    assert not [name for name, text in every.items() if not source.search(text)]
