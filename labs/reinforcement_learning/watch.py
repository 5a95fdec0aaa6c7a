"""A policy before, early in and after its training, side by side in an animation.

`python -m labs.reinforcement_learning.watch --run DIR` writes it as a GIF; no screen is needed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from common import cli
from common.runs import read_history
from common.settings import Count, OptionalFolder, OptionalPath, Range, Seed, Settings
from labs.reinforcement_learning.episodes import SHOW, Copies, Policy
from labs.reinforcement_learning.trained import load_learner, newest_network

if TYPE_CHECKING:
    from PIL import Image

GAP = 2  # pixels between two pictures


@dataclass(frozen=True)
class Request(Settings):
    """Animate a trained network: an episode before training, one early in it, and one of the best policy."""

    run: OptionalFolder = None  # the run directory of dqn or policy_gradient; none: the newest
    seed: Seed = 0  # fixes where the episode begins, the same for all
    every: Count = 4  # every N-th step is a picture
    width: Annotated[int, Range(16, 2_000)] = 300  # pixels of each of the pictures side by side
    out: OptionalPath = None  # where the GIF goes; none: figures/policy.gif in the run directory


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


def draw_frames(films: dict[str, tuple[list[np.ndarray], float]], width: int) -> list["Image.Image"]:
    """Frames with all films in a row, each under its name; one that is over stays on its last picture, dimmed."""
    from PIL import Image, ImageDraw, ImageFont

    from common.animation import side_by_side

    size = max(10, width // 20)
    font, top = ImageFont.load_default(size), 2 * size + 8
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
        frames.append(side_by_side(panels, GAP))
    return frames


def animate(**kws: Any) -> Path:
    """Write the GIF that a Request asks for, print its path and return it."""
    from common.animation import write_gif  # here, so that --help need not wait for matplotlib

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
    print(write_gif(draw_frames(films, args.width), path, milliseconds, last=2000))
    return path


def main() -> None:
    """The command `python -m labs.reinforcement_learning.watch`."""
    cli.run(animate, Request)


if __name__ == "__main__":
    main()
