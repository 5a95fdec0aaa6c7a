"""Correct answers to the set foundations, as different students would write them."""

import math

import torch


def perceptron_step__loop(w, b, x, y, lr):
    z = b
    for i in range(len(x)):
        z = z + float(w[i]) * float(x[i])
    answer = 1 if z > 0 else -1
    if answer == y:
        return w, b
    moved = w.clone()
    for i in range(len(x)):
        moved[i] = w[i] + lr * y * x[i]
    return moved, b + lr * y


def perceptron_step__vectorised(w, b, x, y, lr):
    wrong = ((torch.dot(w, x) + b > 0) != (y > 0)).double()
    return w + lr * wrong * y * x, float(b + lr * wrong * y)


def perceptron_step__half_the_error(w, b, x, y, lr):
    error = (y - (1 if w @ x + b > 0 else -1)) / 2
    return w + lr * error * x, b + lr * error


def perceptron_step__float32(w, b, x, y, lr):
    w, x = w.float(), x.float()
    if (1 if torch.dot(w, x) + b > 0 else -1) != y:
        return w + lr * y * x, b + lr * y
    return w, b


def line_gradient__vectorised(x, y, m, b):
    error = y - (m * x + b)
    return -2 * (x * error).mean(), -2 * error.mean()


def line_gradient__loop(x, y, m, b):
    dm = db = 0.0
    for xi, yi in zip(x.tolist(), y.tolist(), strict=True):
        error = m * xi + b - yi
        dm += 2 * error * xi / len(x)
        db += 2 * error / len(x)
    return dm, db


def line_gradient__matrix(x, y, m, b):
    design = torch.stack([x, torch.ones_like(x)], dim=1)
    line = torch.tensor([m, b], dtype=x.dtype)
    both = 2 / len(x) * design.T @ (design @ line - y)
    return both[0], both[1]


def line_gradient__float32(x, y, m, b):
    x, y = x.float(), y.float()
    return ((m * x + b - y) * x).mean() * 2, (m * x + b - y).mean() * 2


def _logistic(z):
    return 1 / (1 + torch.exp(-z))


def activation__vectorised(name, z, alpha):
    if name == "logistic":
        a = 1 / (1 + torch.exp(-z))
        return a, a * (1 - a)
    if name == "hyperbolic":
        a = 2 / (1 + torch.exp(-2 * z)) - 1
        return a, 1 - a * a
    if name == "rectified":
        return z * (z > 0), 0.0 + (z > 0)
    if name == "leaky":
        return torch.where(z > 0, z, alpha * z), torch.where(z > 0, 1.0, alpha)
    e = torch.exp(-abs(z))
    return torch.where(z > 0, z, alpha * (e - 1)), torch.where(z > 0, 1.0, alpha * e)


def activation__loop(name, z, alpha):
    f, slope = torch.empty_like(z), torch.empty_like(z)
    for i, number in enumerate(z.tolist()):
        if name in ("logistic", "hyperbolic"):
            c = 1 if name == "logistic" else 2
            s = 1 / (1 + math.exp(-c * number)) if number > 0 else 1 - 1 / (1 + math.exp(c * number))
            f[i], slope[i] = (s, s * (1 - s)) if c == 1 else (2 * s - 1, 4 * s * (1 - s))
        elif number >= 0:
            f[i], slope[i] = number, 1
        elif name == "exponential":
            f[i], slope[i] = alpha * (math.exp(number) - 1), alpha * math.exp(number)
        else:
            a = alpha if name == "leaky" else 0
            f[i], slope[i] = a * number, a
    return f, slope


def activation__cases(name, z, alpha):
    match name:
        case "logistic":
            e = (-z.abs()).exp()
            return torch.where(z >= 0, 1 / (1 + e), e / (1 + e)), e / (1 + e) ** 2
        case "hyperbolic":
            e = (-2 * z.abs()).exp()
            return z.sign() * (1 - e) / (1 + e), 4 * e / (1 + e) ** 2
        case "rectified":
            return z.clamp(min=0), (z > 0).to(z.dtype)
        case "leaky":
            return z.clamp(min=0) + alpha * z.clamp(max=0), (z >= 0) + alpha * (z < 0)
    left = z.clamp(max=0)
    return z.clamp(min=0) + alpha * torch.expm1(left), (z >= 0) + (z < 0) * alpha * left.exp()


def activation__float32(name, z, alpha):
    return activation__vectorised(name, z.float(), alpha)


def cross_entropy__vectorised(logits, y):
    z = logits - logits.max(dim=1, keepdim=True).values
    return (torch.log(torch.exp(z).sum(dim=1)) - z[torch.arange(len(y)), y]).mean()


def cross_entropy__loop(logits, y):
    total = 0.0
    for z, label in zip(logits, y, strict=True):
        largest = max(z)
        total = total + largest + torch.log(sum(torch.exp(number - largest) for number in z)) - z[label]
    return total / len(y)


def cross_entropy__one_hot(logits, y):
    hot = torch.nn.functional.one_hot(y, logits.shape[-1])
    z = logits - logits.amax(dim=-1, keepdim=True).detach()
    return -(hot * (z - z.exp().sum(-1, keepdim=True).log())).sum() / logits.shape[0]


def cross_entropy__float32(logits, y):
    z = logits.float()
    z = z - z.amax(1, keepdim=True)
    return z.exp().sum(1).log().sub(z.gather(1, y.unsqueeze(1)).squeeze(1)).mean()


def momentum_step__vectorised(theta, g, v, lr, mu):
    v = mu * v - lr * g
    return theta + v, v


def momentum_step__loop(theta, g, v, lr, mu):
    new_theta, new_v = theta.clone(), v.clone()
    for i in range(len(theta)):
        new_v[i] = mu * v[i] - lr * g[i]
        new_theta[i] = theta[i] + new_v[i]
    return new_theta, new_v


def momentum_step__by_torchs_v(theta, g, v, lr, mu):
    buffer = torch.add(g, v / -lr, alpha=mu)
    return theta.sub(buffer, alpha=lr), -lr * buffer


def momentum_step__float32(theta, g, v, lr, mu):
    step = v.float().mul(mu).sub(g.float(), alpha=lr)
    return theta.float() + step, step


def adam_step__vectorised(theta, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1 ** (t + 1))
    v_hat = v / (1 - beta2 ** (t + 1))
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adam_step__loop(theta, g, m, v, t, lr, beta1, beta2, eps):
    out = [[], [], []]
    for p, slope, a, b in zip(theta.tolist(), g.tolist(), m.tolist(), v.tolist(), strict=True):
        a += (1 - beta1) * (slope - a)
        b += (1 - beta2) * (slope * slope - b)
        rate = lr * math.sqrt(1 - beta2 ** (t + 1)) / (1 - beta1 ** (t + 1))
        p -= rate * a / (math.sqrt(b) + eps * math.sqrt(1 - beta2 ** (t + 1)))
        for column, number in zip(out, (p, a, b), strict=True):
            column.append(number)
    return tuple(torch.tensor(column, dtype=theta.dtype) for column in out)


def adam_step__lerp(theta, g, m, v, t, lr, beta1, beta2, eps):
    t = t + 1
    m, v = torch.lerp(m, g, 1 - beta1), torch.lerp(v, g * g, 1 - beta2)
    bottom = torch.sqrt(v / (1 - math.pow(beta2, t))).add(eps)
    return theta.addcdiv(m, bottom, value=-lr / (1 - math.pow(beta1, t))), m, v


def adam_step__float32(theta, g, m, v, t, lr, beta1, beta2, eps):
    return adam_step__vectorised(theta.float(), g.float(), m.float(), v.float(), t, lr, beta1, beta2, eps)


def adaptive_step__vectorised(rule, theta, g, a, d, lr, rho, eps):
    if rule == "adagrad":
        a = a + g**2
        return theta - lr * g / (a**0.5 + eps), a, d
    a = rho * a + (1 - rho) * g**2
    if rule == "rmsprop":
        return theta - lr * g / (a**0.5 + eps), a, d
    delta = -((d + eps) ** 0.5) / (a + eps) ** 0.5 * g
    return theta + lr * delta, a, rho * d + (1 - rho) * delta**2


def adaptive_step__loop(rule, theta, g, a, d, lr, rho, eps):
    theta, a, d = theta.clone(), a.clone(), d.clone()
    for i in range(len(theta)):
        slope = float(g[i])
        a[i] = a[i] + slope**2 if rule == "adagrad" else rho * a[i] + (1 - rho) * slope**2
        if rule == "adadelta":
            step = slope * math.sqrt(d[i] + eps) / math.sqrt(a[i] + eps)
            d[i] = rho * d[i] + (1 - rho) * step**2
        else:
            step = slope / (math.sqrt(a[i]) + eps)
        theta[i] -= lr * step
    return theta, a, d


def adaptive_step__table(rule, theta, g, a, d, lr, rho, eps):
    old, new = (1, 1) if rule == "adagrad" else (rho, 1 - rho)
    a = torch.addcmul(old * a, g, g, value=new)
    if rule != "adadelta":
        return theta.addcdiv(g, a.sqrt() + eps, value=-lr), a, d
    step = g * torch.sqrt((d + eps) / (a + eps))
    return theta - lr * step, a, torch.lerp(d, step.square(), 1 - rho)


def adaptive_step__float32(rule, theta, g, a, d, lr, rho, eps):
    return adaptive_step__vectorised(rule, theta.float(), g.float(), a.float(), d.float(), lr, rho, eps)


def mlp_backward__vectorised(x, y, w1, b1, w2, b2):
    z1 = x @ w1.T + b1
    h = z1.clamp(min=0)
    dz2 = torch.softmax(h @ w2.T + b2, dim=1)
    dz2[range(len(y)), y] -= 1
    dz2 = dz2 / len(y)
    dz1 = (dz2 @ w2) * (z1 > 0)
    return dz1.T @ x, dz1.sum(dim=0), dz2.T @ h, dz2.sum(dim=0)


def mlp_backward__loop(x, y, w1, b1, w2, b2):
    gradients = [torch.zeros_like(p) for p in (w1, b1, w2, b2)]
    n = len(x)
    for row, label in zip(x, y, strict=True):
        z1 = w1 @ row + b1
        h = torch.relu(z1)
        e = torch.exp(w2 @ h + b2)
        dz2 = e / e.sum() / n
        dz2[label] -= 1 / n
        dz1 = w2.T @ dz2
        dz1[z1 <= 0] = 0
        for total, part in zip(gradients, (torch.outer(dz1, row), dz1, torch.outer(dz2, h), dz2), strict=True):
            total += part
    return gradients[0], gradients[1], gradients[2], gradients[3]


def mlp_backward__einsum(x, y, w1, b1, w2, b2):
    z1 = torch.einsum("nd,hd->nh", x, w1) + b1
    h = torch.where(z1 > 0, z1, 0)
    p = torch.nn.functional.softmax(torch.einsum("nh,kh->nk", h, w2) + b2, dim=-1)
    dz2 = (p - torch.eye(len(b2), dtype=x.dtype)[y]).div(x.shape[0])
    dz1 = torch.where(z1 > 0, torch.einsum("nk,kh->nh", dz2, w2), 0)
    return torch.einsum("nh,nd->hd", dz1, x), dz1.sum(0), torch.einsum("nk,nh->kh", dz2, h), dz2.sum(0)


def mlp_backward__float32(x, y, w1, b1, w2, b2):
    return mlp_backward__einsum(x.float(), y, w1.float(), b1.float(), w2.float(), b2.float())


def regularise__vectorised(h, u, p, training, g, w, l2):
    slope = g + 2 * l2 * w
    if not training:
        return h, slope
    return h * (u >= p) / (1 - p), slope


def regularise__loop(h, u, p, training, g, w, l2):
    dropped = h.clone()
    if training:
        for i in range(len(h)):
            dropped[i] = 0 if u[i] < p else h[i] / (1 - p)
    return dropped, torch.stack([g[i] + l2 * 2 * w[i] for i in range(len(w))])


def regularise__mask(h, u, p, training, g, w, l2):
    mask = torch.ones_like(h)
    if training:
        mask[u < p] = 0
        mask /= 1 - p
    return mask * h, torch.add(g, w, alpha=2 * l2)


def regularise__float32(h, u, p, training, g, w, l2):
    h, g, w = h.float(), g.float(), w.float()
    return torch.where(u < p, torch.zeros_like(h), h / (1 - p)) if training else h, g + 2 * l2 * w


EQUAL = {
    "perceptron_step": {"lr * y → lr / y": "y is −1 or 1, so y and 1/y are the same"},
}
