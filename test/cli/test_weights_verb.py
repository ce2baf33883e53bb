# SPDX-License-Identifier: Apache-2.0
"""What the verb ``weights`` says of published and of other files."""

import argparse

import pytest

from vpr_ros.cli import weights_verb
from vpr_ros.errors import BackendError, WeightsError
from vpr_ros.models import NETWORKS
from vpr_ros.models.known_weights import CHECKPOINTS, published_as


@pytest.fixture
def weights(capsys):
    """Runs the verb and gives its lines."""

    def run(*argv):
        parser = argparse.ArgumentParser()
        weights_verb.add_arguments(parser)
        assert weights_verb.run(parser.parse_args([str(each) for each in argv])) == 0
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file that fits a network."""
    torch = pytest.importorskip("torch", reason="weights need PyTorch")
    network = NETWORKS["transvpr"]
    path = tmp_path_factory.mktemp("weights") / "a.pth"
    torch.save({"state_dict": network.make(network.spec.settings).state_dict()}, path)
    return path


def test_list(weights):
    text = "\n".join(weights("list"))
    for checkpoint in CHECKPOINTS:
        assert checkpoint.file in text
        assert checkpoint.source in text
        assert checkpoint.license in text
    assert "fits        transvpr" in text
    assert "761be24b0bcf8dbea49054da7bef7087b723f73a" in text


def test_table_of_checkpoints():
    assert len({each.file for each in CHECKPOINTS}) == len(CHECKPOINTS)
    first = CHECKPOINTS[0]
    assert published_as(first.git_blob) is first
    assert published_as("") is None


def test_check(weights, path):
    lines = weights("check", path)
    assert lines[0].startswith(f"file       {path} (21.")
    assert len(lines[1].split()[1]) == 64
    assert lines[2].startswith("published  not known")
    assert lines[3] == "holds      109 tensors, 5.4 million values"
    assert lines[4].startswith("fits       transvpr, weights ")
    assert weights("check", path, "--method", "transvpr") == lines


def test_check_names_a_published_file(weights, path, monkeypatch):
    monkeypatch.setattr(weights_verb, "published_as", lambda blob: CHECKPOINTS[1])
    assert weights("check", path)[2] == "published  by the authors as TransVPR_Pitts30k.pth"


def test_convert_to_half_the_size(weights, path, tmp_path):
    output = tmp_path / "half.safetensors"
    said = weights("convert", path, "-o", output, "--half")
    assert said == [f"{output}: transvpr, 10.8 MB"]
    assert "fits       transvpr" in weights("check", output)[4]


def test_convert(weights, path, tmp_path):
    output = tmp_path / "b.safetensors"
    assert weights("convert", path, "-o", output) == [f"{output}: transvpr, 21.6 MB"]
    before, after = weights("check", path), weights("check", output)
    assert after[2] == f"published  converted from a file of SHA-256 {before[1].split()[1]}"
    assert after[3:] == before[3:]


def test_what_does_not_fit(weights, path):
    with pytest.raises(WeightsError, match="does not fit transvpr_sl_satt: wrong shape"):
        weights("check", path, "--method", "transvpr_sl_satt")


def test_without_torch(weights, path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("vpr_ros.models.weights", "vpr_ros.models.weights_file"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(BackendError, match=r"needs PyTorch .*pip install torch"):
        weights("check", path)
    assert weights("list")
