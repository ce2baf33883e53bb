# SPDX-License-Identifier: Apache-2.0
"""The verb evaluate: bags and folders agree to the last digit, and every flaw is one line."""

import csv
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpr_ros.evaluation.protocols.bag_set import BagOptions, read_bag_set

ROOT = Path(__file__).parents[2]
LIMITS = ("--distance", "5", "--heading", "45")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def evaluate(vpr, cache):
    """Runs the verb with a cache that these tests share."""
    return lambda *argv: vpr("evaluate", "--cache", cache, *argv)


@pytest.fixture(scope="module")
def folder(rendered_drive, tmp_path_factory):
    """The images of both bags as files that lose nothing, with their true poses."""
    root = tmp_path_factory.mktemp("folder")
    options = BagOptions(max_distance=5.0)
    data = read_bag_set(rendered_drive.map_bag, rendered_drive.query_bag, options)
    sides = (("database", data.database, data.database_poses),
             ("queries", data.queries, data.query_poses))  # fmt: skip
    for name, source, poses in sides:
        (root / name).mkdir()
        with (root / name / "poses.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "x", "y", "z", "qx", "qy", "qz", "qw"])
            for index, (image, pose) in enumerate(zip(source.names, poses, strict=True)):
                path = root / name / f"{image}.png"
                cv2.imwrite(str(path), source.read(index)[..., ::-1])
                writer.writerow([path.name, *pose.position, *pose.orientation])
    return root


def numbers(path):
    """Recalls and rankings of what --json wrote."""
    (variant,) = json.loads(path.read_text())["variants"]
    recalls = {each["stage"]: each["recall"] for each in variant["scores"]}
    return recalls, variant["rankings"], variant["rankings_of_retrieval"]


def test_bags_and_folders_agree_to_the_last_digit(evaluate, rendered_drive, folder, tmp_path):
    bags = ("--map-bag", rendered_drive.map_bag, "--query-bag", rendered_drive.query_bag)
    one = evaluate(*bags, *LIMITS, "--json", tmp_path / "bags.json")
    assert one.code == 0, one.err
    limits = ("--option", "distance=5", "--option", "angle=45")
    files = ("--dataset", "poses", "--folder", folder, *limits)
    other = evaluate(*files, "--json", tmp_path / "files.json")
    assert other.code == 0, other.err
    recalls, *rankings = numbers(tmp_path / "bags.json")
    assert [recalls, *rankings] == list(numbers(tmp_path / "files.json"))
    assert recalls["reranked"]["1"]["mean"] > 0.7
    assert "accepted, of them" in one.out
    assert "accepted" not in other.out


def test_a_report_and_variants_side_by_side(evaluate, rendered_drive, tmp_path):
    pytest.importorskip("matplotlib", reason="reports need matplotlib and jinja2")
    bags = ("--map-bag", rendered_drive.map_bag, "--query-bag", rendered_drive.query_bag)
    asked = ("--compare", "three <only>: candidates=3", "--study", "candidates", "-n", "1,2")
    result = evaluate(*bags, *LIMITS, *asked, "--html", tmp_path / "page.html")
    assert result.code == 0, result.err
    assert "three <only>, reranked" in result.out
    assert "Recall against the number of candidates" in result.out
    assert "R@2" in result.out
    page = (tmp_path / "page.html").read_text()
    assert "three &lt;only&gt;" in page
    assert "What a robot would be told" in page
    assert "Surest right matches" in page


def test_loops_of_one_bag(evaluate, rendered_drive):
    result = evaluate("--map-bag", rendered_drive.map_bag, "--recent", "3", "--distance", "8")
    assert result.code == 0, result.err
    assert result.out.startswith("map: ")


def test_a_map_that_exists(vpr, evaluate, rendered_drive, tmp_path):
    path, bags = tmp_path / "a.vprmap", rendered_drive
    assert vpr("map", bags.map_bag, "-o", path).code == 0
    truth = ("--map-bag", bags.map_bag)
    result = evaluate("--map", path, "--query-bag", bags.query_bag, *truth, *LIMITS)
    assert result.code == 0, result.err
    assert "query in a.vprmap" in result.out
    assert "accepted, of them" in result.out
    result = evaluate("--map", path, "--query-bag", bags.query_bag)
    assert result.code == 2
    assert "name the map's recording with --map-bag" in result.err


def test_broken_images_are_counted(evaluate, folder, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    first = sorted((copied / "queries").glob("*.png"))[0]
    first.write_bytes(first.read_bytes()[:100])
    result = evaluate("--dataset", "poses", "--folder", copied)
    assert result.code == 0
    assert "1 images cannot be read and are left out" in result.out
    assert result.err.count("skipped:") == 1


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("", "nothing to run on"),
        ("--map a.vprmap", "name the recording to look for with --query-bag"),
        ("--map a.vprmap --query-bag {query}", "a.vprmap: no such map"),
        ("--dataset poses", "say where it is with --folder"),
        ("--dataset poses --folder nowhere", "nowhere"),
        ("--dataset poses --folder {files} --option distance=far", "distance = 'far'"),
        ("--dataset poses --folder {files} --option far", "write NAME=VALUE"),
        ("--dataset poses --folder {files} --option distance=0.001", "no query has a database"),
        ("--dataset poses --folder {files} --map-bag {map}", "does not go together with"),
        ("--dataset poses --folder {files} -n 0,5", "--recall-at 0,5: write whole numbers"),
        ("--dataset poses --folder {files} --compare x", "write 'NAME: SETTING=VALUE ...'"),
        ("--dataset poses --folder {files} --predictions p.txt", "is for --dataset msls"),
        ("--map-bag nowhere --query-bag {query}", "nowhere: there is no such file or folder"),
        ("--map-bag {map} --query-bag {query} --image-topic /no", "no topic /no; the bag holds /c"),
        ("--map-bag {map} --query-bag {query} --truth /no", "no topic /no; the bag holds /c"),
        ("--map-bag {map} --query-bag {query} --distance 0.01", "within 0.01 m"),
        ("--map-bag {map} --query-bag {query} --heading east", "--heading east: write degrees"),
        ("--map-bag {map}", "no query has a database image within 25 m"),
        ("--map-bag {empty} --query-bag {query}", "no image topic; the bag holds /camera (0 of"),
        ("--map-bag {untrue} --query-bag {untrue}", "no poses to judge by; the bag holds /camera"),
    ],
)
def test_errors_are_one_line(evaluate, rendered_drive, folder, drives, argv, said):
    bags = {"map": rendered_drive.map_bag, "query": rendered_drive.query_bag}
    bags |= {"untrue": drives / "bag", "empty": drives / "empty"}
    result = evaluate(*argv.format(**bags, files=folder).split())
    assert result.code == 2
    lines = result.err.strip().split("\n")
    assert lines[-1].startswith("vpr: error: ")
    assert len(lines) == 1
    assert said in lines[-1]


def test_a_kill_is_continued(cache, tmp_path):
    """Many images in a folder: killed in the middle, continued, and nothing described twice."""
    root, random = tmp_path / "many", np.random.default_rng(0)
    for name, count in (("database", 60), ("queries", 8)):
        (root / name).mkdir(parents=True)
        rows = []
        for index in range(count):
            image = cv2.resize(random.integers(0, 255, (12, 16, 3), np.uint8), (128, 96))
            cv2.imwrite(str(root / name / f"{index:04}.png"), image)
            rows.append(f"{index:04}.png,{index},0,0,0,0,0,1")
        text = "\n".join(["image,x,y,z,qx,qy,qz,qw", *rows]) + "\n"
        (root / name / "poses.csv").write_text(text)
    command = [sys.executable, "-m", "vpr_ros", "evaluate", "--dataset", "poses"]
    command += ["--folder", str(root), "--cache", str(tmp_path / "cache")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while _described(tmp_path / "cache") < 20:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = _described(tmp_path / "cache")
    inode = next((tmp_path / "cache").glob("*/*.sqlite")).stat().st_ino
    assert 20 <= done < 68
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "8 queries in 60 images" in finished.stdout
    assert _described(tmp_path / "cache") == 68
    files = (tmp_path / "cache").glob("*/*.sqlite")
    assert inode in [each.stat().st_ino for each in files]  # continued, not begun anew
    assert "made again" not in finished.stderr


def _described(cache):
    return sum(_count(path) for path in cache.glob("*/*.sqlite"))


def _count(path):
    with closing(sqlite3.connect(path)) as database:
        try:
            return database.execute("SELECT count(*) FROM images").fetchone()[0]
        except sqlite3.OperationalError:  # there is no table yet
            return 0
