# SPDX-License-Identifier: Apache-2.0
"""Maps without images: how much two keyframes look alike is a function of where they stand."""

import numpy as np

from vpr_ros.datatypes import Comparison, Features, KeyframeKey, KeyframeRecord, Pose
from vpr_ros.place_map import KeyframeTable

S = 10**9
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


class Town:
    """A map and a reranker in one; keyframe ``n + 1`` stands at ``places[n]`` meters.

    What is not at a whole number of meters was taken by the rear camera.
    """

    survey = 200

    def __init__(self, places, likeness, poses=True, sessions=None, period=1.0, zoomed=False):
        self.places, self.likeness, self.zoomed = list(places), likeness, zoomed
        self.compared, self.kept, self.notes = 0, None, {}
        names = sessions or ["monday"] * len(self.places)
        records = [
            KeyframeRecord(
                KeyframeKey("town", number + 1),
                names[number],
                round(number * period * S),
                Pose((float(x), 0.0, 0.0), UPRIGHT, "odom") if poses else None,
                "rear" if x % 1.0 else "",
            )
            for number, x in enumerate(self.places)
        ]
        self.table = KeyframeTable(records)

    def __len__(self):
        return len(self.table)

    def features_of(self, keys):
        return [Features(np.array([key.id], np.float32), None) for key in keys]

    def descriptors(self, rows):
        return (self.table.ids[rows].astype(np.float32))[:, None]

    def similarities(self, descriptors, rows=slice(None)):
        """The likeness of keyframes to some of them."""
        queries = descriptors[:, 0].astype(int).tolist()
        every = self.table.ids[rows].tolist()
        return np.array([[self.worth(query, other) for other in every] for query in queries])

    def worth(self, query, other):
        return self.likeness(self.places[query - 1], self.places[other - 1])

    def compare(self, query, candidates):
        """As a reranker."""
        self.compared += len(candidates)
        ids = [int(each.global_descriptor[0]) for each in candidates]
        here = int(query.global_descriptor[0])
        return [Comparison(self.worth(here, n), -1, self.zoom(here, n)) for n in ids]

    def zoom(self, query, other):
        """Twice as large for what is ahead by more than a place, if that is wanted."""
        ahead = self.places[other - 1] - self.places[query - 1]
        return 2.0 if self.zoomed and abs(ahead) > 10.0 else 1.0

    def calibration(self):
        return self.kept

    def keep_calibration(self, record):
        self.kept = record

    def note(self, key):
        return self.notes.get(key)

    def keep_note(self, key, text):
        self.notes[key] = text
