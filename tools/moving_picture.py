# SPDX-License-Identifier: Apache-2.0
"""Makes docs/demo.gif of what `make demo` left in build/: the moving picture of the README.

    tools/env.sh python tools/moving_picture.py [--demo build] [--out docs/demo.gif]

Beside each other the camera and the keyframe it was matched with, below them what the localizer
says, and where the robot is on the map, seen from above.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vpr_ros.datatypes import Verdict
from vpr_ros.demo.drives import Options, choose_drives, read_truth
from vpr_ros.drives.bag_reader import BagReader
from vpr_ros.evaluation.protocols.map_set import Keyframes
from vpr_ros.evaluation.report.overhead import positions

INK, SOFT, GRAY = (32, 36, 44), (110, 116, 126), (158, 163, 172)
BLUE, GREEN, ORANGE = (70, 105, 175), (28, 150, 82), (226, 140, 20)
IMAGE = (240, 160)  # pixels
MAP = (220, 230)
GAP, STRIP = 8, 70
COLORS = {Verdict.ACCEPTED: GREEN, Verdict.AMBIGUOUS: ORANGE, Verdict.UNKNOWN: GRAY}
STEP = 7  # of so many answers one is shown
MILLISECONDS = 400  # that it is shown


def main() -> None:
    """Write the film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, default=Path("build"), help="where demo left it all")
    parser.add_argument("--out", type=Path, default=Path("docs/demo.gif"))
    args = parser.parse_args()
    frames = list(drawn(args.demo))
    palette = sample(frames).quantize(64, method=Image.Quantize.MEDIANCUT)
    quantized = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first, *others = quantized
    first.save(
        args.out, save_all=True, append_images=others, duration=MILLISECONDS, loop=0, optimize=True
    )
    size = args.out.stat().st_size / 1e6
    sys.stdout.write(f"wrote {args.out}: {len(frames)} images, {size:.2f} MB\n")


def sample(frames: list[Image.Image]) -> Image.Image:
    """Some of the images above each other, and so much of each verdict's color that it stays."""
    width, height = frames[0].size
    picture = Image.new("RGB", (width, 5 * height))
    for row in range(4):
        picture.paste(frames[(2 * row + 1) * len(frames) // 8], (0, row * height))
    for column, color in enumerate((*COLORS.values(), BLUE)):
        picture.paste(
            color, (column * width // 4, 4 * height, (column + 1) * width // 4, 5 * height)
        )
    return picture


def drawn(demo: Path) -> Iterator[Image.Image]:
    """The images of the film."""
    options = Options(None, None, "", "", "", 1.0, demo)
    map_drive, query_drive = choose_drives(options, lambda done, total: None)
    truth = read_truth(map_drive, query_drive)
    keyframes = Keyframes(options.scratch / "route.vprmap")
    numbers = {stamp: number for number, stamp in enumerate(keyframes.stamps_ns)}
    lines = (options.scratch / "answers.jsonl").read_text("utf-8").splitlines()
    answers = {line["stamp_ns"]: line for line in map(json.loads, lines)}
    route = positions([truth.map_pose(stamp) for stamp in keyframes.stamps_ns])
    driven = positions([truth.query_pose(stamp) for stamp in answers])
    plan = Plan(np.concatenate([route, driven]))
    trail: list[tuple[Any, Verdict]] = []
    with BagReader(query_drive.bag) as bag:
        for count, frame in enumerate(bag.frames(pose_topic=None)):
            answer = answers.get(frame.stamp_ns)
            if answer is None or not answer["candidates"]:
                continue
            trail.append(
                (positions([truth.query_pose(frame.stamp_ns)])[0], Verdict[answer["verdict"]])
            )
            number = numbers[answer["candidates"][0]["stamp_ns"]]
            if count % STEP == 0:
                yield scene(
                    frame.image, keyframes.read(number), answer, plan.drawn(route, trail, number)
                )


class Plan:
    """From meters to pixels of the small map."""

    def __init__(self, places: np.ndarray) -> None:
        self._low, high = np.nanmin(places, 0), np.nanmax(places, 0)
        extent = np.maximum(high - self._low, 1.0)
        self._scale = float(min((MAP[0] - 24) / extent[0], (MAP[1] - 24) / extent[1]))
        self._corner = (np.array(MAP) - self._scale * extent) / 2

    def at(self, place: np.ndarray) -> tuple[float, float]:
        """Where a place is drawn, north up."""
        x, y = self._corner + (place - self._low) * self._scale
        return float(x), MAP[1] - float(y)

    def drawn(self, route: np.ndarray, trail: list, match: int) -> Image.Image:
        """The route, the way so far in the colors of its verdicts, and the last match."""
        picture = Image.new("RGB", (2 * MAP[0], 2 * MAP[1]), "white")
        draw = ImageDraw.Draw(picture)
        for place in route:
            dot(draw, self.at(place), 3, (176, 196, 222))
        for place, verdict in trail:
            dot(draw, self.at(place), 4, COLORS[verdict])
        place, verdict = trail[-1]
        if verdict is Verdict.ACCEPTED:
            dot(draw, self.at(route[match]), 10, BLUE)
        dot(draw, self.at(place), 8, INK)
        return picture.resize(MAP, Image.Resampling.LANCZOS)


def dot(draw: ImageDraw.ImageDraw, place: tuple[float, float], radius: float, color: Any) -> None:
    """A filled circle, twice as large as it will be."""
    x, y = 2 * place[0], 2 * place[1]
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def scene(query: np.ndarray, match: np.ndarray, answer: dict, plan: Image.Image) -> Image.Image:
    """One image of the film."""
    width, height = 2 * IMAGE[0] + MAP[0] + 2 * GAP, IMAGE[1] + STRIP
    picture = Image.new("RGB", (width, height), "white")
    for place, image in ((0, query), (IMAGE[0] + GAP, match)):
        picture.paste(Image.fromarray(image).resize(IMAGE, Image.Resampling.LANCZOS), (place, 0))
    picture.paste(plan, (2 * (IMAGE[0] + GAP), 0))
    color, draw = COLORS[Verdict[answer["verdict"]]], ImageDraw.Draw(picture)
    draw.rectangle((0, IMAGE[1], 2 * IMAGE[0] + GAP - 1, IMAGE[1] + 4), fill=color)
    draw.text((2, IMAGE[1] + 10), answer["verdict"], color, ImageFont.load_default(20))
    draw.text(
        (IMAGE[0] + GAP, IMAGE[1] + 14),
        "best keyframe of the map",
        SOFT,
        ImageFont.load_default(14),
    )
    reason = answer["reason"] if len(answer["reason"]) < 78 else answer["reason"][:77] + "…"
    draw.text((2, IMAGE[1] + 40), reason, INK, ImageFont.load_default(14))
    return picture


if __name__ == "__main__":
    main()
