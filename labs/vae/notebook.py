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
    # Variational autoencoders

    The notebook of `vae.jl`: images in, four numbers in the middle, images out. The first half follows Julia's
    (data, networks, loss, training), which ends there. The second half is what the lab manual's Task № 5 asks to
    look at, and what only a notebook can do: a slider on every number of the code.

    Where a control has a figure below it, the figure follows the control. Training waits for its button. In Jupyter it
    waits for its cell to be run; after each training, run all cells below.
    """)
    return


@app.cell
def _():
    import math

    import torch

    from common import notebook, plots
    from common.layers import describe_layers, layer_table
    from labs.vae import HyperParams, build_model, explore, get_data, reconstruct, score, train
    from labs.vae.autoencoder import VAE, Encoder, kl_divergence

    notebook.work_in_suite()
    return (
        Encoder,
        HyperParams,
        VAE,
        build_model,
        describe_layers,
        explore,
        get_data,
        kl_divergence,
        layer_table,
        math,
        notebook,
        plots,
        reconstruct,
        score,
        torch,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The data

    Handwritten digits, 28×28 pixels in [0, 1]. The network never sees the labels; they only sort this figure.
    **Look for** the ways to write a 1, and a 7.
    """)
    return


@app.cell
def _(HyperParams, get_data, notebook, plots, torch):
    args = HyperParams(preset="notebook", dataset="digits")
    data = get_data(args, torch.device("cpu"))
    X, y = data.test
    notebook.show(plots.plot_samples(X, y, data.images.classes))
    return X, args


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** An image has 784 numbers. Is 784 what you need to say which image it is?

    <details><summary>Answer</summary>

    Far fewer: which digit, how slanted, how wide, how thick, closed or open. Pictures of 784 pixels in random order
    are never digits. A code of four numbers can say most of it, as you will see.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One number of the code

    An autoencoder's encoder gives numbers z. A *variational* one gives a distribution for each, N(μ, σ²), and z is
    drawn from it: Julia's `z = μ + ε .* exp.(logσ)`. The price of a code is how far its distribution is from the
    prior N(0, 1):

    KL = ½(σ² + μ² − 1) − ln σ

    **Look for** the shaded area when you move μ, then σ, and on the right for what σ does to the noise on its way
    to z.
    """)
    return


@app.cell
def _(notebook):
    mu = notebook.slider("μ", -2.0, 2.0, 1.0, 0.1, live=True)
    sigma = notebook.slider("σ", 0.1, 2.0, 0.5, 0.1, live=True)
    notebook.row(mu, sigma)
    return mu, sigma


@app.cell
def _(explore, mu, notebook, sigma):
    notebook.react(explore.draw_gaussian, mu=mu, sigma=sigma)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where is the KL 0? Which costs more, σ = 0.5 or σ = 2? And why is z computed from an ε that comes
    from outside?

    <details><summary>Answer</summary>

    At μ = 0, σ = 1: then q says nothing about the image. At μ = 0 σ = 2 costs ½·3 − ln 2 = 0.807, σ = 0.5 only −⅜ +
    ln 2 = 0.318; but below that the cost rises without bound, as −ln σ. A draw from N(μ, σ²) has no derivative; μ +
    σε has: 1 by μ, ε by σ. That is the reparameterisation trick.

    </details>

    **Question.** Set μ = 1, σ = 0.5. The last line is what you get from a network that gives log σ² in a formula
    made for log σ. Would you notice it in training?

    <details><summary>Answer</summary>

    Hardly: it trains and draws digits, only with another price for σ. A test against torch.distributions notices
    it. (vae.jl has log σ, the Julia notebook and the slides log σ². Each is right by itself.)

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The networks

    Julia: `Encoder` and `Decoder`, hidden layers of 256, four latents. **Look for** the narrowest place.
    """)
    return


@app.cell
def _(X, args, build_model, describe_layers, layer_table, notebook, torch):
    network = build_model(args)
    encoding, decoding = (
        layer_table(network.encoder, X[:1]),
        layer_table(network.decoder, torch.zeros(1, args.latent_dim)),
    )
    notebook.show(
        f"encoder (the last two lie side by side: μ and log σ)\n{describe_layers(encoding)}",
        f"decoder\n{describe_layers(decoding)}",
    )
    return (network,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    This is their code: where is the noise, and what may it depend on?
    """)
    return


@app.cell
def _(Encoder, VAE, notebook):
    notebook.source(Encoder, VAE)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where does ε come from, and why does `VAE.forward` not draw it itself?

    <details><summary>Answer</summary>

    From outside, as an argument. So the same noise can be used again (each epoch's evaluation does), and the network is
    a plain function, through which the gradient goes to μ and log σ.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Before training

    Weights are random, so a pixel's probability is about ½ whatever the image: ln 2 nats for each of the 784.
    **Look for** differences between the reconstructions.
    """)
    return


@app.cell
def _(X, args, math, network, notebook, plots, reconstruct, score, torch):
    with torch.inference_mode():
        untrained = score(network, X, args)
    notebook.show(
        plots.plot_rows({"test images": X[:12], "reconstruction": reconstruct(network, X[:12])}),
        f"reconstruction {untrained['reconstruction']:.1f} nats per image; 784 · ln 2 = {784 * math.log(2):.1f}",
        f"KL {untrained['kl']:.2f} nats per image",
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The KL is nearly 0 before training. Is that good?

    <details><summary>Answer</summary>

    It is cheap, and it means that the code says nothing. In training the KL *rises*: the code learns to say
    something, and pays for it. A KL that stays at 0 is called posterior collapse.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train

    Loss = reconstruction + β · KL, in nats per image; Adam, η = 3e-3, batches of 64, as in Julia. β = 1 is the VAE.
    Julia has tanh; *relu* is the default here because after so short a training tanh leaves places in the space of
    codes where the decoder draws in white: try it. 40 epochs of the small digits are as many steps as one epoch of
    MNIST. (With `mnist`, take 5 epochs or so. `python -m labs.vae` trains as long as Julia.) All that the training
    depends on is in the form: nothing starts before its button is pressed. Here is the code of loss and step:
    """)
    return


@app.cell
def _(kl_divergence, notebook, score, train):
    notebook.source(kl_divergence, score, train)
    return


@app.cell
def _(notebook):
    settings = notebook.form(
        "Train",
        dataset=notebook.choice("data", ["digits", "mnist"]),
        epochs=notebook.slider("epochs", 1, 100, 40),
        beta=notebook.slider("β, weight of the KL", 0.0, 8.0, 1.0, 0.5),
        activation=notebook.choice("activation", ["relu", "tanh"]),
    )
    settings
    return (settings,)


@app.cell
def _(notebook, settings, train):
    trained = notebook.trained(train, settings, preset="notebook")
    return (trained,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Curves

    **Look for** the KL: it was nearly 0 before training. What does it do in the first epoch, and after the fifth?
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "curves.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which of the two terms decides −ELBO here, and what would β = 8 change?

    <details><summary>Answer</summary>

    Reconstruction: it falls from 550 nats to about 95. In the first epoch the codes rush apart, which costs; then
    the KL stays at eight or nine nats, and rises slowly as the code learns to say more. β = 8 makes every nat of KL
    cost eight: the code says less (a KL of about 3), and the images are more blurred. Train so and come back.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Reconstructions, and the worst of them

    **Look for** what is lost: the class, or the handwriting?
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "reconstructions.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The test images that cost most and least, and the same for images turned by 90°, which the network has never
    seen. A large error is a sign of an anomaly. **Look for** what the worst of the upright ones have in common.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.draw_anomalies)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The AUC below is the probability that a turned image has a larger error than an upright
    one. With the small digits it is 1.000, on MNIST 0.895 (lab sheet). What gives the turned ones away here?

    <details><summary>Answer</summary>

    The small digits all fill the height of their frame and are narrower than high; turned, they have ink where no
    training image has any. MNIST's digits lie in a square, and a turned 0, 1 or 8 may pass. There the error also
    measures how much ink there is: exercise 7 of the lab sheet.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The space of codes

    The codes μ of the test images, coloured by the label the network has never seen. Four latents do not fit on
    paper: these are the two directions of most variance. **Look for** the digits that overlap.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "latent_codes.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Nobody told the network what a 6 is. Why do the 6s lie together?

    <details><summary>Answer</summary>

    Codes that lie close together, closer than σ, must share a picture: the decoder cannot know which of them it
    was. That costs least when neighbours look alike.

    </details>

    How many nats each latent carries: together they are the KL above. **Look for** one that is hardly used.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "latent_kl.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The code under your hands

    Each slider is one number of z; the decoder draws what it means. On the right, what each slider would do from
    where you are; the line is where it stands. **Look for** a slider that changes the digit, and for one that only
    changes its shape.
    """)
    return


@app.cell
def _(notebook):
    z1 = notebook.slider("z1", -3.0, 3.0, 0.0, 0.1, live=True)
    z2 = notebook.slider("z2", -3.0, 3.0, 0.0, 0.1, live=True)
    z3 = notebook.slider("z3", -3.0, 3.0, 0.0, 0.1, live=True)
    z4 = notebook.slider("z4", -3.0, 3.0, 0.0, 0.1, live=True)
    notebook.column(z1, z2, z3, z4)
    return z1, z2, z3, z4


@app.cell
def _(explore, trained):
    space = None if trained is None else explore.space_of(*trained)
    return (space,)


@app.cell
def _(explore, notebook, space, z1, z2, z3, z4):
    notebook.after(space, explore.draw_code, z1=z1, z2=z2, z3=z3, z4=z4)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Or the other way round: **point at a test image** with the mouse, and see its code μ ± σ and what the decoder makes
    of it. **Look for** the latent that says most about the image, and the one that says least.
    """)
    return


@app.cell
def _(explore, notebook, space):
    pointed = (
        None
        if space is None
        else notebook.pick(explore.sheet_of_images(space[1]), rows=5, columns=18, hover=True, width=720)
    )
    pointed
    return (pointed,)


@app.cell
def _(explore, notebook, pointed, space):
    notebook.after(space, explore.draw_image_code, place=pointed)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Beside the prior the codes are narrow. Why not narrower still, and what would β = 8 do to them?

    <details><summary>Answer</summary>

    A σ of 0.15 costs −ln σ = 1.9 nats for each latent: to halve it costs another 0.7, and must save as much in
    reconstruction. With β = 8 a nat of code costs eight: σ grows, μ comes nearer to 0, and the code says less.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Can you draw a 4, and walk from it to a 9? What happens when all four sliders stand at 3?

    <details><summary>Answer</summary>

    Between 4 and 9 there is hardly a border; in between the top closes slowly. At (3, 3, 3, 3) the length of z is
    6, and less than 0.001 % of the prior's codes lie further out: the decoder was never there in training, and what
    it draws need not be a digit.

    </details>

    **Question.** Train again with β = 8 and look at the rows on the right. Is there a latent that does little now?

    <details><summary>Answer</summary>

    The rows are calmer, and the latent with the fewest nats (figure above) changes least. A latent that carries
    nothing changes nothing.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## New digits

    z ~ N(0, I) into the decoder, which is what the prior was for. **Look for** the ones that are no digit.
    """)
    return


@app.cell
def _(notebook):
    another = notebook.slider("other codes", 0, 50)
    another
    return (another,)


@app.cell
def _(another, explore, notebook, trained):
    notebook.after(trained, lambda model, run, seed: explore.draw_new(model, seed), seed=another)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where do the pictures that are no digit come from?

    <details><summary>Answer</summary>

    The prior's codes fall between the clusters, too; there the decoder draws what lies between two digits. A
    stronger pull of the KL (β = 2 or 4) closes the gaps, at the price of sharpness.

    </details>

    On the way from one test image to another, in a straight line between their codes. **Look for** a jump.
    """)
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures" / "interpolation.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Save, load, compare

    Julia's block is commented out, and would save the constructors. The run has saved the trained weights; read
    back, they draw the same to the last bit.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    notebook.after(trained, explore.describe_saved)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where to go on

    `README.md` of this lab has the manual's Task № 5 as commands, what was measured on MNIST, and exercises with
    answers.

    ```
    python -m labs.vae                    # vae.jl: two latents, a plane
    python -m labs.vae --preset examples  # twenty latents: sharper
    python -m labs.vae.information        # the slides' exercises
    python -m labs.vae.likelihood         # log p(x) itself
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
