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
    # Convolutional networks

    The notebook of `cnn.jl`: a network learns to read handwritten digits. Then what the slides send you to the web
    for: image kernels, a playground in the plane, and a digit on its way through the layers, here with a digit that
    you draw.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from common.playground import Playground, draw_playground
    from labs.cnn import cnn, explore, kernels

    notebook.work_in_suite()
    return Playground, cnn, draw_playground, explore, kernels, notebook


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What a kernel does

    Before a network learns kernels, look at some made by hand. Each pixel of the result is the sum of the pixels
    around it, weighted by the kernel's numbers. **Look for** what stays and what vanishes where the picture is all
    of one brightness.
    """)
    return


@app.cell
def _(kernels, notebook):
    picture = notebook.choice("picture", kernels.EXAMPLES)
    upload = notebook.upload("or one of your own")
    kernel = notebook.choice("kernel", list(kernels.KERNELS), "edges")
    numbers = notebook.text("or 4, 9, 16, … 49 numbers of your own (they come before the list)")
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
    The sum is what a plain area is multiplied by: 0 makes it 0 (drawn grey, for there are negative results, too),
    1 leaves it as it is. `0 0 0 0 0 1 0 0 0`: a single 1 in the middle of the right column takes each pixel from
    its right neighbour, and the picture moves to the left.
    </details>

    Now with few pixels, so that you can point at each. **Move the pointer** over the picture: below it the pixels
    under the kernel, the kernel, and the products that are added up. (In Jupyter: after another picture, run the
    cell again.)
    """)
    return


@app.cell
def _(explore, notebook, picture, upload):
    pointer = explore.point_at_picture(notebook.read(picture), notebook.read(upload))
    pointer
    return (pointer,)


@app.cell
def _(
    bias,
    explore,
    kernel,
    notebook,
    numbers,
    picture,
    pointer,
    relu,
    upload,
):
    notebook.react(
        explore.draw_products,
        picture=picture,
        file=upload,
        kernel=kernel,
        numbers=numbers,
        place=pointer,
        bias=bias,
        relu=relu,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With *sobel-vertical*, find a place with a large positive sum, one with a large negative sum and
    one near 0. What is the picture like there?
    <details><summary>Answer</summary>
    Positive where it is dark at the left and bright at the right, negative where it is the other way round, near 0
    on even ground and along horizontal edges. With ReLU only the first of the three is left: a layer needs another
    kernel for the other direction.
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
def _(dataset, explore, notebook):
    notebook.react(explore.draw_samples, dataset=dataset)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which digits could you mistake for one another? Compare with the mistakes further down.
    <details><summary>Answer</summary>
    Those that share strokes: 4 and 9, 1 and 7, 3, 5 and 8. Among these small scans 8 is the hardest: its two holes
    are closed easily, and it is then taken for a 1 or a 3.
    </details>

    ## The network, layer by layer

    Julia: `Chain(Conv((5, 5), 1 => 16, relu), MaxPool((2, 2)), …)`. What leaves each layer, and why it has that
    size: a convolution with kernel k, padding p and stride s makes ⌊(in + 2p − k)/s⌋ + 1 pixels out of in. Padding,
    stride and pooling can be changed for *task2*, the lab manual's network.
    """)
    return


@app.cell
def _(cnn, notebook):
    notebook.source(cnn.course)
    return


@app.cell
def _(notebook):
    network = notebook.choice("network", ["course", "lenet", "task2"])
    padding = notebook.choice("padding", ["valid", "same"])
    stride = notebook.slider("stride", 1, 3)
    pooling = notebook.choice("pooling", ["max", "average", "none"])
    notebook.row(network, padding, stride, pooling)
    return network, padding, pooling, stride


@app.cell
def _(explore, network, notebook, padding, pooling, stride):
    notebook.react(explore.draw_network, model=network, padding=padding, stride=stride, pooling=pooling)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which layer of the course's network has the most parameters? What would become of that number if
    the images were 56×56? And what do padding *same*, and stride 2, do to it in *task2*?
    <details><summary>Answer</summary>
    The first dense layer: 25 664 of 30 810. It has a weight for each pixel that arrives, and of an image of twice
    the side more than four times as many arrive. A convolution has the same parameters for any size: its weights
    are shared by all places. In *task2* 5×5 pixels of each map arrive at the dense layer (204 928 parameters), with
    *same* 7×7 (401 536), with stride 2 one (8 320).
    </details>

    ## Before training

    The network guesses: about one in ten is right, and the loss is close to ln 10 ≈ 2.303.
    """)
    return


@app.cell
def _(dataset, explore, notebook):
    notebook.react(explore.score_untrained, dataset=dataset)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train

    Julia: `train(epochs=8, η=3f-3)`. The small data set needs more epochs than MNIST's 8 to come as far. This is the
    code that does it; `step` is one gradient step, Flux's `withgradient` and `update!`.
    """)
    return


@app.cell
def _(cnn, notebook):
    notebook.source(cnn.score, cnn.train)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train",
        dataset=notebook.choice("data", ["digits", "mnist"]),
        model=notebook.choice("network", ["course", "lenet", "task2"]),
        epochs=notebook.slider("epochs", 1, 30, 8),
        lr=notebook.slider("learning rate η", 0.001, 0.05, 0.003, 0.001),
    )
    form
    return (form,)


@app.cell
def _(cnn, form, notebook):
    trained = notebook.trained(cnn.train, form)
    return (trained,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Curves

    **Look for** the distance between the two curves, and whether the test loss still falls at the end.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/curves.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Train with a ten times larger learning rate, 0.03. What do the curves do, and why?
    <details><summary>Answer</summary>
    They fall more slowly and jump: each step overshoots the valley that it is meant to descend into. After eight
    epochs on the digits the training loss is 0.12 to 0.16 instead of 0.07 to 0.09, and 90 to 94 % instead of 95 to
    96 % of the test images are right (seeds 0 to 2).
    </details>

    ## Predictions and mistakes

    The sixteen test images of which the network is least sure; then the confusion matrix, in which the mistakes are
    coloured by their share of the class.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/predictions.png")
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/confusion.png")
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/per_class.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Are the mistakes those you expected above? Is the network less sure where it errs?
    <details><summary>Answer</summary>
    Less sure, but not unsure: after eight epochs on the digits it gives its right answers 97 % and its wrong ones
    71 to 79 % in the mean (seeds 0 to 2). Its confidence helps to find mistakes; it is no promise.
    </details>

    ## Save, load, compare

    Julia: `@save`, `@load`. The run's directory holds the weights and what is needed to build the network again.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.compare_saved)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** On a CPU the difference is 0. Where would you expect one that is not?
    <details><summary>Answer</summary>
    If the network was trained on a GPU and is loaded on the CPU: the sums are the same, added up in another order,
    and differ in the last digits.
    </details>

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
def _(drawing, explore, notebook, trained):
    notebook.after(trained, explore.draw_reading, drawing=drawing)
    return


@app.cell
def _(drawing, explore, notebook, trained):
    notebook.after(trained, explore.draw_maps, drawing=drawing)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Draw a 7 with and without its bar, a 4 open and closed, a digit in a corner. When does the network
    go wrong, and what had it never seen?
    <details><summary>Answer</summary>
    Place and size do not matter: every drawing is cut out and centred first. Forms that the small scans lack do:
    slanted strokes, thin lines, other ways of writing 1 and 7. Trained on MNIST, or with `--degrees 20 --zoom 0.2`,
    it reads drawings better.
    </details>

    Now **click a map**, or one of the ten answers in the last row: how does it come about? (In Jupyter: after
    another drawing, run the cell again.)
    """)
    return


@app.cell
def _(drawing, explore, notebook, trained):
    tiles = explore.point_at_maps(trained, notebook.read(drawing))
    tiles
    return (tiles,)


@app.cell
def _(drawing, explore, notebook, tiles, trained):
    notebook.after(trained, explore.draw_arithmetic, drawing=drawing, place=tiles)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Click a map of the second convolution. Which maps of the layer before it does it listen to? Then
    click the answer and its strongest rival: which inputs decide between the two?
    <details><summary>Answer</summary>
    To those with a large number below their product: a second-layer kernel has a window for each input map, and only
    some of them matter. In the answer's bars look for inputs that are high in the one and low or negative in the
    other; the logits' difference d makes the odds e^d.
    </details>

    ## A playground in the plane

    After ConvNetJS's demo. A tiny network separates two kinds of points. Left: what it decides where. Middle: the
    same points and grid as its last hidden layer sees them, with the straight line that is all the last layer can
    draw; the layers before it must bend the plane until that line is enough. Right: the loss of the points that it
    learns from, and of new ones. Below: what each neuron answers where.
    """)
    return


@app.cell
def _(notebook):
    shape = notebook.choice("points", ["circle", "simple", "spiral", "moons", "random"])
    activation = notebook.choice("activation", ["tanh", "relu", "sigmoid", "none"])
    hidden = notebook.slider("units of a layer", 1, 16, 6)
    layers = notebook.slider("hidden layers", 1, 3)
    points = notebook.slider("how many points", 20, 400, 200, 10)
    noise = notebook.slider("noise", 0.0, 0.5, 0.1, 0.05)
    steps = notebook.slider("gradient steps", 0, 800, 400, 50)
    weight_decay = notebook.slider("weight decay λ", 0.0, 0.1, 0.0, 0.005)
    notebook.column(
        notebook.row(shape, activation),
        notebook.row(hidden, layers),
        notebook.row(points, noise),
        notebook.row(steps, weight_decay),
    )
    return (
        activation,
        hidden,
        layers,
        noise,
        points,
        shape,
        steps,
        weight_decay,
    )


@app.cell
def _(
    Playground,
    activation,
    draw_playground,
    hidden,
    layers,
    noise,
    notebook,
    points,
    shape,
    steps,
    weight_decay,
):
    notebook.react(
        lambda **chosen: draw_playground(Playground(**chosen)),
        shape=shape,
        activation=activation,
        hidden=hidden,
        layers=layers,
        points=points,
        noise=noise,
        steps=steps,
        weight_decay=weight_decay,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** How few units are enough for the circle? Why does activation *none* fail on it with any number of
    units and layers? What does the network do with *random* points, and is it right on new ones? What does the
    weight decay do to 30 *moons* with noise 0.5 and 16 units?
    <details><summary>Answer</summary>
    Three: a triangle encloses the disc (with two, 83 to 96 % are right; seeds 0 to 4). Without an activation all
    layers together are one linear map, and its border is a straight line. Random points can only be learnt by
    heart; of new ones half are right, and their loss rises. Without decay the new points' loss rises above 1 (in the
    mean of five seeds), with 0.01 it is half of that.
    </details>

    **Points of your own.** Paint one or more patches. 300 points are thrown on the plane: those on the paint are of
    the one kind, all others of the other. The network has the units, layers, steps and decay chosen above. Which
    shapes are hard?
    """)
    return


@app.cell
def _(notebook):
    paint = notebook.canvas("paint")
    paint
    return (paint,)


@app.cell
def _(
    activation,
    explore,
    hidden,
    layers,
    notebook,
    paint,
    steps,
    weight_decay,
):
    notebook.react(
        explore.draw_painted,
        drawing=paint,
        activation=activation,
        hidden=hidden,
        layers=layers,
        steps=steps,
        weight_decay=weight_decay,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    <details><summary>Answer</summary>
    Several patches apart, rings, and narrow tongues: each bend of the border costs units. A single convex patch
    needs three.
    </details>
    """)
    return


if __name__ == "__main__":
    app.run()
