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
    # Generative adversarial networks

    The notebook of `gan.jl`: a generator draws digits, a discriminator tells them from real ones, and each learns
    from the other. Then what only a notebook can do: a walk through the noise, and a quiz in which you are the
    discriminator.

    Where a control has a figure below it, the figure follows the control. Training waits for its button. In Jupyter it
    waits for its cell to be run; after each training, and after another number of the quiz, run all cells below.
    """)
    return


@app.cell
def _():
    import math

    import torch

    from common import notebook
    from common.layers import describe_layers, layer_table, plot_layers
    from labs.gan import (
        HyperParams,
        build_model,
        discriminator_loss,
        explore,
        generate,
        generator_loss,
        get_data,
        noise,
        pictures,
        quiz,
        train,
    )
    from labs.gan.gan import dcgan
    from labs.gan.judge import ask, assess, describe_scores, get_judge

    notebook.work_in_suite()
    return (
        HyperParams,
        ask,
        assess,
        build_model,
        dcgan,
        describe_layers,
        describe_scores,
        discriminator_loss,
        explore,
        generate,
        generator_loss,
        get_data,
        get_judge,
        layer_table,
        math,
        noise,
        notebook,
        pictures,
        plot_layers,
        quiz,
        torch,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Real images

    Julia's "real" images are `rand(Float32, …)`, noise: MNIST is never loaded, and there is nothing to learn. Here
    they are handwritten digits, scaled to [−1, 1], the range of the generator's tanh. No labels: nobody tells the
    networks what a 3 is. **Look for** what all of them have in common; the generator will learn that first.
    """)
    return


@app.cell
def _(HyperParams, get_data, notebook, pictures, torch):
    args = HyperParams(dataset="digits", model="dcgan")
    data = get_data(args, torch.device("cpu"))
    notebook.show(
        pictures.plot_sheet(data.images.X_train[:32], 16, inches=9),
        f"what the networks see has pixels from {data.train.min():.0f} to {data.train.max():.0f}",
    )
    return args, data


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Generator and discriminator

    The generator turns noise z into an image, the discriminator an image into a logit: how sure it is that the
    image is real. `gan.jl`'s networks are dense (`HyperParams(model="course")`, 236 688 and 233 985 parameters);
    here are the convolutional ones, which learn faster. **Look for** the two being each other's mirror image.
    """)
    return


@app.cell
def _(dcgan, notebook):
    notebook.source(dcgan)
    return


@app.cell
def _(args, build_model, layer_table, noise, notebook, plot_layers):
    network = build_model(args).eval()
    generator, discriminator = network["generator"], network["discriminator"]
    z = noise(16, args.latent_dim, seed=0)
    X = generator(z)
    drawing, judging = layer_table(generator, z), layer_table(discriminator, X)
    notebook.show(
        plot_layers(drawing, "generator"),
        plot_layers(judging, "discriminator"),
    )
    return X, discriminator, drawing, generator, judging, z


@app.cell
def _(describe_layers, drawing, judging, notebook):
    notebook.show(f"generator\n{describe_layers(drawing)}\n\ndiscriminator\n{describe_layers(judging)}")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Before training

    **Look for** anything but dirt. The losses are those of players who can only guess: ln 4 for D, ln 2 for G.
    """)
    return


@app.cell
def _(
    X,
    data,
    discriminator,
    discriminator_loss,
    generate,
    generator,
    generator_loss,
    math,
    notebook,
    pictures,
    z,
):
    logits = discriminator(data.train[:16]), discriminator(X)
    notebook.show(
        pictures.plot_sheet(generate(generator, z), 16, inches=9),
        f"L_D = {discriminator_loss(*logits):.3f}, ln 4 = {math.log(4):.3f}\n"
        f"L_G = {generator_loss(logits[1]):.3f}, ln 2 = {math.log(2):.3f}",
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** At the end of an ideal game the losses are ln 4 and ln 2 again. How can you tell the end from the
    beginning?

    <details><summary>Answer</summary>

    Not by the losses: they say how well one player does against the other. Look at the samples, or let a third
    network judge them.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    There is no test accuracy. So a **judge**, a small classifier that has been trained on real images, looks at
    samples: how many of the ten classes are there (coverage), how far are they from real images (Fréchet distance)?
    It says of real test images, and of the dirt above (**look for** a number that flatters the dirt):
    """)
    return


@app.cell
def _(
    args,
    ask,
    assess,
    data,
    describe_scores,
    generate,
    generator,
    get_judge,
    noise,
    notebook,
    torch,
):
    judge = get_judge(data.images, args.data_dir, torch.device("cpu"), quiet=True)
    real, dirt = ask(judge, data.images.X_test), ask(judge, generate(generator, noise(1000, args.latent_dim, seed=0)))
    reference = ask(judge, data.images.X_train)
    scores = {"real test images": assess(real, reference), "dirt": assess(dirt, reference)}
    notebook.show(
        f"right on {(real.classes == data.images.y_test).float().mean():.1%} of the real test images",
        describe_scores(scores),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Dirt covers several classes, says the judge. Which of the numbers is not fooled?

    <details><summary>Answer</summary>

    The Fréchet distance: 0.25 for real test images, near 50 for dirt. A classifier must choose one of ten classes,
    even for dirt, though it is not sure (confidence). Coverage says something only of samples that look like
    digits.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Which loss for the generator?

    D says D(G(z)) of a fake. G may minimise ln(1 − D), as the theory has it, or −ln D, as everybody does. The third
    is `gan.jl`'s: `logitbinarycrossentropy(1, σ.(disc(…)))`, a σ too many. **Look for** the push, on the right,
    when D(G(z)) is small: that is where every training begins, for D finds bad fakes at once.
    """)
    return


@app.cell
def _(notebook):
    d_of_fake = notebook.slider("D(G(z))", 0.01, 0.99, 0.05, 0.01, live=True)
    d_of_fake
    return (d_of_fake,)


@app.cell
def _(d_of_fake, explore, notebook):
    notebook.react(explore.draw_generator_losses, d=d_of_fake)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** At D(G(z)) = 0.05, how much harder does −ln D push than the other two?

    <details><summary>Answer</summary>

    0.95 against 0.05, and against 0.023. ln(1 − D) *saturates*: the surer D is, the less G learns. Julia's double σ
    is worse: it never pushes harder than 0.1, and its loss stays between 0.313 and 0.693 whatever happens.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The best discriminator

    One dimension, real data N(0, 1). Move the fakes. No discriminator can do better than D\*(x) = p(x)/(p(x) +
    q(x)). **Look for** D\* where both densities are equal, and for its shape when the fakes are right.
    """)
    return


@app.cell
def _(notebook):
    mean = notebook.slider("mean of the fakes", -4.0, 4.0, 2.0, 0.1, live=True)
    std = notebook.slider("standard deviation of the fakes", 0.2, 2.0, 0.5, 0.1, live=True)
    notebook.row(mean, std)
    return mean, std


@app.cell
def _(explore, mean, notebook, std):
    notebook.react(explore.draw_best_discriminator, mean=mean, std=std)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Set mean 0 and standard deviation 1. What are D\* and L_D? Then mean 0 and standard deviation 0.3:
    where does D\* send the generator?

    <details><summary>Answer</summary>

    ½ everywhere and ln 4 = 1.386: nobody can tell. With 0.3 the best D is below ½ in the middle and near 1 on both
    sides: the generator is pushed apart, until it is as wide as the data. (The lab's gan_1d plays the slides' 1-D
    game, with a D that is too simple to see the width.)

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train

    Each step has two updates: D learns to tell real from fake, then G learns to be taken for real. Julia does 16
    steps of one image each; here an epoch goes through the chosen images 20 times (MNIST: once), in batches of 32.

    The settings are for a few seconds: 150 images, 3 epochs, large rates. (With MNIST take 10 000 images, or there
    are only a handful of steps.) `python -m labs.gan --model dcgan` takes all images, 12 epochs and smaller rates.
    *task4* is the lab manual's network, *course* is Julia's; they need many more epochs. Everything that the training
    depends on is in the form: nothing starts before its button is pressed. Here is the code; the two updates are in
    `step`.
    """)
    return


@app.cell
def _(discriminator_loss, generator_loss, notebook, train):
    notebook.source(discriminator_loss, generator_loss, train)
    return


@app.cell
def _(notebook):
    settings = notebook.form(
        "Train",
        dataset=notebook.choice("data", ["digits", "mnist"]),
        model=notebook.choice("networks", ["dcgan", "task4", "course"]),
        limit=notebook.slider("images", 50, 10_000, 150, 50),
        epochs=notebook.slider("epochs", 1, 30, 3),
        lr=notebook.slider("η of the generator", 0.0002, 0.005, 0.004, 0.0002),
        discriminator_lr=notebook.slider("η of the discriminator", 0.0002, 0.005, 0.001, 0.0002),
    )
    settings
    return (settings,)


@app.cell
def _(notebook, settings, train):
    trained = notebook.trained(train, settings, batch_size=32, sample_every=1)
    return (trained,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What happened

    The same noise before the training and after each epoch; the animation rests at the end. **Look for** what comes
    first: strokes in the middle, or single digits? Does a picture change its digit late?
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "training.gif")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Losses, what D says of real and fake images, and what the judge says of the samples. **Look for** the curve that
    tells you when the samples get better.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "training.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** L_D comes near ln 4, as in guessing. Has D got worse?

    <details><summary>Answer</summary>

    No: the fakes have got better. Either loss is measured against the other player. Only the lower panels, where a
    network that does not play judges the samples, say how good they are.

    </details>

    The samples by class, as the judge sees them. **Look for** a class that is missing, and for a row of pictures
    that are all alike: *mode collapse*.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "classes.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Train *course* with 5 epochs and Julia's rates, 0.001 and 0.0002. How many classes are there?

    <details><summary>Answer</summary>

    One (with the small digits; on MNIST it ends on 2 of 10): it collapses. G has found something that D takes for
    real, and repeats it.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Sixteen images

    Julia's last figure: a grid of 4×4, titles 1…16. **Look for** the best one, and for the one that is nothing.
    """)
    return


@app.cell
def _(generate, noise, notebook, pictures, trained):
    notebook.after(
        trained,
        lambda model, run: pictures.plot_sheet(
            generate(model["generator"], noise(16, run.settings.latent_dim, seed=0)), 4, numbered=True
        ),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Save, load, compare

    The run has saved both networks. Read back, the generator draws the same to the last bit.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.describe_saved)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A walk through the noise

    From one noise vector to another; the line shows where you are. Above on the arc between the two, below on the
    straight line. **Look for** a jump: is there one?
    """)
    return


@app.cell
def _(notebook):
    start = notebook.slider("noise at t = 0", 0, 50, 5)
    end = notebook.slider("noise at t = 1", 0, 50, 49)
    t = notebook.slider("t", 0.0, 1.0, 0.5, 0.01, live=True)
    notebook.column(start, end, t)
    return end, start, t


@app.cell
def _(end, explore, notebook, start, t, trained):
    notebook.after(
        trained,
        lambda model, run, **where: explore.draw_walk(model["generator"], run.settings.latent_dim, **where),
        start=start,
        end=end,
        t=t,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** What would you see if the generator had learned its training images by heart? And what is wrong
    with the middle of the straight line?

    <details><summary>Answer</summary>

    It would show one training image, jump, show the next. In 100 dimensions noise has a length of about 10,
    whatever is drawn; the middle of the straight line has about 7, a place where the generator has never been.
    Often the picture there is fainter. The arc keeps the length.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Real or generated? The quiz

    whichfaceisreal.com for digits: sixteen pictures, eight are real images that neither network has seen, eight are
    drawn by your generator. **Click on the generated ones**: you have eight clicks, and see at once whether you were
    right. **Look for** strokes that break off, specks, edges that are too hard.
    """)
    return


@app.cell
def _(notebook):
    number = notebook.slider("quiz number", 1, 100)
    number
    return (number,)


@app.cell
def _(notebook, number, quiz, trained):
    game = None if trained is None else quiz.new_game(trained[1].path, notebook.read(number))
    clicked = None if game is None else notebook.pick(game.picture(), rows=2, columns=8, width=720)
    clicked
    return clicked, game


@app.cell
def _(clicked, game, notebook, quiz):
    notebook.after(game, quiz.Game.play, place=clicked)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** By what did you tell them? Are you better than the discriminator, and why does it not say 0 and 1?

    <details><summary>Answer</summary>

    After so short a training by the broken strokes: you know what a digit is, D has only met 150 of them. Its
    values near ½ say that it is not far ahead of G; a D at 0 and 1 would leave G nothing to learn from (the losses
    above). Train longer, with all images, and do the quiz again.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where to go on

    `README.md` of this lab has the manual's Task № 4 as commands, what was measured on MNIST, and exercises with
    answers.

    ```
    python -m labs.gan --model dcgan    # all images: a harder quiz
    python -m labs.gan.quiz --number 7  # the quiz, to print
    python -m labs.gan.evaluate         # 10 000 samples, judged
    python -m labs.gan.gan_1d           # the slides' exercise
    python -m labs.gan.gan_2d           # the exam's
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
