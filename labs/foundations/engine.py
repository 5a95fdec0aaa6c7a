"""Reverse-mode automatic differentiation for single numbers: what `loss.backward()` does, on two pages.

Each operation makes a Value that remembers its inputs and, for each of them, the derivative of the result by it. Going
back from the result, every Value hands its own gradient, times that derivative, to its inputs: the chain rule. A Value
that was used twice receives twice, and adds up.
"""

import math
from collections.abc import Iterator, Sequence

Number = float | int


class Value:
    """A number that knows where it comes from, and what the derivative of the result by it is (`grad`)."""

    def __init__(self, data: float, inputs: Sequence[tuple["Value", float]] = (), operation: str = "", label: str = ""):
        self.data = data
        self.grad = 0.0
        self.inputs = inputs  # each with the derivative of this value by it
        self.operation = operation
        self.label = label

    def __add__(self, other: "Value | Number") -> "Value":
        other = value(other)
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)], "+")

    def __mul__(self, other: "Value | Number") -> "Value":
        other = value(other)
        return Value(self.data * other.data, [(self, other.data), (other, self.data)], "×")

    def __pow__(self, power: Number) -> "Value":
        return Value(self.data**power, [(self, power * self.data ** (power - 1))], f"^{power:g}")

    def tanh(self) -> "Value":
        """tanh z, with derivative 1 − tanh² z."""
        t = math.tanh(self.data)
        return Value(t, [(self, 1 - t * t)], "tanh")

    def relu(self) -> "Value":
        """max(0, z), with derivative 1 for z > 0."""
        return Value(max(0.0, self.data), [(self, float(self.data > 0))], "ReLU")

    def exp(self) -> "Value":
        """e^z, its own derivative."""
        e = math.exp(self.data)
        return Value(e, [(self, e)], "exp")

    def log(self) -> "Value":
        """ln z, with derivative 1/z."""
        return Value(math.log(self.data), [(self, 1 / self.data)], "ln")

    def __neg__(self) -> "Value":
        return self * -1

    def __sub__(self, other: "Value | Number") -> "Value":
        return self + -value(other)

    def __truediv__(self, other: "Value | Number") -> "Value":
        return self * value(other) ** -1

    def __radd__(self, other: Number) -> "Value":
        return self + other

    def __rmul__(self, other: Number) -> "Value":
        return self * other

    def __rsub__(self, other: Number) -> "Value":
        return value(other) - self

    def __rtruediv__(self, other: Number) -> "Value":
        return value(other) / self

    def backward(self) -> None:
        """Set `grad` of everything this value was made of to the derivative of this value by it."""
        order = list(self.ancestry())
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):  # every value after all that were made of it
            for source, derivative in node.inputs:
                source.grad += node.grad * derivative

    def ancestry(self) -> Iterator["Value"]:
        """All that this value was made of, and at last itself: inputs before what is made of them."""
        seen: set[int] = set()
        waiting: list[tuple[Value, bool]] = [(self, False)]  # a stack, for a recursion would be too deep
        while waiting:
            node, inputs_done = waiting.pop()
            if inputs_done:
                yield node
            elif id(node) not in seen:
                seen.add(id(node))
                waiting.append((node, True))
                waiting += [(source, False) for source, _ in node.inputs]

    def __repr__(self) -> str:
        return f"Value({self.label or self.operation} {self.data:.4g}, grad {self.grad:.4g})"


def value(number: Value | Number) -> Value:
    """A number as a Value; a Value as it is."""
    return number if isinstance(number, Value) else Value(float(number), label=f"{number:g}")
