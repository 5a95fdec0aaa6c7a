"""Two processes that share batches give both networks the weights of one process, to rounding."""

from pathlib import Path

import torch

from common import checkpoint

# In training every process draws its own noise. Here it is made a function of the step, so that two processes draw
# what one draws: 65 images are batches of 32, of 32, and of one that both processes get.
SCRIPT = """
import itertools
from pathlib import Path

from common import checkpoint, distributed, shared_batches
from common.datasets import load_images
from common.errors import InputError
from labs.gan import gan

gan.SAMPLES = 500
gan.save_figures = gan.Watch.draw = gan.Watch.animate = gan.Watch.warn = lambda *args: None
draw_noise, sizes, data_dir = gan.noise, [32, 32, 1], Path("{data_dir}")
images = load_images("digits", data_dir)
data = gan.Data(images, 2 * images.X_train[:65] - 1)


def train(name, model):
    steps = itertools.count()

    def noise(n, latent_dim, seed=None):
        if seed is not None:
            return draw_noise(n, latent_dim, seed)
        step = next(steps)
        return shared_batches.own_rows(draw_noise(sizes[step % 3], latent_dim, seed=step))

    gan.noise = noise
    settings = {"data_dir": data_dir, "batch_size": 32, "epochs": 2, "quiet": True, "device": "cpu", "dropout": 0.0}
    return gan.train(data, model=model, out=name, **settings)[0]


with distributed.process_group():
    assert distributed.world_size() == 2
    for model in ("task4", "course"):
        weights = dict(train(f"two_{model}", model).named_parameters())
        assert len(set(distributed.gather(checkpoint.digest(weights, "")))) == 1, model
    try:
        train("two_dcgan", "dcgan")
    except InputError as error:  # each process would normalise over its half of the batch
        assert "BatchNorm" in str(error)
    else:
        raise AssertionError("dcgan was trained in two processes")
if distributed.is_main():
    for model in ("task4", "course"):
        train(f"one_{model}", model)
"""


def test_two_processes_train_as_one_and_end_with_the_same_weights(command, data_dir):
    Path("two.py").write_text(SCRIPT.replace("{data_dir}", str(data_dir)))
    done = command("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "two.py", timeout=300)
    assert done.returncode == 0, done.stderr
    for model in ("task4", "course"):
        one, two = (checkpoint.load(Path(f"{n}_{model}/model.safetensors"))[0] for n in ("one", "two"))
        for name, weight in one.items():
            torch.testing.assert_close(two[name], weight, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")
