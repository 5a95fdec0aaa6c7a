"""Correct answers to the set exam_2026, as students write them."""

import random

import torch
from torch import nn

EQUAL = {
    "real_data": {
        "2.0 * signs - 0.5": "normal noise is as likely with the other sign",
        "2.0 * signs → 2.0 / signs": "signs are −1 and 1, each of which is its own inverse",
    },
}


def real_data__vectorised(n):
    signs = 2 * torch.randint(0, 2, (n, 1)) - 1
    return 2.0 * signs + 0.5 * torch.randn(n, 2)


def real_data__loop(n):
    points = []
    for _ in range(n):
        centre = 2 if random.random() < 0.5 else -2
        points.append([random.gauss(centre, 0.5), random.gauss(centre, 0.5)])
    return torch.tensor(points)


def real_data__where(n):
    first = torch.normal(2.0, 0.5, (n, 2))
    second = torch.normal(-2.0, 0.5, (n, 2))
    return torch.where(torch.rand(n, 1) < 0.5, first, second)


def real_data__float32(n):
    half = n // 2
    points = torch.randn(n, 2) * 0.5
    points[:half] += 2
    points[half:] -= 2
    return points[torch.randperm(n)]


def networks__sequential():
    generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    discriminator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
    return generator, discriminator


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, z):
        return self.out(torch.relu(self.hidden(z)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return torch.sigmoid(self.out(torch.relu(self.hidden(x))))


def networks__classes():
    return [Generator(), Discriminator()]


def networks__appended():
    models = []
    for outputs in (2, 1):
        model = nn.Sequential()
        model.append(nn.Linear(2, 16))
        model.append(nn.ReLU())
        model.append(nn.Linear(16, outputs))
        models.append(model)
    models[1].append(nn.Sigmoid())
    return tuple(models)


def loss_disc__vectorised(d_real, d_fake):
    return -torch.log(d_real + 1e-8).mean() - torch.log(1 - d_fake + 1e-8).mean()


def loss_disc__loop(d_real, d_fake):
    total = 0
    for real, fake in zip(d_real[:, 0], d_fake[:, 0], strict=True):
        total = total - (real + 1e-8).log() - ((1 - fake) + 1e-8).log()
    return total / len(d_real)


def loss_disc__joined(d_real, d_fake):
    right = torch.cat([d_real, 1 - d_fake])
    return 2 * -(right + 1e-8).log().mean()


def loss_disc__float32(d_real, d_fake):
    real, fake = d_real.float(), d_fake.float()
    return -(torch.log(real + 1e-8) + torch.log(1 - fake + 1e-8)).mean()


def loss_gen__vectorised(d_fake):
    return -torch.log(d_fake + 1e-8).mean()


def loss_gen__loop(d_fake):
    total = 0
    for p in d_fake.flatten():
        total = total - (p + 1e-8).log()
    return total / d_fake.shape[0]


def loss_gen__sum(d_fake):
    return (d_fake + 1e-8).log().sum().neg().div(d_fake.numel())


def loss_gen__float32(d_fake):
    return torch.mean(-torch.log(d_fake.float() + 1e-8))


def step_disc__usual(generator, discriminator, optimizer, x, z):
    fake = generator(z).detach()
    loss = -torch.log(discriminator(x) + 1e-8).mean() - torch.log(1 - discriminator(fake) + 1e-8).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_disc__no_grad(generator, discriminator, optimizer, x, z):
    with torch.no_grad():
        fake = generator(z)
    optimizer.zero_grad()
    said = discriminator(torch.cat([x, fake]))
    real, fake = said[: len(x)], said[len(x) :]
    loss = -(real + 1e-8).log().mean() - (1 - fake + 1e-8).log().mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


def step_disc__two_parts(generator, discriminator, optimizer, x, z):
    for p in discriminator.parameters():
        p.grad = None
    total = 0.0
    for said in (discriminator(x), 1 - discriminator(generator(z).detach())):
        part = -(said + 1e-8).log().mean()
        part.backward()
        total += part.item()
    optimizer.step()
    return total


def step_disc__float32(generator, discriminator, optimizer, x, z):
    real, fake = discriminator(x).float(), discriminator(generator(z).detach()).float()
    loss = -(torch.log(real + 1e-8) + torch.log(1 - fake + 1e-8)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_gen__usual(generator, discriminator, optimizer, z):
    loss = -torch.log(discriminator(generator(z)) + 1e-8).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_gen__frozen(generator, discriminator, optimizer, z):
    generator.zero_grad()
    discriminator.requires_grad_(False)
    loss = -(discriminator(generator(z)) + 1e-8).log().mean()
    loss.backward()
    discriminator.requires_grad_(True)
    optimizer.step()
    return loss.detach()


def step_gen__loop(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    total = 0.0
    for row in z:
        loss = -(discriminator(generator(row)) + 1e-8).log().squeeze() / len(z)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


def step_gen__float32(generator, discriminator, optimizer, z):
    loss = (discriminator(generator(z)).float() + 1e-8).log().mean().neg()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
