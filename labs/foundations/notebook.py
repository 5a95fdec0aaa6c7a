import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # The warm-up

    One neuron, one line, one slope after another: what all the other labs are made of, with your hands on the knobs.
    Everything here is small enough to be computed while you look.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in Jupyter:
    for its cell to be run; after retraining run all cells below it once more).
    """)
    return


@app.cell
def _():
    from common import notebook, playground
    from labs.foundations import build_model, explore, score, train
    from labs.foundations.activations import ACTIVATIONS
    from labs.foundations.backprop import backward
    from labs.foundations.deep_layers import DEEP, INITIALISATIONS
    from labs.foundations.engine import Value
    from labs.foundations.line_fit import descend, gradient
    from labs.foundations.losses import draw_losses
    from labs.foundations.perceptron import learn
    from labs.foundations.surfaces import SURFACES
    from labs.foundations.update_rules import RULES, adam, momentum

    notebook.work_in_suite()
    return (
        ACTIVATIONS,
        DEEP,
        INITIALISATIONS,
        RULES,
        SURFACES,
        Value,
        adam,
        backward,
        build_model,
        descend,
        draw_losses,
        explore,
        gradient,
        learn,
        momentum,
        notebook,
        playground,
        score,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A neuron

    A neuron weighs its inputs, adds a bias and decides: ŷ = 1 where w₁x₁ + w₂x₂ + b > 0. That is a line in the plane:
    w says how it is turned, b how far it is pushed. **Look for** what each slider does to the line. Get all four
    corners of AND right, then of OR, then try XOR.
    """)
    return


@app.cell
def _(notebook):
    table = notebook.choice("table", ["and", "or", "xor"])
    w1 = notebook.slider("w₁", -3.0, 3.0, 1.0, 0.1, live=True)
    w2 = notebook.slider("w₂", -3.0, 3.0, 1.0, 0.1, live=True)
    b = notebook.slider("b", -3.0, 3.0, -0.5, 0.1, live=True)
    notebook.column(table, w1, w2, b)
    return b, table, w1, w2


@app.cell
def _(b, explore, notebook, table, w1, w2):
    notebook.react(explore.draw_neuron, table=table, w1=w1, w2=w2, b=b)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** What is the best that one neuron can do on XOR, and why not better?

    <details><summary>Answer</summary>

    Three of four. The 1s are two opposite corners, the 0s the other two: the two diagonals cross, so no line has one
    pair on either side. Two layers can: one neuron cuts off one corner, one the other, a third joins them
    (`python -m labs.foundations.perceptron --data xor`).

    </details>

    Rosenblatt's rule finds the line by itself, if there is one. This is all of it:
    """)
    return


@app.cell
def _(learn, notebook):
    notebook.source(learn)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A line, downhill

    ŷ = m x + b has a loss J(m, b) = 1/n Σ (y − ŷ)²: a bowl over the plane of all (m, b). Gradient descent steps
    against its slope, again and again. The rate is given in units of 2/λ_max, which the bowl's curvature decides.
    **Look for** the rate at which the path begins to zigzag, and the one at which it leaves.
    """)
    return


@app.cell
def _(notebook):
    rate = notebook.slider("η, in units of 2/λ_max", 0.01, 1.1, 0.3, 0.01, live=True)
    steps = notebook.slider("steps", 1, 100, 40, live=True)
    centre = notebook.slider("mean of x", 0.0, 3.0, 1.0, 0.1, live=True)
    notebook.column(rate, steps, centre)
    return centre, rate, steps


@app.cell
def _(centre, explore, notebook, rate, steps):
    notebook.react(explore.draw_line_fit, rate=rate, steps=steps, centre=centre)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Push the mean of x to 3. Why is it so much harder now, and what would make it easy again?

    <details><summary>Answer</summary>

    With x far from 0 a larger slope can be made up for by a smaller intercept: the bowl becomes a long ravine, steep
    across and nearly flat along. The rate is bounded by the steep direction, the progress by the flat one. Take the
    mean away from x, as every lab does with its data: set the slider to 0.

    </details>

    **Question.** At η = 1.00 · 2/λ_max the path neither comes nor goes. Why?

    <details><summary>Answer</summary>

    Along the steepest direction each step multiplies the distance by 1 − ηλ_max = −1: it jumps to the other side of
    the valley, exactly as high.

    </details>
    """)
    return


@app.cell
def _(descend, gradient, notebook):
    notebook.source(gradient, descend)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Activations

    Without something bent between them, two dense layers are one. **Look for** the dashed line: the derivative is what
    a gradient is multiplied by on its way back.
    """)
    return


@app.cell
def _(ACTIVATIONS, notebook):
    activation = notebook.choice("activation", list(ACTIVATIONS))
    z = notebook.slider("z", -5.0, 5.0, 1.0, 0.1, live=True)
    notebook.row(activation, z)
    return activation, z


@app.cell
def _(activation, explore, notebook, z):
    notebook.react(explore.draw_activation, name=activation, z=z)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The same function in every one of many layers, with random weights: above how large the signal is, below how large
    the gradient that comes back. **Look for** the pairs that leave both as they are.
    """)
    return


@app.cell
def _(DEEP, INITIALISATIONS, notebook):
    deep = notebook.choice("activation", list(DEEP), "sigmoid")
    start = notebook.choice("initialisation", list(INITIALISATIONS), "glorot")
    layers = notebook.slider("layers", 2, 50, 20)
    notebook.row(deep, start, layers)
    return deep, layers, start


@app.cell
def _(deep, explore, layers, notebook, start):
    notebook.react(explore.draw_signal, activation=deep, start=start, layers=layers)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With which initialisation does the sigmoid's gradient survive 20 layers? And ReLU's?

    <details><summary>Answer</summary>

    The sigmoid's with none that keeps the signal: its derivative is at most ¼, so each layer takes three quarters.
    ReLU's with He's, whose weights make up for the half that ReLU cuts off. That is why deep networks came with ReLU.

    </details>

    ## Losses

    Above the losses, below their gradients. **Look for** what a large error does to each, and (right) for the one that
    learns nothing where the answer is certain and wrong.
    """)
    return


@app.cell
def _(draw_losses, notebook):
    notebook.show(draw_losses())
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Why does nobody train a classifier by the squared error behind a softmax?

    <details><summary>Answer</summary>

    Its gradient has the softmax's derivative in it, which is 0 where the softmax is 0 or 1: also where it is 1 for the
    wrong class. Cross-entropy's logarithm takes that factor away; what stays is ŷ − y.

    </details>

    ## Backpropagation

    y = tanh(w x + b) · x as a graph. Values run from left to right; then y asks each of its inputs how much it matters.
    **Look for** x, which is used twice.
    """)
    return


@app.cell
def _(notebook):
    weight = notebook.slider("w", -2.0, 2.0, 0.5, 0.1)
    x = notebook.slider("x", -3.0, 3.0, 2.0, 0.1)
    bias = notebook.slider("b", -2.0, 2.0, -0.5, 0.1)
    notebook.row(weight, x, bias)
    return bias, weight, x


@app.cell
def _(bias, explore, notebook, weight, x):
    notebook.react(explore.draw_expression, w=weight, x=x, b=bias)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Set w = 2 and x = 3. What has become of the gradient of w, and what is that called?

    <details><summary>Answer</summary>

    The tanh is saturated: its derivative is nearly 0, and so is all that comes back through it. A vanishing gradient.

    </details>

    The engine's heart, and the same for whole layers of matrices:
    """)
    return


@app.cell
def _(Value, backward, notebook):
    notebook.source(Value.__mul__, Value.tanh, Value.backward, backward)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A race of optimisers

    Two rules over the same ground, each with a rate of your own: 2 to the power of the slider. **Look for** a rate at
    which momentum beats plain descent in the ravine, and for what Adam does where the slopes differ.
    """)
    return


@app.cell
def _(RULES, SURFACES, notebook):
    surface = notebook.choice("surface", list(SURFACES))
    rule = notebook.choice("first", list(RULES), "sgd")
    power = notebook.slider("its η = 2^", -12.0, 4.0, -6.0, 0.5)
    other = notebook.choice("second", list(RULES), "momentum")
    other_power = notebook.slider("its η = 2^", -12.0, 4.0, -6.0, 0.5)
    race_steps = notebook.slider("steps", 10, 500, 100, 10)
    notebook.column(notebook.row(surface, race_steps), notebook.row(rule, power), notebook.row(other, other_power))
    return other, other_power, power, race_steps, rule, surface


@app.cell
def _(explore, notebook, other, other_power, power, race_steps, rule, surface):
    notebook.react(
        explore.draw_optimizer,
        surface=surface,
        rule=rule,
        rate=power,
        other=other,
        other_rate=other_power,
        steps=race_steps,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** In the ravine plain descent cannot have a rate above 2/50. What does momentum do about the 50?

    <details><summary>Answer</summary>

    Across the ravine the slopes change their sign from step to step and cancel in v; along it they agree and add up,
    to ten times the slope with μ = 0.9. The steps become long where it is flat.

    </details>
    """)
    return


@app.cell
def _(adam, momentum, notebook):
    notebook.source(momentum, adam)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A playground

    Two kinds of points, a tiny network, and training while you watch: left what it decides where, in the middle how its
    last hidden layer bends the plane, right the losses; below what each neuron answers. **Look for** the step at which
    the neurons have found their lines. Give it the squares of x and y, and see how few neurons a circle then needs;
    give it few points with much noise, and see what weight decay does to the border.
    """)
    return


@app.cell
def _(notebook):
    ground = notebook.form(
        "Train and watch",
        shape=notebook.choice("shape", ["simple", "circle", "spiral", "moons", "random"], "circle"),
        points=notebook.slider("points", 10, 500, 200, 10),
        noise=notebook.slider("noise", 0.0, 1.0, 0.1, 0.05),
        features=notebook.choice("features", ["xy", "squares", "all"]),
        hidden=notebook.slider("neurons of a layer", 1, 12, 6),
        layers=notebook.slider("layers", 1, 4),
        activation=notebook.choice("activation", ["tanh", "relu", "sigmoid", "none"]),
        weight_decay=notebook.slider("weight decay λ", 0.0, 0.2, 0.0, 0.01),
        steps=notebook.slider("steps", 100, 2000, 400, 100),
    )
    ground
    return (ground,)


@app.cell
def _(ground, notebook, playground):
    notebook.film(playground.watch, ground)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With activation *none* the circle stays unsolved with any number of layers. With the squares one
    neuron solves it. Why both?

    <details><summary>Answer</summary>

    Without anything bent between them all layers together are one linear map: a straight line. In x² and y² the circle
    *is* a straight line: x² + y² = r². Features that somebody thought of, or layers that find them: that is what deep
    learning is about.

    </details>

    ## A first network

    Dense layers with ReLU between them, on small scans of digits: a training part that it learns from, a validation
    part that it does not. **Look for** the moment at which the two losses part. Then give it only 100 images; then
    try weight decay, dropout and early stopping against learning by heart.
    """)
    return


@app.cell
def _(build_model, notebook, score):
    notebook.source(build_model, score)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train",
        dataset=notebook.choice("data", ["digits", "mnist", "fashion_mnist"]),
        limit=notebook.slider("training images", 50, 1100, 200, 50),
        epochs=notebook.slider("epochs", 1, 200, 60),
        l2=notebook.slider("weight decay λ", 0.0, 0.1, 0.0, 0.005),
        dropout=notebook.slider("dropout", 0.0, 0.8, 0.0, 0.1),
    )
    form
    return (form,)


@app.cell
def _(form, notebook, train):
    trained = notebook.trained(train, form)
    return (trained,)


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/curves.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The training accuracy reaches 100 % and the validation loss rises. Is the network broken?

    <details><summary>Answer</summary>

    No: it knows its examples by heart, and becomes ever surer also where it is wrong. The accuracy may stay the same
    meanwhile. Early stopping (`--patience`) keeps the weights of the best epoch; more images help most (lab sheet).

    </details>

    The images of the test part that it is least sure of. **Look for** the ones that you would get wrong yourself.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/predictions.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where to go on

    `README.md` of this lab has the formulas, what is wrong with those of the introductions, exercises and a self-test.

    ```
    python -m labs.foundations.line_fit       # each subject has its command, with animations
    python -m labs.foundations.optimizers --surface rosenbrock
    python -m labs.cnn                        # the next lab
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
