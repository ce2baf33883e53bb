# SPDX-License-Identifier: Apache-2.0
"""Imports go one way, heavy libraries stay in their place, and tests mirror the tree."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "vpr_ros"

# A module imports only from layers above its own line, or from its own folder.
LAYERS = (
    {"errors", "atomic_file", "blas_threads"},
    {"datatypes", "calibration_curve", "config"},
    {"geometry", "images", "image_content"},
    {"drives", "models", "backends", "place_map", "records"},
    {"extractors", "rerankers", "sequence", "decision", "conditions", "simulation"},
    {"calibration", "pictures", "recognizer"},
    {"route"},
    {"pipeline"},
    {"evaluation"},
    {"training"},
    {"nodes"},
    {"benchmark", "cli", "demo"},
)
LAYER_OF = {station: number for number, layer in enumerate(LAYERS) for station in layer}
SIDEWAYS = {("backends", "models"), ("benchmark", "demo")}
# Stations that stand beside one another, whatever their layers say.
APART = {("cli", "nodes"), ("nodes", "evaluation"), ("nodes", "simulation"), ("nodes", "training")}

# Library -> the places that may import it: a folder (with slash) or a file below vpr_ros/.
TORCH = ("models/", "training/", "backends/torch_backend.py", "backends/export.py")
ROS = ("nodes/", "demo/", "benchmark/")
RESERVED = {
    "rclpy": ROS,
    "torch": TORCH,
    "torchvision": TORCH,
    "timm": TORCH,
    "onnx": ("backends/export.py", "backends/onnx_precision.py"),
    "onnxruntime": ("backends/onnx_backend.py", "backends/onnx_precision.py"),
    "faiss": ("place_map/",),
    "poselib": ("geometry/",),
    "rosbags": ("drives/",),
    "rosbags.image": ("drives/", "images.py"),
    "cv_bridge": ("nodes/conversions.py",),
    "matplotlib": ("evaluation/report/",),
    "jinja2": ("evaluation/report/",),
    "tf2_ros": ("nodes/tf/tf2_library.py",),
    "tensorrt": ("backends/tensorrt_library.py",),
    "tensorrt_rtx": ("backends/tensorrt_library.py",),
    "tensorrt_rtx_bindings": ("backends/tensorrt_library.py",),
    "cuda": ("backends/cuda_device.py",),
}
ROS_ONLY = {
    "action_msgs",
    "ament_index_python",
    "builtin_interfaces",
    "diagnostic_updater",
    "launch",
    "launch_ros",
    "message_filters",
    "rcl_interfaces",
    "rosbag2_py",
    "rosidl_runtime_py",
    "std_srvs",
    "tf2_geometry_msgs",
    "tf2_py",
}


def station_of(parts: tuple[str, ...]) -> str:
    """Return the layer entry of a file or module below vpr_ros; "" is the package itself."""
    name = parts[0] if parts else ""
    # `python -m vpr_ros` is the command line's entry.
    return {"__init__": "", "__main__": "cli"}.get(name, name)


def imports_of(source: str, path: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (line, module, names imported from it) of every import, inside functions too."""
    package = ["vpr_ros", *Path(path).parts[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module, tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value, ()


def may_import(importer: str, imported: str) -> bool:
    """Tell whether one station may import another."""
    if importer == imported or (importer, imported) in SIDEWAYS:
        return True
    if (importer, imported) in APART:
        return False
    return LAYER_OF[imported] < LAYER_OF.get(importer, -1)


def places_for(module: str) -> tuple[str, ...] | None:
    """Return where a library may be imported, None when anywhere."""
    root = module.partition(".")[0]
    for library in (".".join(module.split(".")[:2]), root):
        if library in RESERVED:
            return RESERVED[library]
    return ROS if root in ROS_ONLY or root.endswith("_msgs") else None


def own_modules(module: str, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the parts below vpr_ros that an import of this package reaches."""
    parts = tuple(module.split(".")[1:])
    if parts:
        yield parts
        return
    for name in names:  # from vpr_ros import errors; anything else is an attribute of the package
        if name in LAYER_OF or (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file():
            yield (name,)


def defects(source: str, path: str) -> list[str]:
    """Return every import of a file (path below vpr_ros/) that the layers do not allow."""
    importer = station_of(Path(path).with_suffix("").parts)
    if importer and importer not in LAYER_OF:
        return [f"{path}: {importer} has no place in the layers"]
    found = []
    for line, module, names in imports_of(source, path):
        if module.partition(".")[0] == "vpr_ros":
            for parts in own_modules(module, names):
                imported = station_of(parts)
                if imported not in LAYER_OF:
                    found.append(f"{path}:{line}: {imported} has no place in the layers")
                elif not may_import(importer, imported):
                    found.append(
                        f"{path}:{line}: {importer or 'vpr_ros'} must not import {imported}"
                    )
            continue
        # `from rosbags import image` reaches rosbags.image.
        for reached in [f"{module}.{name}" for name in names] or [module]:
            places = places_for(reached)
            if places is not None and not path.startswith(places):
                found.append(f"{path}:{line}: {reached} is reserved for {', '.join(places)}")
    return found


class AtRunTime(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else node


def at_run_time(source: str) -> str:
    return ast.unparse(AtRunTime().visit(ast.parse(source)))


def files_reached(source: str, path: str, sources: Mapping[str, str]) -> set[str]:
    """Return the files that a file takes something from; a folder's names are its __init__.py's."""
    files = set()
    for _, module, names in imports_of(at_run_time(source), path):
        root, _, rest = module.partition(".")
        if root == "vpr_ros":
            base = rest.replace(".", "/")
            for part in [f"{base}/{name}".lstrip("/") for name in names] or [base]:
                files |= {f"{part}.py", f"{part}/__init__.py"} & sources.keys() or {
                    f"{base}.py" if f"{base}.py" in sources else f"{base}/__init__.py".lstrip("/")
                }
    return files


def ring_of_imports(sources: Mapping[str, str]) -> list[str]:
    """Return files that import one another in a ring, [] if none do; {path: source}."""
    graph = {path: files_reached(source, path, sources) for path, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@cache
def source_of(path: str) -> str:
    return (PACKAGE / path).read_text(encoding="utf-8")


def test_there_are_sources():
    assert "__init__.py" in SOURCES


@pytest.mark.parametrize("path", SOURCES)
def test_imports_go_one_way(path):
    assert defects(source_of(path), path) == []


def test_no_files_import_one_another_in_a_ring():
    assert ring_of_imports({path: source_of(path) for path in SOURCES}) == []


@pytest.mark.parametrize(
    "sources",
    [
        {"a.py": "import vpr_ros.b", "b.py": "def f():\n    from vpr_ros.a import g"},
        {"a.py": "from . import b", "b.py": "from .c import x", "c.py": "from vpr_ros import a"},
        {"a/__init__.py": "from vpr_ros.a.b import x", "a/b.py": "from vpr_ros.a import y"},
        {"a/b.py": "from ..c import x", "c.py": "from vpr_ros.a import b"},
    ],
)
def test_rings_are_seen(sources):
    assert set(ring_of_imports(sources)) == set(sources)


@pytest.mark.parametrize(
    "sources",
    [
        {"a/__init__.py": "from vpr_ros.a.b import x", "a/b.py": "from . import c", "a/c.py": ""},
        {"a.py": "from vpr_ros import b", "b.py": "from vpr_ros.c.d import x", "c/d.py": ""},
        {"a.py": "if TYPE_CHECKING:\n    from vpr_ros import b", "b.py": "from vpr_ros import a"},
    ],
)
def test_chains_are_no_rings(sources):
    assert ring_of_imports(sources) == []


def test_no_room_holds_a_fifth_of_the_house():
    sizes = Counter()
    for path in SOURCES:
        sizes[station_of(Path(path).with_suffix("").parts)] += source_of(path).count("\n")
    (largest, lines), total = sizes.most_common(1)[0], sizes.total()
    assert lines < total / 5, f"{largest}/ holds {lines} of {total} lines"


def test_tests_mirror_the_tree():
    """What tests lie in a folder of tests is about is found in the folder of the same name."""
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    strays = [path for path in folders if not ((PACKAGE / path).is_dir() or (ROOT / path).is_dir())]
    assert strays == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("errors.py", "from vpr_ros.datatypes import Features"),
        ("datatypes.py", "import vpr_ros.config"),
        ("images.py", "from vpr_ros import recognizer"),
        ("images.py", "from .pipeline import build"),
        ("images.py", "from . import pipeline"),
        ("place_map/store.py", "from ..recognizer import PlaceRecognizer"),
        ("place_map/store.py", "def f():\n    from vpr_ros.nodes import worker"),
        ("models/layers.py", "from vpr_ros.backends.base import Backend"),
        ("rerankers/base.py", "from vpr_ros.extractors.network import FeatureExtractor"),
        ("cli/main.py", "from vpr_ros.demo.replay.replay_node import main"),
        ("nodes/place_node.py", "from vpr_ros.cli import main"),
        ("__main__.py", "from vpr_ros.demo import main"),
        ("__init__.py", "from vpr_ros.errors import VprError"),
        ("recognizer.py", "import vpr_ros.gadgets"),
        ("gadgets.py", ""),
        ("images.py", "import importlib\nimportlib.import_module('vpr_ros.pipeline')"),
        ("pipeline.py", "import torch"),
        ("pipeline.py", "if True:\n    import torch.nn as nn"),
        ("backends/onnx_backend.py", "def f():\n    import torchvision"),
        ("backends/base.py", "from timm.models import create_model"),
        ("backends/onnx_backend.py", "import onnx"),
        ("pipeline.py", "def f():\n    import onnxruntime"),
        ("recognizer.py", "import faiss"),
        ("images.py", "from rosbags.rosbag2 import Reader"),
        ("images.py", "from rosbags import rosbag2"),
        ("nodes/conversions.py", "from rosbags.image import message_to_cvimage"),
        ("demo/replay/replay_node.py", "from rosbags.rosbag2 import Reader"),
        ("simulation/drive.py", "from rosbags.rosbag2 import Writer"),
        ("nodes/mapper_node.py", "from cv_bridge import CvBridge"),
        ("images.py", "__import__('cv_bridge')"),
        ("nodes/tf/tf_poses.py", "from tf2_ros import Buffer"),
        ("backends/torch_backend.py", "import tensorrt"),
        ("backends/tensorrt_backend.py", "import tensorrt_rtx_bindings"),
        ("backends/torch_backend.py", "from cuda.bindings import runtime"),
        ("cli/main.py", "import rclpy"),
        ("drives/bag_reader.py", "from sensor_msgs.msg import Image"),
        ("pipeline.py", "from builtin_interfaces.msg import Time"),
    ],
)
def test_checker_refuses(path, source):
    assert len(defects(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("datatypes.py", "from vpr_ros.errors import ImageError"),
        ("backends/torch_backend.py", "import torch\nfrom vpr_ros.models import weights"),
        (
            "place_map/place_map.py",
            "from .index import Index\nfrom ..errors import MapError\nimport faiss",
        ),
        ("images.py", "from rosbags.image import message_to_cvimage\nimport cv2"),
        ("images.py", "from rosbags import image"),
        ("drives/bag_reader.py", "from rosbags.highlevel import AnyReader"),
        ("demo/replay/replay_node.py", "import rclpy\nfrom vpr_ros.drives.bag_file import BagFile"),
        (
            "nodes/conversions.py",
            "from cv_bridge import CvBridge\nfrom vpr_msgs.msg import PlaceMatch",
        ),
        ("cli/main.py", "from vpr_ros import __version__, pipeline"),
        ("__main__.py", "from vpr_ros.cli.main import main"),
        ("__init__.py", "import logging"),
    ],
)
def test_checker_allows(path, source):
    assert defects(source, path) == []


TORCH_WHEELS = ("torch", "torchvision", "timm")
RUNTIMES = ("onnxruntime", "tensorrt", "tensorrt_rtx_bindings", "cuda")
WATCHER = """
import importlib, sys

class Watcher:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {unwanted!r}:
            raise SystemExit("importing {module} imports " + name)

sys.meta_path.insert(0, Watcher())
importlib.import_module({module!r})
"""


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("vpr_ros", ("torch", "rclpy", "numpy", "cv2")),
        ("vpr_ros.pipeline", (*TORCH_WHEELS, *RUNTIMES, "rclpy")),
        ("vpr_ros.cli.main", (*TORCH_WHEELS, *RUNTIMES, "onnx", "rclpy")),
        ("vpr_ros.backends.onnx_backend", (*TORCH_WHEELS, "onnx", "rclpy")),
        ("vpr_ros.nodes.mapper_node", (*TORCH_WHEELS, "tf2_ros")),
        ("vpr_ros.nodes.localizer_node", (*TORCH_WHEELS, "tf2_ros")),
    ],
)
def test_import_is_light(module, unwanted):
    path = PACKAGE.parent / module.replace(".", "/")
    if not (path.is_dir() or path.with_suffix(".py").is_file()):
        pytest.skip(f"{module} is not written yet")
    if module.startswith("vpr_ros.nodes"):
        pytest.importorskip("rclpy", reason="nodes need ROS 2")
    if module.endswith("onnx_backend"):
        pytest.importorskip("onnxruntime", reason="this backend is ONNX Runtime")
    program = WATCHER.format(module=module, unwanted=unwanted)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
