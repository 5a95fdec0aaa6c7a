"""A policy before, early in and after its training, side by side in an animation.

`python -m labs.reinforcement_learning.watch --run DIR` writes it as a GIF; no screen is needed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common import cli
from common.errors import InputError
from common.runs import read_history
from labs.reinforcement_learning.episodes import SHOW, Copies, Policy
from labs.reinforcement_learning.play import load_learner, newest_network

if TYPE_CHECKING:
    from PIL import Image

GAP = 2  # pixels between two pictures
COLOURS = 32  # in the GIF, so that it stays small


@dataclass(frozen=True)
class Request:
    """Animate a trained network: an episode before training, one early in it, and one of the best policy."""

    run: cli.OptionalPath = None  # the run directory of dqn or policy_gradient; none: the newest
    seed: int = 0  # fixes where the episode begins, the same for all
    every: int = 4  # every N-th step is a picture
    width: int = 300  # pixels of each of the pictures side by side
    out: cli.OptionalPath = None  # where the GIF goes; none: figures/policy.gif in the run directory

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("every", 1), ("width", 16)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} is {getattr(self, name)}; it must be at least {least}")


@contextmanager
def without_screen() -> Iterator[None]:
    """Let pygame, which draws gymnasium's environments, draw into memory, whatever screen there is."""
    names = ("SDL_VIDEODRIVER", "PYGAME_HIDE_SUPPORT_PROMPT")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict(zip(names, ("dummy", "1"), strict=True)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def film(policy: Policy, copies: Copies, seed: int, every: int) -> tuple[list[np.ndarray], float]:
    """Pictures (H, W, 3) of every `every`-th step of an episode, and of its last one; and its return."""
    env = copies.envs[0]
    copies.reset(seed, SHOW)
    state, ended, pictures, total, step = copies.states[0], False, [], 0.0, 0
    while not ended:
        if step % every == 0:
            pictures.append(env.render())
        state, reward, terminated, truncated, _ = env.step(policy(state[None])[0])
        state, total, step, ended = (
            np.asarray(state, np.float32),
            total + float(reward),
            step + 1,
            terminated or truncated,
        )
    return [*pictures, env.render()], total


def side_by_side(films: dict[str, tuple[list[np.ndarray], float]], width: int) -> list["Image.Image"]:
    """Frames with all films in a row, each under its name; one that is over stays on its last picture, dimmed."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(10, width // 20))
    top = 2 * font.size + 8
    frames = []
    for number in range(max(len(pictures) for pictures, _ in films.values())):
        panels = []
        for name, (pictures, total) in films.items():
            over = number >= len(pictures) - 1
            picture = Image.fromarray(pictures[min(number, len(pictures) - 1)])
            picture = picture.resize((width, round(width * picture.height / picture.width)))
            if over:
                picture = Image.blend(picture, Image.new("RGB", picture.size, "white"), 0.5)
            panel = Image.new("RGB", (width, picture.height + top), "white")
            panel.paste(picture, (0, top))
            text = f"{name}\n" + (f"over, return {total:.0f}" if over else "")
            ImageDraw.Draw(panel).text((6, 2), text, "black", font)
            panels.append(panel)
        frame = Image.new("RGB", ((width + GAP) * len(panels) - GAP, max(panel.height for panel in panels)), "grey")
        for i, panel in enumerate(panels):
            frame.paste(panel, (i * (width + GAP), 0))
        frames.append(frame)
    return frames


def write_gif(frames: list["Image.Image"], path: Path, milliseconds: int) -> Path:
    """An animation in few colours that stays two seconds on its last picture; returns its path."""
    import io

    from common.files import write_atomically

    palette = frames[len(frames) // 2].quantize(COLOURS)  # one for all, so that unchanged pixels cost nothing
    frames = [frame.quantize(palette=palette, dither=0) for frame in frames]
    times = [milliseconds] * (len(frames) - 1) + [2_000]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    write_atomically(path, content.getvalue())
    return path


def animate(**kws) -> Path:
    """Write the GIF that a Request asks for, print its path and return it."""
    args = Request(**kws)
    run = args.run or newest_network()
    early = read_history(run)[0]["steps"] if read_history(run) else 0
    learner = load_learner(run)
    names = {None: "before training", "early": f"after {early:,.0f} steps", "model": "the best policy"}
    with without_screen():
        copies = Copies(learner.args.env, 1, learner.args.max_steps, render_mode="rgb_array")
        films = {
            name: film(load_learner(run, weights).policy, copies, args.seed, args.every)
            for weights, name in names.items()
        }
        frames_per_second = copies.envs[0].metadata.get("render_fps", 30)
        copies.envs[0].close()
    path = args.out or run / "figures" / "policy.gif"
    milliseconds = round(1000 * args.every / frames_per_second)
    for name, (_, total) in films.items():
        print(f"{name}: return {total:.1f}")
    print(write_gif(side_by_side(films, args.width), path, milliseconds))
    return path


def main() -> None:
    """The command `python -m labs.reinforcement_learning.watch`."""
    cli.run(animate, Request)


if __name__ == "__main__":
    main()
