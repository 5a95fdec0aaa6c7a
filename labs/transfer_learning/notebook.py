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
    # Transfer learning

    The notebook of `transfer-learning-cifar.jl`. There a ResNet-18 that has learnt ImageNet's thousand classes
    is taught the ten of CIFAR-10. Here the same steps are gone through with a pair of tasks that needs no
    download: a small residual network has learnt to read **drawn letters and digits**, and is taught **real
    handwritten digits** from a few examples of each. With a network, `python -m labs.transfer_learning` is the
    course's pair.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run).
    """)
    return


@app.cell
def _():
    import torch

    from common import notebook, plots
    from labs.transfer_learning import (
        HyperParams,
        build_model,
        explore,
        get_data,
        labels_per_class,
        load_run,
        predict,
        resolve,
        train,
    )
    from labs.transfer_learning.pretrained_network import layer_table

    notebook.work_in_suite()
    return (
        HyperParams,
        build_model,
        explore,
        get_data,
        labels_per_class,
        layer_table,
        load_run,
        notebook,
        plots,
        predict,
        resolve,
        torch,
        train,
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

    Real digits, written by hand and scanned. A row per class, twelve of each.
    """)
    return


@app.cell
def _(HyperParams, get_data, resolve, torch):
    settings = resolve(HyperParams(dataset="digits", backbone="characters", train_images=0, offline=True))
    data = get_data(settings, torch.device("cpu"))
    X, y = data.train
    print(tuple(X.shape), X.dtype)
    return X, data, settings, y


@app.cell
def _(X, data, notebook, plots, y):
    notebook.show(plots.plot_samples(X.float() / 255, y, data.classes))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** How do these differ from the drawings above, and what have they in common?

    ## Preparation and augmentation

    The backbone must see images as it has learnt them: in its size, with three channels, on its scale.
    `model.prepare` does that; it is part of the network, so that training and prediction cannot differ (in the
    Julia file they do: one divides by 255 once more than the other).

    **Augmentation** shows the network the same image in other ways. The first row is as scanned, the three
    below are drawn at random within what the sliders allow.
    """)
    return


@app.cell
def _(notebook):
    degrees = notebook.slider("turned by up to … degrees", 0, 90, 10)
    zoom = notebook.slider("scaled by up to", 0.0, 0.5, 0.1, 0.05)
    brightness = notebook.slider("brighter or darker by up to", 0.0, 0.9, 0.2, 0.1)
    notebook.column(degrees, zoom, brightness)
    return brightness, degrees, zoom


@app.cell
def _(X, brightness, degrees, explore, notebook, zoom):
    notebook.react(
        lambda **changes: explore.draw_augmented(X[:12], **changes), degrees=degrees, zoom=zoom, brightness=brightness
    )
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
    which is frozen.
    """)
    return


@app.cell
def _(build_model, data, layer_table, notebook, settings):
    untrained = build_model(settings, len(data.classes))
    notebook.show(layer_table(untrained))
    return (untrained,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What becomes of eight images on their way: prepared, then features, then logits.
    """)
    return


@app.cell
def _(X, untrained):
    prepared = untrained.prepare(X[:8])
    features = untrained.backbone(prepared)
    print(*(tuple(step.shape) for step in (X[:8], prepared, features, untrained.head(features))), sep=" → ")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Before training the head guesses: about one in ten is right.
    """)
    return


@app.cell
def _(data, predict, untrained):
    (predict(untrained, data.test[0]).argmax(dim=1) == data.test[1]).float().mean().item()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train

    Five examples of each digit, as the command does it. `feature_extraction` trains the head alone,
    `fine_tuning` everything, `from_scratch` too, but from random weights. Julia: `train(epochs=8, η=3f-3)`.
    """)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train",
        strategy=notebook.choice("strategy", ["feature_extraction", "fine_tuning", "from_scratch"]),
        train_images=notebook.slider("training images", 10, 500, 50, 10),
        epochs=notebook.slider("epochs", 1, 100, 30),
        lr=notebook.slider("learning rate of the head", 0.001, 0.02, step=0.001),
    )
    form
    return (form,)


@app.cell
def _(form, notebook, train):
    chosen = {"dataset": "digits", "backbone": "characters", "baseline": False, "offline": True}
    model, run = train(**chosen, **notebook.submitted(form))
    return model, run


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Curves

    **Look for** the distance between training and test, and for what the test loss does at the end.
    """)
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/curves.png")
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

    The confusion matrix (only mistakes are coloured), then sixteen test images with what the network makes of
    them.
    """)
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/confusion.png")
    return


@app.cell
def _(notebook, run):
    notebook.show(run.path / "figures/predictions.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which two digits are confused most often? Would you have confused them?

    ## Save, load, compare

    The run's directory holds the weights with all that is needed to build the network again.
    """)
    return


@app.cell
def _(data, load_run, model, predict, run, torch):
    loaded = load_run(run.path)
    same = torch.equal(predict(loaded.model, data.test[0]), predict(model, data.test[0]))
    print(*loaded.about["classes"], same)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How many labels is pretraining worth?

    The images of one draw, and what a head learns from just these on frozen features. The comparison is the
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
def _(data, draw, explore, labels, notebook):
    notebook.react(lambda labels, draw: explore.draw_few_labels(data, labels, draw), labels=labels, draw=draw)
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
    _, curve = labels_per_class.sweep(labels=(1, 5, 20), quiet=True, **notebook.submitted(sweep_form))
    notebook.show(curve.path / "figures/labels_per_class.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where do the curves meet, and what does that say about when pretraining is worth the trouble?
    <details><summary>Answer</summary>
    To the right: with enough labels of its own a network learns the task from scratch. Pretraining pays where
    labels are dear.
    </details>

    ## Where does it look?

    Grad-CAM: which places of the image spoke for the class. Without a picture of your own, a digit of the test
    set.
    """)
    return


@app.cell
def _(notebook):
    picture = notebook.upload("a picture of your own")
    example = notebook.slider("or test image", 0, 99)
    notebook.row(picture, example)
    return example, picture


@app.cell
def _(data, example, explore, model, notebook, picture):
    notebook.react(
        lambda picture, example: explore.draw_heat(model, data, picture, example), picture=picture, example=example
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Find a digit whose two likeliest classes are looked for in different places. What does the
    network see there?

    With pictures in colour, and a backbone that has learnt from photographs, the heat lies on the object:
    `python -m labs.transfer_learning.grad_cam PICTURE`.
    """)
    return


if __name__ == "__main__":
    app.run()
