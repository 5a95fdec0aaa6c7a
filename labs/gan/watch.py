"""What one can watch while a GAN trains: the same noise drawn again and again, warnings when the game goes wrong."""

import warnings
from collections.abc import Callable, Sequence

from torch import Tensor

from common import distributed
from common.runs import Run

PATIENCE = 3  # epochs in a row with few classes before it is called a collapse: one such epoch is often none


class Watch:
    """A picture every few epochs, one animation of them all, and a hook for `fit` with warnings that name a cure."""

    def __init__(self, run: Run, draw_samples: Callable[[], Tensor], *, every: int, last: int, cures: Sequence[str]):
        """`draw_samples` returns images (N, 1, H, W) in [0, 1] from the same noise every time.

        They are drawn after each `every` epochs and after the `last`. `cures` is what may be tried against a collapse.
        """
        self.run, self.draw_samples, self.every, self.last, self.cures = run, draw_samples, every, last, cures
        self.warned: set[str] = set()

    def draw(self, epoch: int) -> None:
        """figures/epoch_<epoch>.png, if it is that epoch's turn.

        To be called before the epoch's checkpoint is written: who is killed in between plays the epoch anew.
        """
        if distributed.is_main() and (epoch % self.every == 0 or epoch == self.last):
            from labs.gan import pictures  # here, so that --help need not wait for matplotlib

            figure = pictures.plot_sheet(self.draw_samples(), 8, f"epoch {epoch}", title_size=20)
            self.run.save_figure(f"epoch_{epoch:03}", figure)

    def __call__(self, epoch: int, row: dict[str, float]) -> None:
        """Warn if one side wins outright, or if the generator draws few classes for long. Each is said once."""
        if not distributed.is_main():
            return
        if row["train_discriminator_loss"] < 0.1:
            self._say_once(
                "wins",
                f"epoch {epoch}: the discriminator wins outright (loss {row['train_discriminator_loss']:.3f}, "
                f"D(G(z)) {row['train_d_fake']:.3f}) and leaves the generator hardly a gradient; lower "
                "--discriminator-lr, raise --dropout or try --real-label 0.9",
            )
        drawn = [r["sample_coverage"] for r in self.run.history]
        best = max(drawn)
        few = [coverage <= best - 3 or coverage < 5 for coverage in drawn[-PATIENCE:]]
        if len(few) == PATIENCE and all(few) and epoch >= 5:
            self._say_once(
                "collapse",
                f"epoch {epoch}: only {drawn[-1]:.0f} of 10 classes are drawn (at best {best:.0f}), as few for "
                f"{PATIENCE} epochs: mode collapse; try {', '.join(self.cures)}",
            )

    def _say_once(self, what: str, text: str) -> None:
        if what not in self.warned:
            self.warned.add(what)
            warnings.warn(text, stacklevel=2)

    def animate(self) -> None:
        """training.gif, all the pictures one after the other; early_late.png, a few of them side by side."""
        from PIL import Image

        from common import animation

        folder = self.run.path / "figures"
        frames = [Image.open(path).convert("RGB") for path in sorted(folder.glob("epoch_*.png"))]
        chosen = sorted({0, 1, len(frames) // 2, len(frames) - 1} & set(range(len(frames))))
        animation.write_gif(frames, folder / "training.gif")
        animation.write_picture(animation.side_by_side([frames[i] for i in chosen]), folder / "early_late.png")
