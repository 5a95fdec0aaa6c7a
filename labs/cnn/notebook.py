import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Convolutional networks

    The notebook of `cnn.jl`: a network learns to read handwritten digits. Then what the slides send you to the web
    for: image kernels, a playground in the plane, and a digit on its way through the layers, here with a digit that
    you draw.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run).
    """)
    return


@app.cell
def _():
    from functools import partial

    import torch

    from common import notebook, plots
    from labs.cnn import HyperParams, build_model, explore, get_data, kernels, predict, score, shapes, train
    from labs.cnn.classify_2d import Playground, draw_playground
    from labs.cnn.cnn import load_run

    notebook.work_in_suite()
    return (
        HyperParams,
        Playground,
        build_model,
        draw_playground,
        explore,
        get_data,
        kernels,
        load_run,
        notebook,
        partial,
        plots,
        predict,
        score,
        shapes,
        torch,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What a kernel does

    Before a network learns kernels, look at some made by hand. Each pixel of the result is the sum of the nine
    pixels around it, weighted by the kernel's nine numbers. **Look for** what stays and what vanishes where the
    picture is all of one brightness.
    """)
    return


@app.cell
def _(explore, kernels, notebook):
    picture = notebook.choice("picture", kernels.EXAMPLES)
    upload = notebook.upload("or one of your own")
    kernel = notebook.choice("kernel", [*kernels.KERNELS, explore.OWN], "edges")
    numbers = notebook.text("my own kernel", "0 1 0\n1 -4 1\n0 1 0", rows=3)
    bias = notebook.slider("bias", -1.0, 1.0, 0.0, 0.1)
    relu = notebook.checkbox("ReLU")
    notebook.column(notebook.row(picture, upload), notebook.row(kernel, numbers), notebook.row(bias, relu))
    return bias, kernel, numbers, picture, relu, upload


@app.cell
def _(bias, explore, kernel, notebook, numbers, picture, relu, upload):
    notebook.react(
        explore.draw_convolved, picture=picture, file=upload, kernel=kernel, numbers=numbers, bias=bias, relu=relu
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The nine numbers of *edges* add up to 0, those of *blur* to 1. What does the sum decide? Make a
    kernel that moves the picture one pixel to the left.
    <details><summary>Answer</summary>
    The sum is what a plain area is multiplied by: 0 makes it black, 1 leaves it as it is. A single 1 in the middle
    of the right column takes each pixel from its right neighbour: the picture moves to the left.
    </details>

    ## Look at an image

    Julia: `train_data = MNIST(:train)`; `X` is (28, 28, 1, N) there, (N, 1, 28, 28) here, with values from 0 to 1.
    The digits that come with the suite need no network; where MNIST lies in `data/`, choose it.
    """)
    return


@app.cell
def _(notebook):
    dataset = notebook.choice("data", ["digits", "mnist"])
    dataset
    return (dataset,)


@app.cell
def _(HyperParams, dataset, get_data, notebook, torch):
    args = HyperParams(dataset=notebook.read(dataset))
    data = get_data(args, torch.device("cpu"))
    X, y = data.train
    print(tuple(X.shape), f"from {X.min():g} to {X.max():g}; {len(data.test[1])} images for testing")
    return X, args, data, y


@app.cell
def _(X, data, notebook, plots, y):
    notebook.show(plots.plot_samples(X, y, data.images.classes))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which digits could you mistake for one another? Compare with the mistakes further down.

    ## The network, layer by layer

    Julia: `Chain(Conv((5, 5), 1 => 16, relu), MaxPool((2, 2)), …)`. What leaves each layer, and why it has that
    size: a convolution with kernel k, padding p and stride s makes ⌊(in + 2p − k)/s⌋ + 1 pixels out of in.
    """)
    return


@app.cell
def _(notebook, shapes):
    shapes.shapes(model="course")
    notebook.show()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which layer has the most parameters? What would become of that number if the images were 56×56?
    <details><summary>Answer</summary>
    The first dense layer: 25 664 of 30 810. It has a weight for each pixel that arrives, and of an image of twice
    the side more than four times as many arrive. A convolution has the same parameters for any size: its weights
    are shared by all places.
    </details>

    ## Before training

    The network guesses: about one in ten is right, and the loss is close to ln 10 ≈ 2.303.
    """)
    return


@app.cell
def _(X, args, build_model, score, y):
    untrained = build_model(args)
    {name: value.item() for name, value in score(untrained, (X[:1000], y[:1000])).items()}
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train

    Julia: `train(epochs=8, η=3f-3)`. The small data set needs more epochs than MNIST's 8 to come as far.
    """)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train",
        model=notebook.choice("network", ["course", "lenet"]),
        epochs=notebook.slider("epochs", 1, 30, 8),
        lr=notebook.slider("learning rate η", 0.0005, 0.02, 0.003, 0.0005),
    )
    form
    return (form,)


@app.cell
def _(dataset, form, notebook, train):
    model, run = train(dataset=notebook.read(dataset), **notebook.submitted(form))
    return model, run


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Curves

    **Look for** the distance between the two curves, and whether the test loss still falls at the end.
    """)
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/curves.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Train with a ten times larger learning rate. What do the curves do, and why?

    ## Predictions and mistakes

    Sixteen test images with the network's confidence; the confusion matrix, in which only mistakes are coloured.
    """)
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/predictions.png")
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/confusion.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Are the mistakes those you expected above? Is the network less sure where it errs?

    ## Save, load, compare

    Julia: `@save`, `@load`. The run's directory holds the weights and what is needed to build the network again.
    """)
    return


@app.cell
def _(data, load_run, model, predict, run, torch):
    loaded = load_run(run.path).model
    torch.equal(predict(loaded, data.test[0]), predict(model, data.test[0]))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A digit of your own, layer by layer

    Draw a digit; without one, a drawing of the lab's is read. Julia's `load_predict.jl` shows the network a picture
    prepared in another way than those it has learnt from; here every picture is brought into the form of the
    training images. **Look for** which maps light up at strokes of one direction, and how coarse the last ones are.
    """)
    return


@app.cell
def _(notebook):
    drawing = notebook.canvas("draw a digit")
    drawing
    return (drawing,)


@app.cell
def _(drawing, explore, model, notebook, partial, run):
    notebook.react(partial(explore.draw_reading, model, dataset=run.settings.dataset), drawing=drawing)
    return


@app.cell
def _(drawing, explore, model, notebook, partial):
    notebook.react(partial(explore.draw_maps, model), drawing=drawing)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Draw a 7 with and without its bar, a 4 open and closed, a digit in a corner. When does the network
    go wrong, and what had it never seen? (It has learnt from small scans; trained on MNIST, with `--degrees 20`, it
    reads drawings better.)

    ## A playground in the plane

    After ConvNetJS's demo. A tiny network separates two kinds of points. Left: what it decides where. Right: the
    same points and grid as its last hidden layer sees them, with the straight line that is all the last layer can
    draw. The layers before it must bend the plane until that line is enough.
    """)
    return


@app.cell
def _(notebook):
    shape = notebook.choice("points", ["circle", "spiral", "moons", "random"])
    activation = notebook.choice("activation", ["tanh", "relu", "sigmoid", "none"])
    hidden = notebook.slider("units of a layer", 1, 16, 6)
    layers = notebook.slider("hidden layers", 1, 3)
    noise = notebook.slider("noise", 0.0, 0.5, 0.1, 0.05)
    steps = notebook.slider("gradient steps", 0, 800, 400, 50)
    notebook.column(notebook.row(shape, activation), notebook.row(hidden, layers), notebook.row(noise, steps))
    return activation, hidden, layers, noise, shape, steps


@app.cell
def _(
    Playground,
    activation,
    draw_playground,
    hidden,
    layers,
    noise,
    notebook,
    shape,
    steps,
):
    notebook.react(
        lambda **chosen: draw_playground(Playground(**chosen)),
        shape=shape,
        activation=activation,
        hidden=hidden,
        layers=layers,
        noise=noise,
        steps=steps,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** How few units are enough for the circle? Why does activation *none* fail on it with any number of
    units and layers? What does the network do with *random* points, and would it be right on new ones?
    <details><summary>Answer</summary>
    Three: a triangle encloses the disc. Without an activation all layers together are one linear map, and its
    border is a straight line. Random points can only be learnt by heart; of new ones half would be right.
    </details>
    """)
    return


if __name__ == "__main__":
    app.run()
