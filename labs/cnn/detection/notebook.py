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
    # Detection: where is what?

    A network that classifies says *which* digit an image shows. A detector says which digits there are and *where*:
    a box, a name and a score for each. Here every piece of one is under your hands: the overlap of two boxes, scenes
    without end, the grid, training, non-maximum suppression, the measure.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.cnn.detection import average_precision, boxes, detection, explore, grid
    from labs.cnn.detection.timeline import draw_timeline

    notebook.work_in_suite()
    return (
        average_precision,
        boxes,
        detection,
        draw_timeline,
        explore,
        grid,
        notebook,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Two boxes

    When is a box right? When it overlaps the true one well: the area that both cover, divided by the area that at
    least one covers. That is the *intersection over union*, IoU, from 0 to 1. **Move your box** onto the fixed one.
    """)
    return


@app.cell
def _(notebook):
    x = notebook.slider("left edge", 0, 60, 12, live=True)
    y = notebook.slider("upper edge", 0, 60, 16, live=True)
    width = notebook.slider("width", 4, 36, 36, live=True)
    height = notebook.slider("height", 4, 36, 36, live=True)
    notebook.column(notebook.row(x, y), notebook.row(width, height))
    return height, width, x, y


@app.cell
def _(explore, height, notebook, width, x, y):
    notebook.react(explore.draw_two_boxes, x=x, y=y, width=width, height=height)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Both boxes are 36 pixels a side. How far may yours be to the right of the fixed one until the IoU is
    below 0.5? And how small may it be, if it lies inside?
    <details><summary>Answer</summary>
    Moved by d, they share 36 (36 − d) pixels of 36 (36 + d): IoU = (36 − d)/(36 + d) ≥ 0.5 as long as d ≤ 12, a third
    of the side. Inside, the IoU is the ratio of the areas: half the area, or 25 pixels a side (25²/36² = 0.48 is just
    too small, 26 is enough).
    </details>

    ## Scenes without end

    Digits of the test part, scattered, scaled, stretched, brighter and darker. Each scene comes with its boxes: nobody
    had to draw them. **Move the number** for other scenes, and let the digits overlap more.
    """)
    return


@app.cell
def _(notebook):
    dataset = notebook.choice("data", ["digits", "mnist"])
    number = notebook.slider("number of the scenes", 0, 50)
    digits = notebook.slider("most digits in a scene", 1, 12, 6)
    overlap = notebook.slider("how much of a digit may be covered", 0.0, 1.0, 0.3, 0.1)
    notebook.column(notebook.row(dataset, number), notebook.row(digits, overlap))
    return dataset, digits, number, overlap


@app.cell
def _(dataset, digits, explore, notebook, number, overlap):
    notebook.react(explore.draw_new_scenes, dataset=dataset, number=number, digits=digits, overlap=overlap)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Cells and anchors

    The network's last map has a place for each cell of the picture. The cell in which a box's centre lies answers for
    it. What it says are four numbers: where in the cell the centre is, and how much the *anchor*, a typical shape,
    must be stretched. This is the code that asks for them.
    """)
    return


@app.cell
def _(grid, notebook):
    notebook.source(grid.assign, grid.decode)
    return


@app.cell
def _(notebook):
    scene = notebook.slider("number of the scene", 0, 50, 3)
    cell = notebook.slider("side of a cell, pixels", 8, 16, 8, 8)
    anchors = notebook.slider("anchors", 1, 5, 3)
    notebook.row(scene, cell, anchors)
    return anchors, cell, scene


@app.cell
def _(anchors, cell, dataset, explore, notebook, scene):
    notebook.react(explore.draw_grid, dataset=dataset, number=scene, cell=cell, anchors=anchors)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** What does t_w = 0 mean, and what t_w = 0.69? What happens to two digits whose centres lie in one
    cell?
    <details><summary>Answer</summary>
    The box is as wide as its anchor; twice as wide (e^0.69 = 2). Two digits in one cell are fine as long as they have
    different anchors; with the same one both pull at one answer, and one of them is lost at best. Larger cells make
    that more frequent.
    </details>

    ## Train

    The loss has three parts: the boxes, whether there is an object, and which one it is. Four epochs take about a
    minute on a quiet core and find most digits; the sheet's numbers are from fifteen.
    """)
    return


@app.cell
def _(detection, notebook):
    notebook.source(detection.score)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train",
        dataset=notebook.choice("data", ["digits", "mnist"]),
        epochs=notebook.slider("epochs", 1, 15, 4),
        scenes=notebook.slider("scenes an epoch", 100, 4000, 2000, 100),
    )
    form
    return (form,)


@app.cell
def _(detection, form, notebook):
    trained = notebook.trained(detection.train, form)
    return (trained,)


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/learning.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which of the three parts falls first, and which last? Why?
    <details><summary>Answer</summary>
    Box and object fall within the first epoch: that there is ink, and how far it reaches, shows in a few pixels. To
    tell a 3 from an 8 takes many more examples: the class comes last.
    </details>

    ## What it finds

    Scenes of digits that it has never seen. **Move the threshold**: a low one finds more, right and wrong.
    """)
    return


@app.cell
def _(notebook):
    unseen = notebook.slider("number of the scenes", 0, 50, 1)
    threshold = notebook.slider("score from which a box is told", 0.05, 0.95, 0.5, 0.05)
    notebook.row(unseen, threshold)
    return threshold, unseen


@app.cell
def _(explore, notebook, threshold, trained, unseen):
    notebook.after(trained, explore.draw_found, number=unseen, threshold=threshold)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Non-maximum suppression

    Several cells see the same digit, and each draws a box. The surest stays, those of its class that overlap it by
    more than the threshold go.
    """)
    return


@app.cell
def _(boxes, notebook):
    notebook.source(boxes.nms)
    return


@app.cell
def _(notebook):
    crowded = notebook.slider("number of the scene", 0, 50, 3)
    faint = notebook.slider("score from which a box is told", 0.05, 0.95, 0.15, 0.05)
    limit = notebook.slider("IoU above which the fainter one goes", 0.0, 1.0, 0.5, 0.05)
    notebook.column(notebook.row(crowded, faint), limit)
    return crowded, faint, limit


@app.cell
def _(crowded, explore, faint, limit, notebook, trained):
    notebook.after(trained, explore.draw_suppression, number=crowded, threshold=faint, overlap=limit)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** What goes wrong with a threshold of 1, and what with 0?
    <details><summary>Answer</summary>
    With 1 nothing is suppressed: a digit has several boxes, and all but one count as false alarms. With 0 two digits of
    the same class whose boxes touch become one, and the fainter is missed.
    </details>

    ## How good is it?

    For each class all detections of the test scenes, the surest first: precision is the share of right ones so far,
    recall the share of the digits that were found so far. The area under the curve is the *average precision*.
    """)
    return


@app.cell
def _(average_precision, notebook):
    notebook.source(average_precision.match, average_precision.Curve)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/precision_recall.png")
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/mistakes.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Does a box with the right place and the wrong name cost recall, precision, or both?
    <details><summary>Answer</summary>
    Both, in two classes: it is a false alarm of the class that it names, and a missed digit of the class that is there.
    </details>

    ## A picture of your own

    Several digits on paper, photographed. **Move the side** until the digits are 12 to 36 pixels high: only those the
    network knows.
    """)
    return


@app.cell
def _(notebook):
    own = notebook.upload("a picture with digits; without one: a sheet of the lab's")
    side = notebook.slider("longer side, pixels", 48, 256, 96, 8)
    sure = notebook.slider("score from which a box is told", 0.05, 0.95, 0.5, 0.05)
    notebook.column(own, notebook.row(side, sure))
    return own, side, sure


@app.cell
def _(explore, notebook, own, side, sure, trained):
    notebook.after(trained, explore.draw_own, file=own, side=side, threshold=sure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How detection came here

    Fewer and fewer parts that are not learnt: first the window's features, then the proposals, then the anchors, at
    last the suppression.
    """)
    return


@app.cell
def _(draw_timeline, notebook):
    notebook.show(draw_timeline())
    return


if __name__ == "__main__":
    app.run()
