"""What one can watch while a GAN trains: the same noise drawn again and again, warnings when the game goes wrong."""

import warnings
from collections.abc import Callable

from torch import Tensor

from common import distributed
from common.runs import Run


class Watch:
    """A hook for `fit`: a picture every few epochs, one animation of them all, warnings that name a cure."""

    def __init__(self, run: Run, draw_samples: Callable[[], Tensor], *, every: int, last: int):
        """`draw_samples` returns images (N, 1, H, W) in [0, 1] from the same noise every time.

        They are drawn after each `every` epochs and after the `last`.
        """
        self.run, self.draw_samples, self.every, self.last = run, draw_samples, every, last
        self.warned: set[str] = set()

    def __call__(self, epoch: int, row: dict[str, float]) -> None:
        if not distributed.is_main():
            return
        if epoch % self.every == 0 or epoch == self.last:
            self.draw(epoch)
        self.warn(epoch, row)

    def draw(self, epoch: int) -> None:
        """figures/epoch_<epoch>.png"""
        from labs.gan import pictures  # here, so that --help need not wait for matplotlib

        self.run.save_figure(f"epoch_{epoch:03}", pictures.plot_sheet(self.draw_samples(), 8, f"epoch {epoch}"))

    def warn(self, epoch: int, row: dict[str, float]) -> None:
        """One side winning outright, or the generator drawing ever fewer classes. Each is said once."""
        if row["train_discriminator_loss"] < 0.1:
            self._say_once(
                "wins",
                f"epoch {epoch}: the discriminator wins outright (loss {row['train_discriminator_loss']:.3f}, "
                f"D(G(z)) {row['train_d_fake']:.3f}) and leaves the generator hardly a gradient; lower "
                "--discriminator-lr, raise --dropout or try --real-label 0.9",
            )
        coverage, best = row["sample_coverage"], max(r["sample_coverage"] for r in self.run.history)
        if coverage <= best - 3 or (epoch >= 5 and coverage < 5):
            self._say_once(
                "collapse",
                f"epoch {epoch}: only {coverage:.0f} of 10 classes are drawn (at best {best:.0f}), which looks like "
                "mode collapse; lower --lr, set --beta1 0.5, raise --dropout, or take another --seed",
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
