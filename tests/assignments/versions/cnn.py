"""Right answers to the set cnn, as different students would write them."""

import math
import random

import torch

EQUAL = {}


def output_size__formula(n, k, p, s):
    return (n + 2 * p - k) // s + 1


def output_size__loop(n, k, p, s):
    places, start = 0, -p
    while start + k <= n + p:
        places += 1
        start += s
    return places


def output_size__floor(n, k, p, s):
    return math.floor((n - k + 2 * p) / s) + 1


def output_size__tensor(n, k, p, s):
    return torch.arange(n + 2 * p).unfold(0, k, s).shape[0]


def parameters__loop(image, layers):
    width, height, channels = image
    total = 0
    entering = None
    for layer in layers:
        if layer[0] == "conv":
            kw, kh = layer[2]
            total += (kw * kh * channels + 1) * layer[1]
            width, height, channels = width - kw + 1, height - kh + 1, layer[1]
        elif layer[0] == "pool":
            width, height = width // layer[1], height // layer[1]
        else:
            if entering is None:
                entering = width * height * channels
            total += entering * layer[1] + layer[1]
            entering = layer[1]
    return total


def parameters__tensors(image, layers):
    x = torch.zeros(image[::-1])
    count = 0
    for kind, *size in layers:
        if kind == "conv":
            w, h = size[1]
            count += size[0] * h * w * len(x) + size[0]
            x = torch.zeros(size[0], x.shape[1] - h + 1, x.shape[2] - w + 1)
        if kind == "pool":
            k = size[0]
            x = x[:, k - 1 :: k, k - 1 :: k]
        if kind == "dense":
            x = x.flatten()
            count += len(x) * size[0] + size[0]
            x = torch.zeros(size[0])
    return torch.tensor(count)


def parameters__float32(image, layers):
    def rest(shape, layers):
        if not layers:
            return 0.0
        kind, size = layers[0][0], layers[0][1]
        if kind == "pool":
            return rest([shape[0] // size, shape[1] // size, shape[2]], layers[1:])
        if kind == "dense":
            inputs = float(math.prod(shape))
            return (inputs + 1) * size + rest([size], layers[1:])
        kw, kh = layers[0][2]
        weights = size * (kw * kh * shape[2] + 1)
        return weights + rest([shape[0] - kw + 1, shape[1] - kh + 1, size], layers[1:])

    return rest(image, layers)


def convolve__loop(image, kernel, bias, stride, padding):
    rows, columns = image.shape
    k = len(kernel)
    framed = torch.zeros(rows + 2 * padding, columns + 2 * padding, dtype=image.dtype)
    framed[padding : padding + rows, padding : padding + columns] = image
    height = (framed.shape[0] - k) // stride + 1
    width = (framed.shape[1] - k) // stride + 1
    result = torch.zeros(height, width, dtype=image.dtype)
    for i in range(height):
        for j in range(width):
            window = framed[i * stride : i * stride + k, j * stride : j * stride + k]
            result[i, j] = (window * kernel).sum() + bias
    return result


def convolve__vectorised(image, kernel, bias, stride, padding):
    framed = torch.nn.functional.pad(image, (padding, padding, padding, padding))
    windows = framed.unfold(0, kernel.shape[0], stride).unfold(1, kernel.shape[1], stride)
    return torch.einsum("ijab,ab->ij", windows, kernel) + bias


def convolve__float32(image, kernel, bias, stride, padding):
    framed = torch.nn.functional.pad(image.float(), (padding, padding, padding, padding))
    windows = torch.nn.functional.unfold(framed[None, None], kernel.shape, stride=stride)
    rows = (framed.shape[0] - len(kernel)) // stride + 1
    return (kernel.float().reshape(1, -1) @ windows[0]).reshape(rows, -1) + bias


def convolve__shifted(image, kernel, bias, stride, padding):
    k = kernel.shape[0]
    rows, columns = image.shape[0] + 2 * padding, image.shape[1] + 2 * padding
    framed = image.new_zeros(rows, columns)
    framed[padding : rows - padding, padding : columns - padding] = image
    total = bias
    for a in range(k):
        for b in range(k):
            total = total + kernel[a, b] * framed[a : rows - k + a + 1 : stride, b : columns - k + b + 1 : stride]
    return total


def max_pool__loop(x, k, s, ceil):
    rounded = math.ceil if ceil else math.floor
    height, width = (rounded((n - k) / s) + 1 for n in x.shape)
    result = torch.zeros(height, width, dtype=x.dtype)
    for i in range(height):
        for j in range(width):
            result[i, j] = x[i * s : i * s + k, j * s : j * s + k].max()
    return result


def max_pool__vectorised(x, k, s, ceil):
    if ceil:
        down, right = (-(n - k) % s for n in x.shape)
        x = torch.nn.functional.pad(x, (0, right, 0, down), value=-math.inf)
    return x.unfold(0, k, s).unfold(1, k, s).amax(dim=(2, 3))


def max_pool__float32(x, k, s, ceil):
    rows, columns = x.shape
    picked = []
    for i in range(0, rows, s):
        if (i + k > rows and not ceil) or (i > 0 and i - s + k >= rows):
            break
        row = []
        for j in range(0, columns, s):
            if (j + k > columns and not ceil) or (j > 0 and j - s + k >= columns):
                break
            row.append(max(float(x[a, b]) for a in range(i, min(i + k, rows)) for b in range(j, min(j + k, columns))))
        picked.append(row)
    return torch.tensor(picked)


def scale_once__dtype(X):
    if X.dtype == torch.uint8:
        return X / 255
    return X


def scale_once__floating(X):
    return X.clone() if X.is_floating_point() else X.double().mul(1 / 255)


def scale_once__float32(X):
    return X.float() / (255.0 if X.dtype is torch.uint8 else 1.0)


def confusion__loop(y, p, K):
    counts = torch.zeros((K, K), dtype=torch.int64)
    for i in range(len(y)):
        counts[p[i], y[i]] += 1
    return counts


def confusion__vectorised(y, p, K):
    return torch.bincount(p * K + y, minlength=K * K).reshape(K, K)


def confusion__float32(y, p, K):
    counts = torch.zeros(K, K)
    counts.index_put_((p, y), torch.ones(len(y)), accumulate=True)
    return counts


def confusion__compared(y, p, K):
    classes = torch.arange(K)
    return ((p[:, None, None] == classes[:, None]) & (y[:, None, None] == classes)).sum(0)


def confusion__list(y, p, K):
    return torch.tensor([[int(((p == i) & (y == j)).sum()) for j in range(K)] for i in range(K)])


def epoch_mean__vectorised(values, sizes):
    return (values * sizes).sum() / sizes.sum()


def epoch_mean__loop(values, sizes):
    total, images = 0.0, 0
    for value, size in zip(values, sizes, strict=True):
        total = total + value * size
        images += size.item()
    return total / images


def epoch_mean__float32(values, sizes):
    return torch.dot(values.float(), sizes.float() / sizes.sum())


def split__loop(y, shares, seed):
    parts = [[] for _ in shares]
    generator = torch.Generator().manual_seed(seed)
    for label in y.unique():
        places = torch.where(y == label)[0]
        places = places[torch.randperm(len(places), generator=generator)]
        start = 0
        for i in range(len(shares)):
            end = round(sum(shares[: i + 1]) * len(places))
            parts[i].append(places[start:end])
            start = end
    return [torch.cat(part) for part in parts]


def split__vectorised(y, shares, seed):
    torch.manual_seed(seed)
    order = torch.randperm(len(y))
    order = order[torch.sort(y[order], stable=True).indices]
    n = torch.bincount(y)
    rank = torch.cat([(torch.arange(k) + 0.5) / k for k in n.tolist() if k])
    part = torch.bucketize(rank, torch.tensor(shares).cumsum(0)[:-1])
    return [order[part == i] for i in range(len(shares))]


def split__lists(y, shares, seed):
    chance = random.Random(seed)
    parts = [[] for _ in shares]
    labels = y.tolist()
    for label in sorted(set(labels)):
        places = [i for i, other in enumerate(labels) if other == label]
        chance.shuffle(places)
        whole = len(places)
        for part, share in zip(parts[:-1], shares[:-1], strict=True):
            n = round(share * whole)
            part += places[:n]
            places = places[n:]
        parts[-1] += places
    return parts


def split__dealt(y, shares, seed):
    generator = torch.Generator().manual_seed(seed)
    parts = [[] for _ in shares]
    dealt = [[0] * len(shares) for _ in range(int(y.max()) + 1)]
    for i in torch.randperm(len(y), generator=generator).tolist():
        counts = dealt[int(y[i])]
        behind = [share * (sum(counts) + 1) - n for share, n in zip(shares, counts, strict=True)]
        part = behind.index(max(behind))
        counts[part] += 1
        parts[part].append(i)
    return [torch.tensor(part) for part in parts]


def step__usual(model, optimizer, batch):
    X, y = batch
    model.train()
    loss = torch.nn.functional.cross_entropy(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step__by_hand(model, optimizer, batch):
    X, y = batch
    model.train(True)
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = None
    logits = model(X)
    loss = (logits.logsumexp(dim=1) - logits[torch.arange(len(y)), y]).mean()
    loss.backward()
    optimizer.step()
    return loss


def step__afterwards(model, optimizer, batch):
    model.train()
    logs = torch.nn.LogSoftmax(dim=1)(model(batch[0]))
    loss = torch.nn.NLLLoss()(logs, batch[1])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    model.eval()
    return float(loss.detach())


def step__float32(model, optimizer, batch):
    images, labels = batch
    model.train()
    optimizer.zero_grad()
    logits = model(images).float()
    chosen = torch.log_softmax(logits, dim=1).gather(1, labels.unsqueeze(1))
    loss = chosen.mean().neg()
    loss.backward()
    optimizer.step()
    return loss.detach()
