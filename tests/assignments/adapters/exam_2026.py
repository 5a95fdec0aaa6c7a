"""The lab's functions as answers to the set exam_2026."""

from labs.gan import gan_2d


def real_data(n):
    return gan_2d.real_data(n)


def networks():
    return tuple(gan_2d.build_model().values())


def loss_disc(d_real, d_fake):
    return gan_2d.discriminator_loss(d_real, d_fake)


def loss_gen(d_fake):
    return gan_2d.generator_loss(d_fake)


def step_disc(generator, discriminator, optimizer, x, z):
    fake = generator(z).detach()
    return _update(optimizer, gan_2d.discriminator_loss(discriminator(x), discriminator(fake)))


def step_gen(generator, discriminator, optimizer, z):
    return _update(optimizer, gan_2d.generator_loss(discriminator(generator(z))))


def _update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
