"""The lab's functions as answers to the set gan."""

import torch
from torch import nn

from labs.gan import gan, gan_1d, judge


def to_tanh_range(X):
    return 2 * (X[:, None].double() / 255) - 1


def to_bytes(x):
    generator = nn.PReLU(init=1.0).double()  # gives what it is given, and has a parameter
    return (gan.generate(generator, x)[:, 0] * 255).round().to(torch.uint8)


def discriminator_loss(real_logits, fake_logits):
    return gan.discriminator_loss(real_logits, fake_logits)


def generator_loss(fake_logits):
    return gan.generator_loss(fake_logits)


def discriminator_step(generator, discriminator, optimizer, real, z):
    real_logits, fake_logits = discriminator(torch.cat([real, generator(z).detach()])).chunk(2)
    return _update(optimizer, gan_1d.discriminator_loss(real_logits, fake_logits))


def generator_step(generator, discriminator, optimizer, z):
    return _update(optimizer, gan_1d.generator_loss(discriminator(generator(z))))


def _update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def slide_gradients(w, b, x, z):
    u = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
    loss = gan_1d.discriminator_loss(u[0] * x + u[1], u[0] * (2 * z + 1) + u[1])
    return tuple(torch.autograd.grad(loss, u)[0].tolist())


def class_kl(counts):
    predicted = torch.repeat_interleave(torch.arange(len(counts)), counts)
    features = torch.arange(84.0) * torch.arange(1.0, len(predicted) + 1)[:, None] % 7
    opinion = judge.Opinion(features, nn.functional.one_hot(predicted, len(counts)).double())
    return judge.assess(opinion, opinion)["class_kl"]
