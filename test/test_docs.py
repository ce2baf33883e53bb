# SPDX-License-Identifier: Apache-2.0
"""What README and docs/ say exists: files, headings, commands with their options, parameters."""

import argparse
import ast
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from vpr_ros.cli.main import build_parser
from vpr_ros.config import LocalizerConfig, MapperConfig, settings_of, with_settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "QUALITY_DECLARATION.md", "weights/README.md")),
]
PAGES += sorted((ROOT / "docs").glob("*.md"))
LONGEST = 8000  # bytes that a stranger reads

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PARAMETERS = {name for name, _, _ in settings_of(MapperConfig())}
SECTIONS = {name.partition(".")[0] for name in PARAMETERS if "." in name}
SUFFIXES = ("json", "jsonl", "md", "onnx", "pth", "py", "safetensors", "xml", "yaml")
FOLDERS = ("config/", "docs/", "launch/", "requirements/", "test/", "tools/", "vpr_ros/")


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def commands(page: Path) -> Iterator[str]:
    """Lines of code blocks and spans of code that begin with a program, without comments."""
    text = page.read_text("utf-8")
    blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
    spans = CODE.findall(FENCE.sub("", text))
    for line in (*blocks.splitlines(), *spans):
        for command in re.split(r"\s&&\s", line.partition(" #")[0]):
            yield command.strip().removeprefix("$ ").removeprefix("tools/env.sh ")


@cache
def verbs() -> dict[str, argparse.ArgumentParser]:
    return subparsers(build_parser())


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def verb_and_words(command: str) -> tuple[str, list[str]] | None:
    """The verb of a ``vpr`` command and what follows it, None for other programs."""
    match = re.match(r"(?:vpr|(?:\S+ )*-m vpr_ros) ([a-z].*)", command)
    if match is None:
        return None
    verb, *words = shlex.split(match[1])
    return verb, words


def wrong_words(verb: str, words: list[str]) -> list[str]:
    """Options and settings that a verb does not have."""
    if verb not in verbs():
        return [verb]
    parser = verbs()[verb]
    while words and words[0] in subparsers(parser):
        parser, words = subparsers(parser)[words[0]], words[1:]
    known = parser._option_string_actions
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    settings = [
        value.partition("=")[0]
        for option, value in pairwise(words)
        if option == "--set" and verb != "export"  # which sets what a network knows
    ]
    return [name for name in options if name not in known] + [
        name for name in settings if name not in PARAMETERS
    ]


@cache
def launch_arguments(name: str) -> set[str]:
    tree = ast.parse((ROOT / "launch" / name).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS":
            return {ast.literal_eval(row.elts[0]) for row in node.value.elts}
    raise AssertionError(f"{name} has no ARGUMENTS")


def slug(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_short():
    assert len(README.read_bytes()) <= LONGEST


@every_page
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        if anchor:
            text = FENCE.sub("", path.read_text("utf-8"))
            assert anchor in map(slug, HEADING.findall(text)), target


def test_every_page_is_linked_from_the_readme():
    targets = {target.partition("#")[0] for target in LINK.findall(README.read_text("utf-8"))}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= targets


@every_page
def test_files_that_are_named_exist(page):
    for span in CODE.findall(page.read_text("utf-8")):
        if span.startswith(FOLDERS) and re.fullmatch(r"[\w./-]+", span):
            assert (ROOT / span).exists(), span


@every_page
def test_verbs_have_the_options_that_are_shown(page):
    for command in commands(page):
        found = verb_and_words(command)
        if found is not None:
            assert not wrong_words(*found), command


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("vpr walk there", ["walk"]),
        ("python -m vpr_ros map BAG -o m.vprmap --frobnicate", ["--frobnicate"]),
        ("vpr weights convert F -o G --whole", ["--whole"]),
        ("vpr localize D --map m.vprmap --set decision.luck=7", ["decision.luck"]),
        ("torchrun -m vpr_ros train R --resume -o RUN", []),
    ],
)
def test_what_a_verb_does_not_have_is_noticed(command, wrong):
    assert wrong_words(*verb_and_words(command)) == wrong


@every_page
def test_modules_that_are_run_exist(page):
    for command in commands(page):
        for module in re.findall(r"-m (vpr_ros[\w.]*)", command):
            assert importlib.util.find_spec(module), command


@every_page
def test_launch_files_have_the_arguments_that_are_shown(page):
    for command in commands(page):
        match = re.search(r"ros2 launch vpr_ros (\S+\.launch\.py)(.*)", command)
        if match:
            given = set(re.findall(r"(\w+):=", match[2]))
            assert given <= launch_arguments(match[1]), command


@every_page
def test_words_for_make_exist(page):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in commands(page):
        if re.match(r"make [a-z]", command):
            for word in shlex.split(command)[1:]:
                name, is_variable, _ = word.partition("=")
                wanted = rf"\b{name}\b" if is_variable else rf"^{name}:"
                assert re.search(wanted, makefile, re.MULTILINE), command


@every_page
def test_parameters_that_are_named_exist(page):
    """Whatever has dots inside and is neither a file nor Python is one, or a section of them."""
    for span in CODE.findall(FENCE.sub("", page.read_text("utf-8"))):
        match = re.match(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\.([a-z0-9_]+|\*)(?=$|[:= ])", span)
        if match and match[2] not in SUFFIXES and not span.startswith("rclpy."):
            assert match[0] in PARAMETERS or match[0].removesuffix(".*") in SECTIONS, span


@every_page
def test_values_that_are_named_are_possible(page):
    """Spans such as `sequence.mode: filter`."""
    for span in CODE.findall(FENCE.sub("", page.read_text("utf-8"))):
        match = re.fullmatch(r"([a-z][a-z0-9_.]*): ([a-z0-9_.]+)", span)
        if match and match[1] in PARAMETERS:
            with_settings(MapperConfig(), {match[1]: typed(match[1], match[2])})


def typed(name: str, text: str) -> object:
    default = next(value for known, value, _ in settings_of(MapperConfig()) if known == name)
    return text if isinstance(default, str) else type(default)(yaml.safe_load(text))


@every_page
def test_blocks_for_programs_can_be_read(page):
    for block in FENCE.findall(page.read_text("utf-8")):
        kind, _, text = block.removeprefix("```").removesuffix("```").partition("\n")
        if kind == "json":
            json.loads(text)
        if kind == "yaml":
            given = yaml.safe_load(text)["/**"]["ros__parameters"]
            lists = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
            with_settings(LocalizerConfig(), lists)


def test_topics_and_services_are_those_of_the_nodes():
    pytest.importorskip("rclpy", reason="asks the nodes")
    pytest.importorskip("vpr_msgs", reason="vpr_msgs is not built")
    program = ROOT / "tools" / "generate_topics.py"
    done = subprocess.run([sys.executable, program, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run tools/env.sh python {program.name}\n{done.stderr}"
