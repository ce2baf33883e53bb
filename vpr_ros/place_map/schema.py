# SPDX-License-Identifier: Apache-2.0
"""The tables of a map file (``*.vprmap``), and the history of the format.

A map is one SQLite database. Its header carries ``application_id`` 0x5650524D ("VPRM") and, as
``user_version``, the number of the format. All stamps are nanoseconds, all lengths metres.

=================== ================================================================================
meta                key -> value: ``model_spec`` (JSON of every field of ``ModelSpec``),
                    ``codec`` (that new keyframes are written with),
                    ``calibration`` (JSON of ``CalibrationRecord``; maps need not have one, and
                    versions that do not know it leave it alone), ``prototypes`` (blob: header,
                    then centers float32 [P, D], radii float32 [P], and uint64, of how many
                    keyframes they were made; maps need not have them, either)
sessions            one drive each; ``name`` is unique
cameras             one row for each distinct camera; ``description`` is JSON with the fields of
                    ``Camera``; ``mount``, as the pose columns of keyframes, and ``name`` only
                    where they are known
keyframes           ids ascend in the order of appending; the pose columns are all null (no pose) or
                    all set: ``frame_T_base`` as position and unit quaternion
thumbnails          JPEG; a keyframe without one has no row
global_descriptors  ``blob``: header, then float32 [D]
local_features      ``blob``: header, then keypoints float32 [N, 2], scores float32 [N],
                    descriptors [N, C] in the row's ``codec``; ``width`` and ``height`` are those of
                    the image, in pixels
=================== ================================================================================

A blob's header is rows and columns of its descriptors and the CRC-32 of what follows, three uint32.
Everything in a blob is little-endian. Descriptors have tables of their own, so that listing the
keyframes of a large map does not read through them.

Format history:

1. The first.
"""

APPLICATION_ID = 0x5650524D
FORMAT_VERSION = 1

# Blobs of 15 to 300 kB read and write faster from pages larger than SQLite's default of 4096 bytes.
PAGE_SIZE = 8192

TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE cameras (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL UNIQUE
);

CREATE TABLE keyframes (
    id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES sessions (id),
    camera_id INTEGER REFERENCES cameras (id),
    stamp_ns INTEGER NOT NULL,
    x REAL, y REAL, z REAL,
    qx REAL, qy REAL, qz REAL, qw REAL,
    frame_id TEXT
);

CREATE TABLE thumbnails (
    keyframe_id INTEGER PRIMARY KEY REFERENCES keyframes (id),
    jpeg BLOB NOT NULL
);

CREATE TABLE global_descriptors (
    keyframe_id INTEGER PRIMARY KEY REFERENCES keyframes (id),
    blob BLOB NOT NULL
);

CREATE TABLE local_features (
    keyframe_id INTEGER PRIMARY KEY REFERENCES keyframes (id),
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    codec TEXT NOT NULL,
    blob BLOB NOT NULL
);
"""
