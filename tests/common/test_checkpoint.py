import pytest
import torch
from torch import nn

from common import checkpoint
from common.errors import InputError


def test_tensors_and_header_come_back(tmp_path):
    tensors = {"a": torch.rand(2, 3).t(), "b": torch.arange(3), "again": torch.ones(2)}
    tensors["shared"] = tensors["again"]  # safetensors alone would refuse two names for one memory
    checkpoint.save(tmp_path / "x.safetensors", tensors, {"lab": "cnn", "split": [0.6, 0.4], "none": None})
    got, header = checkpoint.load(tmp_path / "x.safetensors")
    assert header == {"lab": "cnn", "split": [0.6, 0.4], "none": None}
    assert all(torch.equal(got[k], v) for k, v in tensors.items())


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, {"a": torch.rand(1000)}, {})
    path.write_bytes(path.read_bytes()[:-10] if content is None else content)
    with pytest.raises(InputError, match=r"x\.safetensors is damaged"):
        checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file.*gone"):
        checkpoint.load(tmp_path / "gone.safetensors")


def test_weights_of_another_model_are_refused_by_the_first_difference(tmp_path):
    model = nn.Linear(3, 2)
    before = model.weight.clone()
    with pytest.raises(InputError, match=r"weight is \(2, 4\) there and \(2, 3\) here"):
        checkpoint.load_weights(model, nn.Linear(4, 2).state_dict(), tmp_path / "m")
    with pytest.raises(InputError, match="bias is absent there"):
        checkpoint.load_weights(model, nn.Linear(3, 2, bias=False).state_dict(), tmp_path / "m")
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta"])
def test_an_optimiser_goes_on_as_if_it_had_never_stopped(name, tmp_path):
    from common.optimizers import make_optimizer

    def new():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        model = model.to(memory_format=torch.channels_last)
        return model, make_optimizer(name, model.parameters(), 0.01)

    def train(model, optimizer, steps, start=0):
        for i in range(start, start + steps):
            X = torch.rand(8, 3, 4, 4, generator=torch.Generator().manual_seed(i))
            optimizer.zero_grad()
            model(X).square().sum().backward()
            optimizer.step()

    whole, optimizer = new()
    train(whole, optimizer, 6)

    half, optimizer = new()
    train(half, optimizer, 3)
    tensors, rest = checkpoint.optimizer_tensors(optimizer, "o.")
    checkpoint.save(tmp_path / "c", tensors | {f"m.{k}": v for k, v in half.state_dict().items()}, rest)

    tensors, rest = checkpoint.load(tmp_path / "c")
    again, optimizer = new()
    weights = {k.removeprefix("m."): v for k, v in tensors.items() if k.startswith("m.")}
    checkpoint.load_weights(again, weights, tmp_path / "c")
    checkpoint.load_optimizer(optimizer, {k: v for k, v in tensors.items() if k.startswith("o.")}, rest, "o.", tmp_path)
    train(again, optimizer, 3, start=3)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "file"
    checkpoint.save(path, {"w": torch.arange(1000.0)}, {"epochs": 3})
    content = path.read_bytes()
    for place in (len(content) - 1, len(content) // 2, content.index(b"epochs") + 10):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InputError, match="damaged"):
            checkpoint.load(path)


def test_a_file_of_an_older_release_has_no_digest_and_is_read(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "old", {"header": '{"a": 1}'})
    assert checkpoint.load(tmp_path / "old")[1] == {"a": 1}
