"""The lab's own source task, for where nothing can be fetched: letters and digits drawn in matplotlib's fonts.

A small residual network (He et al. 2016) that has learnt to read the drawings is what `--backbone characters` transfers
to real handwritten digits. Its weights come with the lab; pretrain.py makes them.
"""

import string
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor, nn

from common import checkpoint

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # 62 classes
SIDE = 32  # pixels
SHIPPED = Path(__file__).parent / "characters.safetensors"
SYMBOLS = ("cmex", "cmsy", "STIXNonUni", "STIXSiz", "Display")  # fonts without letters


def fonts() -> list[Path]:
    """The fonts that matplotlib brings along, but for those of symbols."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(path for path in folder.glob("*.ttf") if not any(part in path.name for part in SYMBOLS))


def draw(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n drawings (n, 3, 32, 32) as bytes, as many of each character, and their labels (n,).

    Font, size, place, rotation, colours, blur and noise are drawn at random from `seed`.
    """
    rng = np.random.default_rng(seed)
    faces = [[ImageFont.truetype(str(path), size) for size in (18, 22, 26, 30)] for path in fonts()]
    y = rng.permutation(np.arange(n) % len(CHARACTERS))
    X = np.empty((n, SIDE, SIDE, 3), np.uint8)
    for i, label in enumerate(y):
        face = faces[rng.integers(len(faces))][rng.integers(4)]
        sheet = Image.new("L", (48, 48))
        ImageDraw.Draw(sheet).text((24, 24), CHARACTERS[label], fill=255, font=face, anchor="mm")
        sheet = sheet.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR)
        left, top = 8 + rng.integers(-4, 5, 2)
        sheet = sheet.crop((left, top, left + SIDE, top + SIDE)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1)))
        ink = np.asarray(sheet, np.float32)[..., None] / 255
        while True:  # two colours that can be told apart
            colours = rng.uniform(0, 1, (2, 3))
            if abs(colours[0].mean() - colours[1].mean()) > 0.3:
                break
        picture = colours[0] * (1 - ink) + colours[1] * ink + rng.normal(0, rng.uniform(0, 0.1), (SIDE, SIDE, 1))
        X[i] = (picture.clip(0, 1) * 255).round()
    return torch.from_numpy(X).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y)


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in: relu(x + f(x))."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return (self.shortcut(x) + self.residual(x)).relu()


def build_backbone() -> nn.Sequential:
    """The network without its last layer: images (N, 3, 32, 32) in [0, 1] → features (N, 256)."""
    return nn.Sequential(  # (N,  3, 32, 32)
        nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False),  # (N, 64, 16, 16)
        nn.BatchNorm2d(64),
        nn.ReLU(),
        Residual(64, stride=2),  # (N, 64,  8,  8)
        Residual(64, stride=1),  # (N, 64,  8,  8)
        Residual(64, stride=2),  # (N, 64,  4,  4)
        nn.AdaptiveAvgPool2d(2),  # (N, 64,  2,  2): where a stroke lies matters
        nn.Flatten(),  # (N, 256)
    )


def load_pretrained(path: Path = SHIPPED) -> nn.Sequential:
    """The network with the weights that `path` holds: those that come with the lab, or what pretrain.py has made."""
    tensors, _ = checkpoint.load(path)
    backbone = build_backbone()
    whole = {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}  # kept as float16
    checkpoint.load_weights(backbone, whole, path)
    return backbone.eval()
