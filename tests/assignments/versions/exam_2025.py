"""Correct answers to the set exam_2025, each written in several ways."""

import math

import torch

# What a mutant of the first version does that is right, too: {exercise: {a part of what was changed: why}}
EQUAL = {
    "best_values": {"else gamma * V[there], V[state]) (line": "the larger of two numbers, whatever their order"},
}


def convolution__loop(image, kernel, bias):
    h, w = kernel.shape
    result = torch.zeros(image.shape[0] - h + 1, image.shape[1] - w + 1, dtype=image.dtype)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = (image[i : i + h, j : j + w] * kernel).sum() + bias
    return result


def convolution__vectorised(image, kernel, bias):
    windows = image.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).sum(dim=(2, 3)) + bias


def convolution__float32(image, kernel, bias):
    image, kernel = image.float(), kernel.float()
    windows = torch.nn.functional.unfold(image[None, None], kernel.shape)[0]
    return (kernel.reshape(1, -1) @ windows).reshape(len(image) - len(kernel) + 1, -1) + bias


def convolution__lists(image, kernel, bias):
    image, kernel = image.tolist(), kernel.tolist()
    rows = []
    for i in range(len(image) - len(kernel) + 1):
        row = []
        for j in range(len(image[0]) - len(kernel[0]) + 1):
            total = bias
            for a, values in enumerate(kernel):
                for b, value in enumerate(values):
                    total += value * image[i + a][j + b]
            row.append(total)
        rows.append(row)
    return torch.tensor(rows)


def rectify__where(x):
    return torch.where(x > 0, x, 0.0)


def rectify__loop(x):
    return torch.tensor([[max(0.0, value) for value in row] for row in x.tolist()], dtype=torch.float64)


def rectify__float32(x):
    return (x.float() + x.float().abs()) / 2


def rectify__clamped(x):
    return x.clamp(min=0)


def max_pool__loop(x, size, stride):
    height, width = (math.ceil((n - size) / stride) + 1 for n in x.shape)
    result = torch.zeros(height, width, dtype=x.dtype)
    for i in range(height):
        for j in range(width):
            result[i, j] = x[i * stride : i * stride + size, j * stride : j * stride + size].max()
    return result


def max_pool__vectorised(x, size, stride):
    down, right = (-(n - size) % stride for n in x.shape)
    x = torch.nn.functional.pad(x, (0, right, 0, down), value=-math.inf)
    return x.unfold(0, size, stride).unfold(1, size, stride).amax(dim=(2, 3))


def max_pool__float32(x, size, stride):
    def along(rows):
        parts, start = [], 0
        while True:
            parts.append(rows[start : start + size].amax(dim=0))
            if start + size >= len(rows):
                return torch.stack(parts)
            start += stride

    return along(along(x.float()).T).T


def move__divmod(state, action, rows, columns, walls):
    row, column = divmod(state, columns)
    down, right = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}[action]
    row, column = row + down, column + right
    if row < 0 or row >= rows or column < 0 or column >= columns:
        return state
    there = row * columns + column
    return state if there in walls else there


def move__branches(state, action, rows, columns, walls):
    there = state
    if action == "up" and state >= columns:
        there = state - columns
    elif action == "down" and state < columns * (rows - 1):
        there = state + columns
    elif action == "left" and state % columns:
        there = state - 1
    elif action == "right" and (state + 1) % columns:
        there = state + 1
    return there if there not in walls else state


def move__grid(state, action, rows, columns, walls):
    numbers = [[r * columns + c for c in range(columns)] for r in range(rows)]
    r, c = state // columns, state % columns
    r = min(max(r + (action == "down") - (action == "up"), 0), rows - 1)
    c = min(max(c + (action == "right") - (action == "left"), 0), columns - 1)
    return numbers[r][c] if numbers[r][c] not in walls else state


def best_values__sweeps(rows, columns, walls, goal, reward, gamma):
    V = torch.zeros(rows * columns, dtype=torch.float64)
    for _ in range(rows * columns):
        for state in range(rows * columns):
            if state == goal or state in walls:
                continue
            row, column = divmod(state, columns)
            for r, c in ((row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)):
                there = r * columns + c
                inside = r >= 0 and r < rows and c >= 0 and c < columns
                if inside and there not in walls:
                    V[state] = max(V[state], reward if there == goal else gamma * V[there])
    return V


def _neighbours(state, rows, columns, walls):
    row, column = divmod(state, columns)
    found = []
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < rows and 0 <= c < columns and r * columns + c not in walls:
            found.append(r * columns + c)
    return found


def best_values__distances(rows, columns, walls, goal, reward, gamma):
    steps, queue = {goal: 0}, [goal]
    while queue:
        state = queue.pop(0)
        for other in _neighbours(state, rows, columns, walls):
            if other not in steps:
                steps[other] = steps[state] + 1
                queue.append(other)
    V = [reward * gamma ** (steps[s] - 1) if steps.get(s) else 0.0 for s in range(rows * columns)]
    return torch.tensor(V)


def best_values__float32(rows, columns, walls, goal, reward, gamma):
    open_ = torch.ones(rows, columns)
    open_.view(-1)[walls] = 0
    V = torch.zeros(rows, columns)
    for _ in range(rows * columns):
        worth = gamma * V
        worth.view(-1)[goal] = reward
        framed = torch.nn.functional.pad(worth * open_, (1, 1, 1, 1))
        sides = torch.stack([framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]])
        V = sides.amax(dim=0) * open_
        V.view(-1)[goal] = 0
    return V.flatten()


def slippery_q__sum(V, state, action, rows, columns, walls, goal, reward, gamma, slip):
    sides = ("left", "right") if action in ("up", "down") else ("up", "down")
    total = 0.0
    for probability, way in ((1 - 2 * slip, action), (slip, sides[0]), (slip, sides[1])):
        row, column = divmod(state, columns)
        down, right = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}[way]
        row, column = row + down, column + right
        there = row * columns + column
        if row < 0 or row >= rows or column < 0 or column >= columns or there in walls:
            there = state
        total += probability * (reward if there == goal else gamma * V[there])
    return total


def slippery_q__table(V, state, action, rows, columns, walls, goal, reward, gamma, slip):
    grid = torch.arange(rows * columns).reshape(rows, columns)
    order = ["up", "right", "down", "left"]
    worth = []
    for down, right in ((-1, 0), (0, 1), (1, 0), (0, -1)):
        r = min(max(state // columns + down, 0), rows - 1)
        c = min(max(state % columns + right, 0), columns - 1)
        there = int(grid[r, c])
        there = state if there in walls else there
        worth.append(reward if there == goal else gamma * float(V[there]))
    meant = order.index(action)
    return (1 - 2 * slip) * worth[meant] + slip * (worth[(meant + 1) % 4] + worth[meant - 1])


def slippery_q__float32(V, state, action, rows, columns, walls, goal, reward, gamma, slip):
    worth = gamma * V.float()
    worth[goal] = reward
    padded = torch.full((rows + 2, columns + 2), float(worth[state]))
    padded[1:-1, 1:-1] = worth.reshape(rows, columns)
    for wall in walls:
        padded[wall // columns + 1, wall % columns + 1] = worth[state]
    r, c = state // columns + 1, state % columns + 1
    up, right, down, left = padded[r - 1, c], padded[r, c + 1], padded[r + 1, c], padded[r, c - 1]
    straight = {"up": up, "right": right, "down": down, "left": left}[action]
    aside = left + right if action in ("up", "down") else up + down
    return (1 - 2 * slip) * straight + slip * aside
