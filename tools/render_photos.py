# SPDX-License-Identifier: Apache-2.0
"""Photos of simulated towns to train with: every street by day, under a low sun and at dusk.

    python tools/render_photos.py FOLDER

All laps of a town follow one path, past other parked cars. Names end in the number of the place and
the time of day, so that ``drives: {render/*: 1}`` of a recipe knows which photos were taken from
one position. The towns are other ones than that of the demo and of the tests.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from vpr_ros.simulation.camera import DIM, SHARP
from vpr_ros.simulation.laps import DriveConfig, Film, map_lap
from vpr_ros.simulation.light import DAYLIGHT, DUSK
from vpr_ros.simulation.street import build_town

_FIRST_SEED = 1000
_RATE_HZ = 2.0  # at 5.5 m/s: photos 2.75 m apart
_SIZE = (288, 192)
_LOW_SUN = replace(
    DAYLIGHT,
    sun=(1.10, 0.72, 0.40),
    to_sun=(0.80, -0.30, 0.35),
    sky=(0.30, 0.33, 0.42),
    zenith=(0.30, 0.42, 0.62),
    horizon=(0.90, 0.70, 0.50),
    clouds=0.2,
)
_TIMES = {"day": (DAYLIGHT, SHARP), "evening": (_LOW_SUN, SHARP), "dusk": (DUSK, DIM)}


def main() -> None:
    """Render what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--towns", type=int, default=12)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.towns):
        count = render(options.folder, _FIRST_SEED + number)
        sys.stdout.write(f"town {number + 1} of {options.towns}: {count} photos\n")


def render(folder: Path, seed: int) -> int:
    """A lap of a town at each time of day; how many photos there are."""
    random = np.random.default_rng(seed)
    width, height = _SIZE
    config = DriveConfig(
        rate_hz=_RATE_HZ,
        image_width=width,
        image_height=height,
        field_of_view=float(random.uniform(1.1, 1.6)),
        camera_height=float(random.uniform(1.0, 2.0)),
        lane=float(random.uniform(-1.2, 0.0)),
        seed=seed,
    )
    town, lap = build_town(config.plan, seed), map_lap(config)
    count = 0
    for index, (name, (lighting, look)) in enumerate(_TIMES.items()):
        film = Film(config, town, replace(lap, index=index, lighting=lighting, look=look))
        for place, image in enumerate(film.frames()):
            path = folder / f"town{seed}_{place:04}_{name}.jpg"
            cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            count += 1
    return count


if __name__ == "__main__":
    main()
