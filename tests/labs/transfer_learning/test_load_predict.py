"""A trained network, loaded again, names what is in pictures of one's own."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from common import cli
from common.errors import InputError
from common.runs import Run
from labs.transfer_learning import characters
from labs.transfer_learning.labelled_images import get_data
from labs.transfer_learning.load_predict import Request, name_pictures
from labs.transfer_learning.loss_landscape import LossLandscape
from labs.transfer_learning.pictures import open_picture
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import load_run, predict, train
from labs.transfer_learning.transfer_learning_mnist import MnistHyperParams

CLASSES = ("cat", "dog", "ant", "bee")
SHARES = (0.5, 0.05, 0.15, 0.3)


def save_run(path: Path, kind: type[HyperParams] = HyperParams) -> None:
    """A run whose network gives every picture the probabilities SHARES."""
    args = resolve(kind(dataset="digits", backbone="characters", out=path, device="cpu", quiet=True))
    model = build_model(args, len(CLASSES))
    model.head[-1].weight.data.zero_()
    model.head[-1].bias.data = torch.tensor(SHARES).log()
    with Run(args) as run:
        run.save_model(model, classes=list(CLASSES))


def ask(*words: object) -> int:
    return cli.run(name_pictures, Request, [str(word) for word in words], "predict")


def test_a_run_loaded_again_predicts_the_same():
    settings = {"strategy": "fine_tuning", "unfreeze": 1, "standardize": True, "dropout": 0.3, "epochs": 1}
    small = {"dataset": "digits", "train_images": 20, "test_images": 12, "baseline": False, "device": "cpu"}
    model, run = train(**settings, **small, backbone="characters", quiet=True, out=Path("run"))
    again = load_run(run.path)
    assert not any(module.training for module in again.model.modules())
    X = get_data(again.settings, torch.device("cpu")).test[0]
    assert torch.equal(predict(again.model, X), predict(model, X))
    assert again.settings == run.settings
    assert again.about["classes"] == [str(i) for i in range(10)]


def test_loading_needs_no_pretrained_weights(monkeypatch):
    save_run(Path("run"))
    monkeypatch.setattr(characters, "load_pretrained", lambda *args: pytest.fail("looked for pretrained weights"))
    load_run(Path("run"))


def test_the_three_likeliest_classes_of_each_picture_are_printed(capsys):
    save_run(Path("run"))
    Image.new("RGB", (50, 40)).save("a.png")
    Image.new("L", (3, 3)).save("b.jpg")
    assert ask("a.png", "b.jpg", "--run", "run") == 0
    said = "cat 50.0%, bee 30.0%, ant 15.0%"
    assert capsys.readouterr().out.splitlines() == [f"a.png: {said}", f"b.jpg: {said}"]


def test_what_is_no_picture_is_named_and_the_others_are_read(capsys):
    save_run(Path("run"))
    Path("text.png").write_text("no picture")
    Image.effect_noise((20, 20), 50).save("whole.png")
    Path("half.png").write_bytes(Path("whole.png").read_bytes()[:200])
    assert ask("text.png", "missing.png", "half.png", "whole.png", "--run", "run") == 3
    said = capsys.readouterr()
    assert said.out.startswith("whole.png: cat")
    text, missing, half = said.err.splitlines()
    assert text.startswith("error: text.png cannot be read: it is no image")
    assert missing == "error: missing.png: no such file"
    assert half.startswith("error: half.png cannot be read")


def test_the_middle_square_is_what_the_network_sees():
    """A red square between blue margins, and on its side."""
    for size, box in (((60, 20), (20, 0)), ((20, 60), (0, 20))):
        picture = Image.new("RGB", size, (0, 0, 255))
        picture.paste((255, 0, 0), (*box, box[0] + 20, box[1] + 20))
        picture.save("a.png")
        X = open_picture(Path("a.png"), 32)
        assert X.dtype == torch.uint8
        assert torch.equal(X, torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None].expand(3, 20, 20))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_is_taken(mode):
    Image.new(mode, (100, 80)).save("a.tif" if mode in ("CMYK", "I;16") else "a.png")
    path = next(Path().glob("a.*"))
    assert open_picture(path, 32).shape == (3, 32, 32)


def test_the_newest_network_is_taken_whichever_mirror_made_it_and_other_runs_are_not():
    with pytest.raises(InputError, match="no run of labs.transfer_learning under runs/transfer_learning"):
        load_run()
    runs = [Path("runs/transfer_learning") / name for name in ("first", "second", "other")]
    for age, path, kind in zip((300, 200), runs, (HyperParams, MnistHyperParams), strict=False):
        save_run(path, kind)
        os.utime(path / "model.safetensors", (1e9 - age, 1e9 - age))
    with Run(LossLandscape(out=runs[2], quiet=True)) as run:
        run.save_model(torch.nn.Linear(1, 1))  # written last, but another command's
    assert load_run().path == runs[1]


def test_what_is_no_run_is_one_line(capsys):
    for words, said in (
        (["a.png", "--run", "nowhere"], "nowhere holds no trained network: it has no model.safetensors"),
        (["--run", "nowhere"], "no picture to look at"),
    ):
        with pytest.raises(SystemExit) as end:
            ask(*words)
        assert end.value.code == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_weights_of_another_command_and_damaged_ones_are_refused():
    with Run(LossLandscape(out=Path("other"), quiet=True)) as run:
        run.save_model(torch.nn.Linear(1, 1), classes=["a", "b"])
    with pytest.raises(InputError, match="is a run of labs.transfer_learning.loss_landscape"):
        load_run(Path("other"))
    save_run(Path("run"))
    file = Path("run/model.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_run(Path("run"))


def test_the_command(here):
    save_run(Path("run"))
    Image.new("RGB", (50, 40)).save("a.png")
    done = here("labs.transfer_learning.load_predict", "a.png", "b.png", "--run", "run")
    assert done.returncode == 2
    assert done.stdout == "a.png: cat 50.0%, bee 30.0%, ant 15.0%\n"
    assert done.stderr == "error: b.png: no such file\n"
