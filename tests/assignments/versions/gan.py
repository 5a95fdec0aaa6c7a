"""Correct answers to the set gan, as students write them."""

import math

import torch

EQUAL = {}


def to_tanh_range__vectorised(X):
    return (X.double() / 127.5 - 1)[:, None]


def to_tanh_range__loop(X):
    out = torch.empty(X.shape[0], 1, X.shape[1], X.shape[2], dtype=torch.float64)
    for n in range(X.shape[0]):
        for i in range(X.shape[1]):
            for j in range(X.shape[2]):
                out[n, 0, i, j] = 2 * (int(X[n, i, j]) / 255) - 1
    return out


def to_tanh_range__float32(X):
    return ((X / 255 - 0.5) / 0.5).unsqueeze(1)


def to_bytes__vectorised(x):
    return ((x[:, 0] + 1) * 127.5).round().to(torch.uint8)


def to_bytes__loop(x):
    out = torch.zeros(x.shape[0], x.shape[2], x.shape[3], dtype=torch.uint8)
    for n in range(x.shape[0]):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                out[n, i, j] = round((x[n, 0, i, j].item() + 1) / 2 * 255)
    return out


def to_bytes__float32(x):
    return (x.float().squeeze(1).add(1).div(2).mul(255) + 0.5).floor().clamp(0, 255).byte()


def discriminator_loss__softplus(real_logits, fake_logits):
    softplus = torch.nn.functional.softplus
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def discriminator_loss__loop(real_logits, fake_logits):
    total = 0
    for real, fake in zip(real_logits[:, 0], fake_logits[:, 0], strict=True):
        total = total + torch.logaddexp(-real, 0 * real) + torch.logaddexp(fake, 0 * fake)
    return total / len(real_logits)


def discriminator_loss__logsigmoid(real_logits, fake_logits):
    real = torch.nn.LogSigmoid()(real_logits)
    fake = torch.nn.LogSigmoid()(-fake_logits)
    return -(real + fake).mean()


def discriminator_loss__by_hand(real_logits, fake_logits):
    real = (-real_logits).clamp(min=0) + torch.log1p((-real_logits.abs()).exp())
    fake = fake_logits.clamp(min=0) + torch.log1p((-fake_logits.abs()).exp())
    return real.mean() + fake.mean()


def discriminator_loss__float32(real_logits, fake_logits):
    softplus = torch.nn.functional.softplus
    return torch.mean(softplus(-real_logits.float())) + torch.mean(softplus(fake_logits.float()))


def generator_loss__softplus(fake_logits):
    return torch.nn.functional.softplus(-fake_logits).mean()


def generator_loss__loop(fake_logits):
    total = 0
    for logit in fake_logits.flatten():
        total = total - torch.nn.functional.logsigmoid(logit)
    return total / fake_logits.numel()


def generator_loss__vectorised(fake_logits):
    return torch.logsumexp(torch.cat([torch.zeros_like(fake_logits), -fake_logits], dim=1), dim=1).mean()


def generator_loss__float32(fake_logits):
    return -torch.nn.functional.logsigmoid(fake_logits.float()).sum() / len(fake_logits)


def discriminator_step__usual(generator, discriminator, optimizer, real, z):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    fake = generator(z).detach()
    a, b = discriminator(real), discriminator(fake)
    loss = bce(a, torch.ones_like(a)) + bce(b, torch.zeros_like(b))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def discriminator_step__no_grad(generator, discriminator, optimizer, real, z):
    with torch.no_grad():
        fake = generator(z)
    logits = discriminator(torch.cat([real, fake]))
    labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(fake), 1)]).to(logits)
    loss = 2 * torch.nn.BCEWithLogitsLoss()(logits, labels)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss.detach()


def discriminator_step__two_parts(generator, discriminator, optimizer, real, z):
    discriminator.zero_grad()
    loss_real = torch.nn.functional.softplus(-discriminator(real)).mean()
    loss_real.backward()
    loss_fake = torch.nn.functional.softplus(discriminator(generator(z).detach())).mean()
    loss_fake.backward()
    optimizer.step()
    return loss_real.item() + loss_fake.item()


def discriminator_step__cleaned(generator, discriminator, optimizer, real, z):
    loss = -torch.sigmoid(discriminator(real)).log().mean() - torch.sigmoid(-discriminator(generator(z))).log().mean()
    optimizer.zero_grad()
    loss.backward()
    generator.zero_grad()
    optimizer.step()
    return loss.item()


def discriminator_step__float32(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad()
    softplus = torch.nn.functional.softplus
    loss = softplus(-discriminator(real).float()).mean() + softplus(discriminator(generator(z).detach()).float()).mean()
    loss.backward()
    optimizer.step()
    return loss


def generator_step__usual(generator, discriminator, optimizer, z):
    logits = discriminator(generator(z))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def generator_step__frozen(generator, discriminator, optimizer, z):
    discriminator.requires_grad_(False)
    generator.zero_grad()
    loss = torch.nn.functional.softplus(-discriminator(generator(z))).mean()
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss.detach()


def generator_step__loop(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    total = 0.0
    for row in z:
        loss = -torch.sigmoid(discriminator(generator(row[None]))).log().squeeze() / len(z)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


def generator_step__float32(generator, discriminator, optimizer, z):
    optimizer.zero_grad()
    loss = -torch.nn.functional.logsigmoid(discriminator(generator(z)).float()).mean()
    loss.backward()
    optimizer.step()
    return loss


def slide_gradients__formula(w, b, x, z):
    fake = 2 * z + 1
    real_error = 1 / (1 + math.exp(-(w * x + b))) - 1
    fake_error = 1 / (1 + math.exp(-(w * fake + b)))
    return real_error * x + fake_error * fake, real_error + fake_error


def slide_gradients__tanh(w, b, x, z):
    def says(value):
        return (1 + math.tanh((w * value + b) / 2)) / 2

    fake = 2 * z + 1
    return -(1 - says(x)) * x + says(fake) * fake, -(1 - says(x)) + says(fake)


def slide_gradients__tensor(w, b, x, z):
    inputs = torch.tensor([x, 2 * z + 1], dtype=torch.float64)
    errors = torch.sigmoid(w * inputs + b) - torch.tensor([1.0, 0.0], dtype=torch.float64)
    return (errors * inputs).sum(), errors.sum()


def slide_gradients__float32(w, b, x, z):
    inputs = torch.tensor([x, 2 * z + 1])
    errors = torch.sigmoid(w * inputs + b) - torch.tensor([1.0, 0.0])
    return inputs @ errors, errors.sum()


def class_kl__mask(counts):
    p = counts.double() / counts.sum()
    p = p[p > 0]
    return (p * (p * len(counts)).log()).sum()


def class_kl__loop(counts):
    total = 0.0
    for count in counts.tolist():
        if count:
            p = count / int(counts.sum())
            total += p * math.log(p / (1 / len(counts)))
    return torch.tensor(total, dtype=torch.float64)


def class_kl__xlogy(counts):
    p = counts.to(torch.float64) / counts.sum()
    return torch.xlogy(p, p).sum() + math.log(p.numel())


def class_kl__where(counts):
    p = counts.double() / counts.sum()
    terms = p * torch.log(p * len(p))
    return torch.where(p > 0, terms, torch.zeros_like(p)).sum()


def class_kl__float32(counts):
    p = counts / counts.sum()
    return (p * (p.clamp(min=1e-30) * len(p)).log()).sum()
