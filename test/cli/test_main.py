# SPDX-License-Identifier: Apache-2.0
"""Errors are one line and a code, Ctrl-C and closed pipes are no errors, and help is complete."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vpr_ros.cli.main import main
from vpr_ros.config import PipelineConfig, settings_of
from vpr_ros.place_map import PlaceMap

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "vpr_ros")
HOG = ("--method", "hog_sift")


def start(*argv, **kwargs):
    argv = [str(each) for each in argv]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **kwargs}
    return subprocess.Popen([*COMMAND, *argv], cwd=ROOT, **pipes)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("map nowhere -o a.vprmap", "nowhere: there is no such file"),
        ("map {drives}/map -o nowhere/a.vprmap", "nowhere/a.vprmap: the folder does not exist"),
        ("map {drives} -o a.vprmap", "no images in this folder"),
        ("map setup.py -o a.vprmap", "setup.py: neither a bag nor a folder"),
        ("map {drives}/bag -o a.vprmap --image-topic /left", "no topic /left; the bag holds /c"),
        ("map {drives}/bag -o a.vprmap --pose-topic /camera", "/camera is a sensor_msgs"),
        ("map {drives}/map -o a.vprmap --image-topic /left", "only bags have topics"),
        ("map {drives}/map -o a.vprmap --rate 0", "rate = 0.0"),
        ("map {drives}/map -o a.vprmap --set keyframes.distance=far", "'far': must be of type f"),
        ("map {drives}/map -o a.vprmap --set keyframes.distance=0", "must be between 0.01 and"),
        (
            "map {drives}/map -o a.vprmap --set keyframes.distanc=1",
            "no setting 'keyframes.d",
        ),
        ("map {drives}/map -o a.vprmap --set distance", "--set distance: write NAME=VALUE"),
        ("localize {drives}/query --map nowhere", "no such map"),
        ("localize {drives}/query --map setup.py", "not a map"),
        ("localize {drives}/query --map {map} --set sift.max_side=320", "made with hog_sift"),
        ("localize {drives}/query --map {map} --json {map}", "would overwrite the map"),
        ("inspect nowhere", "no such map"),
    ],
)
def test_errors_are_one_line(vpr, drives, street_map, argv, said):
    result = vpr(*argv.format(drives=drives, map=street_map).split())
    assert result.code == 2
    assert result.err.startswith("vpr: error: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert result.out == ""
    assert not Path("a.vprmap").exists()


@pytest.mark.parametrize("argv", [[], ["fly"], ["map"], ["map", "x"], ["localize", "x"]])
def test_wrong_usage(argv, capsys):
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2
    assert "usage: vpr" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["map", "localize"])
def test_help_lists_every_setting(verb, capsys):
    with pytest.raises(SystemExit) as raised:
        main([verb, "--help"])
    text = capsys.readouterr().out
    assert raised.value.code == 0
    for name, value, setting in settings_of(PipelineConfig()):
        line = next(line for line in text.splitlines() if line.startswith(f"  {name} "))
        assert str(value) in line
        assert setting.description in line
    assert "(0.01 to 1000)" in text


def test_as_a_module(street_map):
    with start("inspect", street_map) as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "keyframes  8, 8 with pose" in out


def test_closed_pipe(drives, street_map):
    with start("localize", drives / "query", "--map", street_map, "--json", "-", *HOG) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, "")


def test_interrupt_between_frames(drives, tmp_path):
    path = tmp_path / "a.vprmap"
    # A pipe that nobody fills in time keeps the program busy at a known frame.
    folder = tmp_path / "drive"
    folder.mkdir()
    for index in range(3):
        os.link(drives / "map" / f"{index}.png", folder / f"{index}.png")
    os.mkfifo(folder / "3.png")
    os.link(drives / "map" / "4.png", folder / "4.png")
    with start("map", folder, "-o", path, "--set", "keyframes.view_change=0", *HOG) as process:
        with (folder / "3.png").open("wb") as pipe:  # opens when the program reads it
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            pipe.write((drives / "map" / "3.png").read_bytes())
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "vpr: interrupted\n")
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 4, "the frame in work is finished, the next is not begun"
