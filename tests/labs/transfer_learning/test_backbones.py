"""Networks cut in two, their blocks, and weights: found, fetched, read, refused."""

import functools
import hashlib
import http.server
import pickle
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from common import weights
from common.errors import InputError
from common.sources import FetchError
from labs.transfer_learning import backbones
from labs.transfer_learning.backbones import NORMS, blocks, build_backbone, check_image_size, find_head

WIDTHS = {"resnet18": 512, "vgg16": 4096, "squeezenet1_0": 512, "mobilenet_v3_small": 1024, "efficientnet_b0": 1280}


@pytest.fixture(autouse=True)
def no_torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def tiny(seed: int = 0) -> nn.Module:
    """A network built like torchvision's: features, then a head of 5 classes."""
    torch.manual_seed(seed)
    network = nn.Module()
    network.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    network.classifier = nn.Sequential(nn.Dropout(), nn.Linear(4, 5))
    return network


MODELS = torchvision.models.list_models(module=torchvision.models)


# A RegNet computes its widths with tensors, so it cannot be built without memory; the smallest stands for all.
@pytest.mark.parametrize("name", [name for name in MODELS if "regnet" not in name or name == "regnet_y_400mf"])
def test_the_head_is_found_in_every_model_of_torchvision(name):
    with torch.device("cpu" if "regnet" in name else "meta"):
        kws = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        network = torchvision.models.get_model(name, weights=None, num_classes=17, **kws)
    head, layer = find_head(network)
    assert head.split(".")[0] in ("fc", "classifier", "head", "heads")
    assert 17 in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))
    assert len(blocks(network)) >= 4
    kinds = {type(layer) for layer in network.modules() if type(layer).__name__.endswith(("Norm", "1d", "2d", "3d"))}
    assert {kind for kind in kinds if "Norm" in kind.__name__} == {kind for kind in kinds if issubclass(kind, NORMS)}


@pytest.mark.parametrize("name", ["squeezenet1_0", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5"])
def test_a_backbone_gives_as_many_features_as_it_says(name):
    backbone, width = build_backbone(name)
    assert backbone.eval()(torch.rand(2, 3, 64, 64)).shape == (2, width)
    assert width == WIDTHS.get(name, width)


def test_blocks_of_resnet_are_its_residual_blocks():
    names = [name for name, _ in blocks(build_backbone("resnet18")[0])]
    assert names == ["conv1", *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1))]


def test_blocks_hold_every_parameter_of_a_convolutional_network():
    backbone, _ = build_backbone("mobilenet_v3_small")
    found = {id(p) for _, modules in blocks(backbone) for module in modules for p in module.parameters()}
    assert found == {id(p) for p in backbone.parameters()}


def test_blocks_of_a_transformer_are_its_layers():
    with torch.device("meta"):
        names = [name for name, _ in blocks(torchvision.models.vit_b_32())]
    assert [f"encoder.layers.encoder_layer_{i}" for i in range(12)] == names[1:13]


@pytest.mark.parametrize(
    ("name", "count", "parameters"), [("characters", 4, 223_808), ("characters_mobile", 6, 58_432)]
)
def test_the_labs_own_backbones(name, count, parameters):
    """Two architectures: a convolution from K to L channels has 9·K·L weights, a separable one 9·K + K·L."""
    backbone, width = build_backbone(name)
    assert (len(blocks(backbone)), width) == (count, 256)
    assert sum(p.numel() for p in backbone.parameters()) == parameters


def test_sizes_a_backbone_cannot_take_are_refused():
    network = nn.Sequential(nn.Conv2d(3, 4, 11))
    check_image_size("x", network, 16)
    with pytest.raises(InputError, match="--image-size 8 is too small for x"):
        check_image_size("x", network, 8)
    network.image_size = 224  # as a vision transformer says it
    with pytest.raises(InputError, match="images of 224 pixels only"):
        check_image_size("x", network, 64)


def test_an_unknown_backbone_is_told_the_known_ones():
    with pytest.raises(InputError, match="--backbone resnet17 is none of characters, characters_mobile, alexnet"):
        backbones.check_name("resnet17")


def test_published_preparation():
    of = backbones.preparation("resnet18")
    assert (of.image_size, of.mean, of.std) == (224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert backbones.preparation("inception_v3").image_size == 299


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pth"])
def test_weights_are_read_from_every_format(tmp_path, ending):
    state = tiny(1).state_dict()
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        safetensors.torch.save_file(state, path)
    elif ending == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
    else:
        torch.save(state, path)
    network = tiny(2)
    own_head = network.classifier[1].weight.clone()
    weights.put(weights.read_tensors(path), network, path, "tiny", "classifier.1")
    assert torch.equal(network.features[0].weight, state["features.0.weight"])
    assert torch.equal(network.classifier[1].weight, own_head)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_side_exits_are_cut_off(name):
    with torch.device("meta"):
        backbone, _ = build_backbone(name)
    assert not [key for key, _ in backbone.named_parameters() if "aux" in key.lower()]


class Evil:
    def __reduce__(self):
        return (Path("ran").write_text, ("code",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.safetensors", b"nonsense", "cannot be read"),
        ("a.npz", b"PK\x03\x04 cut", "cannot be read"),
        ("a.pth", b"", "cannot be read"),
        ("a.pth", pickle.dumps(Evil()), "cannot be read"),
        ("a.h5", b"", "must be a .safetensors, .npz or .pth"),
        (None, b"", "no such file"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_and_never_run(tmp_path, name, content, said):
    path = tmp_path / (name or "missing.npz")
    if name:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        weights.read_tensors(path)
    assert "\n" not in str(error.value)
    assert not Path("ran").exists()


def test_arrays_of_objects_are_refused_and_never_run(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([Evil()], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        weights.read_tensors(tmp_path / "a.npz")
    assert not Path("ran").exists()


def test_a_pth_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(InputError, match="state_dict"):
        weights.read_tensors(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("features.0.bias"), "it has no features.0.bias"),
        (lambda s: s.update({"features.9.bias": torch.ones(1)}), "it has features.9.bias, which tiny has not"),
        (lambda s: s.update({"features.0.weight": torch.ones(4, 1, 3, 3)}), r"\(4, 1, 3, 3\) there and \(4, 3, 3, 3\)"),
    ],
)
def test_weights_of_another_architecture_are_refused(change, said):
    state = tiny().state_dict()
    change(state)
    with pytest.raises(InputError, match=f"f.pth is not of tiny: .*{said}"):
        weights.put(state, tiny(), "f.pth", "tiny", "classifier.1")


def test_a_head_of_another_size_or_none_and_old_files_without_counters_are_taken():
    state = tiny(3).state_dict()
    state["classifier.1.weight"] = torch.ones(7, 4)
    del state["classifier.1.bias"], state["features.1.num_batches_tracked"]
    network = tiny()
    weights.put(state, network, "f.pth", "tiny", "classifier.1")
    assert torch.equal(network.features[0].weight, state["features.0.weight"])


def test_the_dotted_names_of_published_densenets_are_understood():
    network = nn.ModuleDict({"norm1": nn.BatchNorm1d(2)})
    state = {name.replace("norm1", "norm.1"): tensor + 1 for name, tensor in network.state_dict().items()}
    weights.put(state, network, "f.pth", "densenet")
    assert network["norm1"].weight.tolist() == [2, 2]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine that holds one file of weights, as torchvision names them; gives the file."""
    folder = tmp_path / "served"
    folder.mkdir()
    torch.save(tiny().state_dict(), folder / "tiny.pth")
    digest = hashlib.sha256((folder / "tiny.pth").read_bytes()).hexdigest()
    file = (folder / "tiny.pth").rename(folder / f"tiny-{digest[:8]}.pth")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/{file.name}"
        monkeypatch.setattr(weights, "published", lambda name: SimpleNamespace(url=url))
        yield file
        running.shutdown()


def test_published_weights_are_fetched_once_and_kept(server, tmp_path):
    path = weights.find_published("tiny", tmp_path / "data", quiet=True)
    assert path == tmp_path / "data" / "weights" / server.name
    assert path.read_bytes() == server.read_bytes()
    server.unlink()
    assert weights.find_published("tiny", tmp_path / "data", offline=True) == path


def test_what_torch_has_fetched_is_used(server, tmp_path):
    own = tmp_path / "torch" / "hub" / "checkpoints" / server.name
    own.parent.mkdir(parents=True)
    own.write_bytes(server.read_bytes())
    assert weights.find_published("tiny", tmp_path / "data", offline=True) == own


def test_a_download_with_another_checksum_is_not_kept(server, tmp_path):
    server.write_bytes(server.read_bytes() + b"x")
    with pytest.raises(FetchError, match=f"put {server.name} from http"):
        weights.find_published("tiny", tmp_path / "data", quiet=True)
    assert not list((tmp_path / "data" / "weights").iterdir())


def test_a_damaged_file_of_weights_is_named(server, tmp_path):
    path = tmp_path / "data" / "weights" / server.name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    with pytest.raises(InputError, match=f"{server.name} is damaged"):
        weights.find_published("tiny", tmp_path / "data")


def test_offline_never_asks_the_network(server, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "fetch", lambda *args, **kws: pytest.fail("asked the network"))
    with pytest.raises(FetchError, match="network is not to be used"):
        weights.find_published("tiny", tmp_path / "data", offline=True)
