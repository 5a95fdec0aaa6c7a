"""The lab's own source task, for where nothing can be fetched: letters and digits drawn in matplotlib's fonts.

Two small networks have learnt to read the drawings and are transferred to real handwritten digits: a residual one (He
et al. 2016), `--backbone characters`, and one of separable convolutions (Howard et al. 2017), `characters_mobile`, with
a quarter of its parameters. Their weights come with the lab; pretrain.py makes them.
"""

import math
import string
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor, nn

from common import checkpoint

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # 62 classes
SIDE = 32  # pixels
OWN = ("characters", "characters_mobile")  # the networks, by their names as backbones
SHEET = 48  # pixels of the sheet a character is put on: room to turn and shift what is cut out of it
SYMBOLS = ("cmex", "cmsy", "STIXNonUni", "STIXSiz", "Display", "LastResort")  # fonts without letters


def fonts() -> list[Path]:
    """The fonts that matplotlib brings along, but for those of symbols."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(path for path in folder.glob("*.ttf") if not any(part in path.name for part in SYMBOLS))


def draw(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n drawings (n, 3, 32, 32) as bytes, as many of each character, and their labels (n,).

    Font, size, blur, place, turn, slant, stretch, colours and noise are drawn at random from `seed`.
    """
    rng = np.random.default_rng(seed)
    faces = [[ImageFont.truetype(str(path), size) for size in (20, 24, 28, 32)] for path in fonts()]
    y = rng.permutation(np.arange(n) % len(CHARACTERS))
    sheets = np.empty((n, 1, SHEET, SHEET), np.uint8)
    for i, label in enumerate(y):
        face = faces[rng.integers(len(faces))][rng.integers(4)]
        sheet = Image.new("L", (SHEET, SHEET))
        ImageDraw.Draw(sheet).text((SHEET // 2, SHEET // 2), CHARACTERS[label], fill=255, font=face, anchor="mm")
        sheets[i] = np.asarray(sheet.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1))))
    generator = torch.Generator().manual_seed(seed)
    ink = distort(torch.from_numpy(sheets) / 255, generator)
    paper, pen = draw_colours(n, generator)
    noise = torch.randn(n, 1, SIDE, SIDE, generator=generator) * 0.1 * torch.rand(n, 1, 1, 1, generator=generator)
    X = paper * (1 - ink) + pen * ink + noise
    return (X.clamp(0, 1) * 255).round().byte(), torch.from_numpy(y)


def distort(sheets: Tensor, generator: torch.Generator) -> Tensor:
    """The middle of each sheet (n, 1, 48, 48), turned by up to 20°, slanted, stretched and shifted: (n, 1, 32, 32)."""

    def between(bound: float) -> Tensor:
        return bound * (2 * torch.rand(len(sheets), generator=generator) - 1)

    angle, slant, shift = between(math.radians(20)), between(0.2), (between(1 / 6), between(1 / 6))
    width, height = between(0.2).exp(), between(0.2).exp()
    # Where in the sheet, whose sides run from −1 to 1, a pixel (x, y) of the result is taken from.
    x_row = torch.stack([angle.cos() * width, -angle.sin() * height + slant], dim=1)
    y_row = torch.stack([angle.sin() * width, angle.cos() * height], dim=1)
    matrix = torch.stack([x_row, y_row], dim=1) * SIDE / SHEET
    places = torch.cat([matrix, torch.stack(shift, dim=1)[:, :, None]], dim=2)
    grid = F.affine_grid(places, [len(sheets), 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(sheets, grid, align_corners=False)


def draw_colours(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """n pairs of colours (n, 3, 1, 1) in [0, 1] whose brightness can be told apart."""
    paper, pen = torch.rand(2, n, 3, 1, 1, generator=generator)
    while (alike := ((paper - pen).mean(dim=1).abs() < 0.3).flatten()).any():
        paper[alike], pen[alike] = torch.rand(2, int(alike.sum()), 3, 1, 1, generator=generator)
    return paper, pen


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


class Separable(nn.Module):
    """A convolution in two steps: 3×3 over each channel by itself, then 1×1 over all channels of a place.

    That takes 9·K + K·L weights where a convolution from K to L channels has 9·K·L.
    """

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.steps = nn.Sequential(
            nn.Conv2d(channels_in, channels_in, 3, stride, padding=1, groups=channels_in, bias=False),
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(x)


def build_backbone(name: str = "characters") -> nn.Sequential:
    """One of OWN without its last layer: images (N, 3, 32, 32) in [0, 1] → features (N, 256)."""
    blocks: list[nn.Module]
    if name == "characters":
        first, blocks = (
            64,
            [  # (N, 64, 16, 16)
                Residual(64, stride=2),  # (N, 64,  8,  8)
                Residual(64, stride=1),  # (N, 64,  8,  8)
                Residual(64, stride=2),  # (N, 64,  4,  4)
            ],
        )
    else:
        first, blocks = (
            32,
            [  # (N, 32, 16, 16)
                Separable(32, 64, stride=2),  # (N,  64,  8,  8)
                Separable(64, 128, stride=1),  # (N, 128,  8,  8)
                Separable(128, 128, stride=2),  # (N, 128,  4,  4)
                Separable(128, 128, stride=1),  # (N, 128,  4,  4)
                Separable(128, 64, stride=1),  # (N,  64,  4,  4)
            ],
        )
    return nn.Sequential(  # (N,  3, 32, 32)
        nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(2),  # (N, 64,  2,  2): where a stroke lies matters
        nn.Flatten(),  # (N, 256)
    )


def shipped(name: str) -> Path:
    """The file of weights that comes with the lab."""
    return Path(__file__).parent / f"{name}.safetensors"


def load_pretrained(name: str = "characters", path: Path | None = None) -> nn.Sequential:
    """One of OWN with the weights that come with the lab, or those in `path`, which pretrain.py has made."""
    path = path or shipped(name)
    tensors, _ = checkpoint.load(path)
    backbone = build_backbone(name)
    whole = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}  # kept as float16
    checkpoint.load_weights(backbone, whole, path)
    return backbone.eval()
