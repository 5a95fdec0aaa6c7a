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
    # Transfer learning

    The notebook of `transfer-learning-cifar.jl`. There a ResNet-18 that has learnt ImageNet's thousand classes
    is taught the ten of CIFAR-10. Here the same steps are gone through with a pair of tasks that needs no
    download: a small residual network has learnt to read **drawn letters and digits**, and is taught **real
    handwritten digits** from a few examples of each. Other data sets, photographs of your own and other networks
    can be chosen; ImageNet's weights are fetched when they are needed.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after another choice or another training, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.transfer_learning import explore, labels_per_class
    from labs.transfer_learning.pretrained_network import Network, build_model
    from labs.transfer_learning.transfer_learning import learn, score

    notebook.work_in_suite()
    return (
        Network,
        build_model,
        explore,
        labels_per_class,
        learn,
        notebook,
        score,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The old task

    What the backbone has learnt from: 62 characters in the fonts that come with matplotlib, in any colours,
    turned, shifted, with noise. No two are alike, for they are drawn as needed. **Look for** characters that
    you could not tell apart either.
    """)
    return


@app.cell
def _(notebook):
    other = notebook.slider("other drawings", 0, 100)
    other
    return (other,)


@app.cell
def _(explore, notebook, other):
    notebook.react(explore.draw_characters, seed=other)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which of these variations will the new task not have? Do they hurt?

    <details><summary>Answer</summary>

    Colours, for one: scanned digits are white on black. They do not hurt. A backbone that must read letters in
    any colour learns to look at shapes, and that is what is wanted of it.

    </details>

    ## The new task: look at an image

    A data set and a backbone. `digits` comes with the labs, and so do the backbones `characters` (residual) and
    `characters_mobile` (separable convolutions). `photographs` are your own: `FOLDER/<class>/*.jpg`. The other
    backbones have learnt from ImageNet. **Look for** what the images of a class have in common.
    """)
    return


@app.cell
def _(explore, notebook):
    dataset = notebook.choice("data set", explore.DATASETS)
    folder = notebook.text("folder of photographs")
    backbone = notebook.choice("backbone", explore.BACKBONES)
    notebook.column(dataset, folder, backbone)
    return backbone, dataset, folder


@app.cell
def _(backbone, dataset, explore, folder, notebook):
    pair = notebook.attempt(
        explore.open_pair,
        dataset=notebook.read(dataset),
        folder=notebook.read(folder),
        backbone=notebook.read(backbone),
    )
    return (pair,)


@app.cell
def _(explore, notebook, pair):
    notebook.after(pair, explore.draw_samples)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** How do the handwritten digits differ from the drawings above, and what have they in common?

    <details><summary>Answer</summary>

    They are white on black, without noise, upright, and no two hands write alike, where a font writes the same
    letter each time. In common they have the strokes: ends, corners, loops, crossings. These are what the features
    are about.

    </details>

    ## Preparation and augmentation

    The backbone must see images as it has learnt them: in its size, with three channels, on its scale.
    `model.prepare` does that; it is part of the network, so that training and prediction cannot differ (in the
    Julia file they do: one divides by 255 once more than the other).

    **Augmentation** shows the network the same image in other ways. The first row is as it is, the three
    below are drawn at random within what the sliders allow.
    """)
    return


@app.cell
def _(notebook):
    degrees = notebook.slider("turned by up to … degrees", 0, 90, 10, live=True)
    zoom = notebook.slider("scaled by up to", 0.0, 0.5, 0.1, 0.05, live=True)
    brightness = notebook.slider("brighter or darker by up to", 0.0, 0.9, 0.2, 0.1, live=True)
    notebook.column(degrees, zoom, brightness)
    return brightness, degrees, zoom


@app.cell
def _(brightness, degrees, explore, notebook, pair, zoom):
    notebook.after(pair, explore.draw_augmented, degrees=degrees, zoom=zoom, brightness=brightness)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** From how many degrees on does turning harm instead of help?

    <details><summary>Answer</summary>

    Somewhere before 90: a 6 turned far enough is a 9, and then the label is wrong.

    </details>

    ## The network: a frozen backbone and a new head

    Julia: `Chain(ResNet(18; pretrain=true).layers[1:end-1], Dense(512, 256, relu), Dense(256, 10))`. The last
    layer, which knew the old classes, is cut off; a new head is put on. The table says which block learns and
    which is frozen; then come the shapes of eight images on their way, and what the untrained head is worth.
    """)
    return


@app.cell
def _(explore, notebook, pair):
    notebook.after(pair, explore.describe_network)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The code of the network and of a step, as the lab has it. **Look for** the line that keeps the frozen part
    in eval mode, and for where the gradient stops.
    """)
    return


@app.cell
def _(Network, build_model, notebook):
    notebook.source(Network, build_model)
    return


@app.cell
def _(learn, notebook, score):
    notebook.source(score, learn)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Before training about one image in ten is right, and the loss is about 2.3. Why just that?

    <details><summary>Answer</summary>

    The head guesses among ten classes: ln 10 = 2.30. Were the loss far above, the features would be too large for
    a fresh head, and it would be sure of nonsense.

    </details>

    ## Train

    The course's strategies: `feature_extraction` trains the head alone; `fine_tuning` everything, the backbone at
    a lower rate; `initialisation` takes the pretrained weights as the start of a new model, all of it at one rate.
    `from_scratch` is the control: random weights. Julia: `train(epochs=8, η=3f-3)`.
    """)
    return


@app.cell
def _(explore, notebook, pair):
    form = notebook.form(
        explore.name_button(pair),
        strategy=notebook.choice("strategy", ["feature_extraction", "fine_tuning", "initialisation", "from_scratch"]),
        train_images=notebook.slider("training images", 10, 500, 50, 10),
        epochs=notebook.slider("epochs", 1, 100, 30),
        lr=notebook.slider("learning rate of the head", 0.001, 0.02, step=0.001),
    )
    form
    return (form,)


@app.cell
def _(explore, form, notebook, pair):
    trained = notebook.trained(explore.train_pair, form, pair=pair)
    return (trained,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Curves

    **Look for** the distance between training and test, and for what the test loss does at the end.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.figure("curves"))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Train once more with `from_scratch`. What differs in the curves, and why?

    <details><summary>Answer</summary>

    The training loss falls to nearly 0 in both, but from scratch the test accuracy ends lower: the whole
    network can learn fifty images by heart, the head on fixed features cannot go so far astray.

    </details>

    ## Mistakes

    The confusion matrix, then sixteen test images with what the network makes of them.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.figure("confusion"))
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.figure("predictions"))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which two digits are confused most often? Would you have confused them?

    <details><summary>Answer</summary>

    It depends on the fifty images; the largest number beside the diagonal says it. With `characters`, 50 images and
    60 epochs a 9 taken for a 3 leads with four of the seeds 0 to 4, and a 1 taken for a 2, or an 8 for a 9, with the
    other one. Look at `figures/confused_pairs.png` of the run: some of these images
    you would not have read either.

    </details>

    ## Save, load, compare

    The run's directory holds the weights with all that is needed to build the network again.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.reopen)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where does it look?

    Grad-CAM: which places of the image spoke for the likeliest class, and which for the second. Click a test image,
    or give a picture of your own.
    """)
    return


@app.cell
def _(explore, notebook, pair):
    place = notebook.pick(explore.test_mosaic(pair), explore.ROWS, explore.COLUMNS)
    place
    return (place,)


@app.cell
def _(notebook):
    picture = notebook.upload("a picture of your own")
    picture
    return (picture,)


@app.cell
def _(explore, notebook, picture, place, trained):
    notebook.after(trained, explore.draw_heat, picture=picture, place=place)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Find a digit whose two likeliest classes are looked for in different places. What does the
    network see there?

    <details><summary>Answer</summary>

    A part that only one of the classes has. Of the 9 in the lab sheet's picture the lower edge of the loop speaks
    for a 9, and its open left side for a 3. Where both maps lie on the same place, that place speaks for either, and
    the head decides by the rest.

    </details>

    With pictures in colour, and a backbone that has learnt from photographs, the heat lies on the object:
    `python -m labs.transfer_learning.grad_cam PICTURE`.

    ## How many labels is pretraining worth?

    The digits of one draw, and what a head learns from just these on frozen features. The comparison is the
    same network with random weights, frozen as well. **Look for** how much one more label per class is worth at
    the left end and at the right.
    """)
    return


@app.cell
def _(notebook):
    labels = notebook.slider("labels per class", 1, 20, 5)
    draw = notebook.slider("draw", 0, 9)
    notebook.column(labels, draw)
    return draw, labels


@app.cell
def _(draw, explore, labels, notebook):
    notebook.react(explore.draw_few_labels, labels=labels, draw=draw)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Keep the number of labels and change the draw. How far apart are the results, and what does
    that mean for a comparison of two methods on one draw?

    <details><summary>Answer</summary>

    With few labels several points. A difference smaller than that says nothing; one must repeat with other
    images, as the curve below does, and look at the spread.

    </details>

    ## The curve

    All of it at once: accuracy against labels per class for the strategies, mean and spread over the draws. The
    values below take seconds; `python -m labs.transfer_learning.labels_per_class` draws the whole curve in a
    few minutes.
    """)
    return


@app.cell
def _(notebook):
    sweep_form = notebook.form(
        "Draw the curve",
        draws=notebook.slider("draws", 1, 5, 1),
        steps=notebook.slider("gradient steps of each training", 20, 200, 40),
    )
    sweep_form
    return (sweep_form,)


@app.cell
def _(labels_per_class, notebook, sweep_form):
    curve = notebook.trained(labels_per_class.sweep, sweep_form, labels=(1, 5, 20))
    return (curve,)


@app.cell
def _(curve, explore, notebook):
    notebook.after(curve, explore.show_curve)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where do the curves meet, and what does that say about when pretraining is worth the trouble?

    <details><summary>Answer</summary>

    To the right: with enough labels of its own a network learns the task from scratch. Pretraining pays where
    labels are dear.

    </details>
    """)
    return


if __name__ == "__main__":
    app.run()
