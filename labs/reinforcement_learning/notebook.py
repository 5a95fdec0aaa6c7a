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
    # Reinforcement learning

    The notebook of `reinforcement_learning.jl`: a random walk, learned by a table. Then what the slides' pages of
    theory show: grid worlds with values and policies, exact ones and learned ones. At the end a network that balances
    a pole.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    import gymnasium

    from common import notebook
    from labs.reinforcement_learning import dqn, explore, make, train
    from labs.reinforcement_learning.tabular import Agent, run_episode, target
    from labs.reinforcement_learning.worlds import WORLDS

    notebook.work_in_suite()
    return (
        Agent,
        WORLDS,
        dqn,
        explore,
        gymnasium,
        make,
        notebook,
        run_episode,
        target,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The environment

    Seven places in a row; the agent starts in the middle. At the left end it gets −1, at the right end +1, and the
    episode is over; every other step is worth 0. Julia: `env = RandomWalk1D()`. States and actions are numbered from
    0 here, from 1 in Julia; figures have Julia's numbers.
    """)
    return


@app.cell
def _(make):
    env = make("sorcery/RandomWalk1D-v0", disable_env_checker=True)
    env.observation_space, env.action_space
    return (env,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    One step: `reset` gives the first state, `step(action)` the next state, the reward, and whether the episode is
    over (`terminated`: the environment ended it; `truncated`: the clock did).
    """)
    return


@app.cell
def _(env):
    start, _ = env.reset(seed=0)
    next_state, reward, terminated, truncated, _ = env.step(1)
    start, next_state, reward, terminated, truncated
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### What episodes look like

    Twenty episodes of an agent that goes right, but with probability ε does anything. **Look for** lines that turn
    back, and for red ones: they end at the wrong place. With ε = 1 the agent only wanders.
    """)
    return


@app.cell
def _(notebook):
    epsilon_of_walks = notebook.slider("ε, actions at random", 0.0, 1.0, 0.5, 0.05, live=True)
    epsilon_of_walks
    return (epsilon_of_walks,)


@app.cell
def _(epsilon_of_walks, explore, notebook):
    notebook.react(explore.draw_walks, epsilon=epsilon_of_walks)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Why is the probability of ending at 7 not 1 − ε, but far better?

    <details><summary>Answer</summary>

    Half of the random actions go right anyway, and a step back can be made good: the agent is lost only when it has
    gone three more steps to the left than to the right. Only at ε = 1 do both ends have the same chance.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The agent: a table, and how it acts

    Julia: `TabularQApproximator(n_state=7, n_action=2)`, a learner and an ε-greedy explorer. The table Q(s, a) says
    what an action is worth in the long run; it begins with zeros. After each step the entry moves by α towards its
    **target**

    | method | target |
    | --- | --- |
    | Q-learning (Julia's `:SARS`) | r + γ max Q(s′, ·) |
    | SARSA (the manual's `:SARSA`) | r + γ Q(s′, a′), a′ the action that is taken next |

    Julia's notebook calls `run(policy, env, …)` where it means `run(agent, env, …)`: its table is still all zeros
    after 10 000 episodes. Here it is learned. `ties = first` is Julia's second mistake: of equally good actions the
    first, which is left.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The code of the lab: the target, the table's step towards it, and an episode. **Look for** the difference between
    an end that the environment made and one that the clock made.
    """)
    return


@app.cell
def _(Agent, notebook, run_episode, target):
    notebook.source(target, Agent, run_episode)
    return


@app.cell
def _(notebook):
    settings = notebook.form(
        "Train",
        method=notebook.choice("method", ["q_learning", "sarsa", "expected_sarsa"]),
        episodes=notebook.slider("episodes", 1000, 10_000, 2000, 1000),
        alpha=notebook.slider("α, learning rate", 0.01, 0.5, 0.1, 0.01),
        gamma=notebook.slider("γ, discount", 0.8, 1.0, 0.99, 0.01),
        epsilon=notebook.slider("ε, exploring", 0.0, 1.0, 0.1, 0.05),
        ties=notebook.choice("ties", ["random", "first"]),
    )
    settings
    return (settings,)


@app.cell
def _(notebook, settings, train):
    learnt = notebook.trained(train, settings)
    return (learnt,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The printed table has, for each state and action, the entry at the end, its mean over the last fifth of the
    episodes, the exact value from Bellman's equation, and how often the entry was updated.

    **Question.** Q(2, ←) is far from −1, its exact value. Does that matter?

    <details><summary>Answer</summary>

    Look at its updates: a few. The agent comes to place 2 by error only, and once there it knows that going left is
    worse than going right. The table is wrong where the agent does not go, and right where it goes.

    </details>

    ## Total reward, and the table over the episodes

    Julia: `TotalRewardPerEpisode`. **Look for** the −1: are there any, and when? Below, the best action's value of
    each place over the episodes, with the exact values dashed. **Look for** the order in which they settle.
    """)
    return


@app.cell
def _(explore, learnt, notebook):
    notebook.after(learnt, explore.figure("returns"))
    return


@app.cell
def _(explore, learnt, notebook):
    notebook.after(learnt, explore.figure("learning"))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which value settles first, and why do the others wait?

    <details><summary>Answer</summary>

    State 6's: its target is the reward itself. Each other value's target is its right neighbour's value, so it has
    nothing to learn from until that is there. Values spread backwards from the goal.

    </details>

    **Look for** the weak states here: the places where early, late and exact differ.
    """)
    return


@app.cell
def _(explore, learnt, notebook):
    notebook.after(learnt, explore.figure("values"))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Save, load, compare

    The run has saved its table. Read back, it is the same to the last bit.
    """)
    return


@app.cell
def _(explore, learnt, notebook):
    notebook.after(learnt, explore.reopen)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What if? Q-learning under your hands

    The same walk, learned anew whenever a slider moves. **Look for** how far the points are from the dashed lines,
    and on the right for episodes lost.
    """)
    return


@app.cell
def _(notebook):
    walk_method = notebook.choice("method", ["q_learning", "sarsa", "expected_sarsa"])
    walk_episodes = notebook.slider("episodes", 10, 1000, 200, 10)
    walk_alpha = notebook.slider("α, learning rate", 0.0, 1.0, 0.1, 0.05)
    walk_gamma = notebook.slider("γ, discount", 0.5, 1.0, 0.99, 0.01)
    walk_epsilon = notebook.slider("ε, exploring", 0.0, 1.0, 0.1, 0.05)
    walk_ties = notebook.checkbox("of equal actions, the first")
    notebook.column(walk_method, walk_episodes, walk_alpha, walk_gamma, walk_epsilon, walk_ties)
    return (
        walk_alpha,
        walk_episodes,
        walk_epsilon,
        walk_gamma,
        walk_method,
        walk_ties,
    )


@app.cell
def _(
    explore,
    notebook,
    walk_alpha,
    walk_episodes,
    walk_epsilon,
    walk_gamma,
    walk_method,
    walk_ties,
):
    notebook.react(
        explore.draw_table,
        method=walk_method,
        episodes=walk_episodes,
        alpha=walk_alpha,
        gamma=walk_gamma,
        epsilon=walk_epsilon,
        first_of_ties=walk_ties,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Set α = 0. What is this in Julia's file? Then α = 0.1 again and tick the box (Julia's other
    mistake): what does the agent do now?

    <details><summary>Answer</summary>

    α = 0 learns nothing, as `run(policy, env, …)` does: random ties make it wander, the total reward is 0 on average.
    With the box ticked it goes left, gets −1, learns that place 2 is bad, turns there, and at 3, where both actions
    are still worth 0, goes left again. It takes hundreds or thousands of episodes until chance brings it to the right
    end.

    </details>

    **Question.** With ε = 0.5, what do the dashed lines do when you change from Q-learning to SARSA?

    <details><summary>Answer</summary>

    They fall. Q-learning settles at the values of the best policy, however the agent acts. SARSA's are those of the
    agent that goes on to err in every second step.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Grid worlds: values and arrows

    A Markov decision process ⟨S, A, P, R, γ⟩ whose table P is known can be solved exactly, without an episode. The
    worlds are the slides' (2×2, 3×3, the MDP page), the exam's, and a cliff. S is the start, G the goal (+10; the
    exam's +5), X a pit (−5; at the cliff −10); other steps cost 1 (the exam's nothing; in 2×2 the step into G costs
    1, too, and G is worth 10). Slipping means: with this probability to the left of where it wants to go, and with
    the same to the right.

    V(s) is the number in the cell, the arrows are the best actions (several: equally good). The second grid is for an
    agent that cannot help erring: with probability ε it does anything. That is where SARSA settles; V\* is where
    Q-learning does.

    **Look for** arrows that turn when you raise the slip at the cliff, and for the ones that turn when you raise ε.
    """)
    return


@app.cell
def _(WORLDS, notebook):
    world = notebook.choice("world", list(WORLDS), "cliff")
    gamma = notebook.slider("γ, discount", 0.0, 1.0, 0.9, 0.05)
    epsilon = notebook.slider("ε, actions at random", 0.0, 1.0, 0.3, 0.05)
    slip = notebook.slider("slip, to each side", 0.0, 0.45, 0.0, 0.05)
    notebook.column(world, gamma, epsilon, slip)
    return epsilon, gamma, slip, world


@app.cell
def _(epsilon, explore, gamma, notebook, slip, world):
    notebook.react(explore.draw_policies, world=world, gamma=gamma, epsilon=epsilon, slip=slip)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** At the cliff, raise the slip from 0 by steps of 0.05. From which slip on does the best path from S
    leave the row beside the cliff? And at 0.2, why does S point at the wall on its left?

    <details><summary>Answer</summary>

    From 0.1 on it takes the top row: every step along the edge risks −10. From 0.2 on even the step up from S is too
    dangerous, for it slips into the pit as often. Who runs against the wall stays, slips up one time in five, and
    never slips right.

    </details>

    **Question.** Set γ = 0. Why does nearly every cell have four arrows?

    <details><summary>Answer</summary>

    Only the next reward counts, and it is −1 in every direction. Only a cell beside G or a pit has something to
    prefer.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### One cell's sum

    Click a cell of the world chosen above: Bellman's equation V(s) = max over a of Σ P(s′|s, a) [r + γ V(s′)] with
    its numbers, a line for each action. The small numbers are the states'. **Look for** the line that is largest: it
    is where the arrow points.
    """)
    return


@app.cell
def _(explore, gamma, notebook, slip, world):
    cells = notebook.pick(
        explore.draw_cells(notebook.read(world), notebook.read(gamma), notebook.read(slip)),
        *explore.size_of(notebook.read(world)),
    )
    cells
    return (cells,)


@app.cell
def _(cells, explore, gamma, notebook, slip, world):
    notebook.react(explore.explain_cell, world=world, gamma=gamma, slip=slip, place=cells)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With slipping, why has an action three terms, and one that runs against a wall the state's own value
    in it?

    <details><summary>Answer</summary>

    Three things may happen: it goes where it wants to, or slips to either side; each counts by its probability. Who
    runs against a wall stays where it is, and what a step later is worth is V of the same state, times γ.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### How the values come about: value iteration

    Begin with zeros and apply Bellman's equation V(s) ← max over a of Σ P(s′|s, a) [r + γ V(s′)] to every cell at
    once: a sweep. World, γ and slip are those chosen above. **Look for** what is known after one sweep, after two,
    after three.
    """)
    return


@app.cell
def _(notebook):
    sweep = notebook.slider("sweeps", 0, 30, 2)
    sweep
    return (sweep,)


@app.cell
def _(explore, gamma, notebook, slip, sweep, world):
    notebook.react(explore.draw_sweep, world=world, gamma=gamma, slip=slip, sweep=sweep)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Without slipping, how many sweeps does the cliff need? And with slipping?

    <details><summary>Answer</summary>

    Seven: as many as the longest of the best paths has steps; the goal's reward spreads by one cell a sweep. With
    slipping the error shrinks sweep by sweep (at least by the factor γ), and is never quite 0. The arrows are right
    long before the values are.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### A picture of an episode

    One episode of an agent that knows V\*, but does anything with probability ε, in the world chosen above. Dark
    points are early steps, yellow ones late. **Look for** the step that went wrong: was it ε or the slip?
    """)
    return


@app.cell
def _(notebook):
    episode = notebook.slider("episode number", 0, 50, 3)
    episode
    return (episode,)


@app.cell
def _(episode, epsilon, explore, gamma, notebook, slip, world):
    notebook.react(explore.draw_episode, world=world, gamma=gamma, epsilon=epsilon, slip=slip, episode=episode)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The arrow in the list is the action that was chosen. How do you tell an error of ε from a slip?

    <details><summary>Answer</summary>

    If the path does not follow the arrow, the agent slipped. If it follows an arrow that the best policy does not
    have, ε chose it. The mean of the discounted return over many episodes is the V of the second grid only if the
    agent also *plans* for its errors; this one acts by V\*.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### Learned without the table

    Now the agent knows neither P nor R: it plays, and learns by the targets above. Exact values stand below for
    comparison. **Look for** the cells that are wrong: does the agent go there?
    """)
    return


@app.cell
def _(notebook):
    learner = notebook.choice("method", ["q_learning", "sarsa", "expected_sarsa"])
    episodes_in_world = notebook.slider("episodes", 10, 500, 200, 10)
    learning_rate = notebook.slider("α, learning rate", 0.05, 1.0, 0.1, 0.05)
    notebook.column(learner, episodes_in_world, learning_rate)
    return episodes_in_world, learner, learning_rate


@app.cell
def _(
    episodes_in_world,
    epsilon,
    explore,
    gamma,
    learner,
    learning_rate,
    notebook,
    slip,
    world,
):
    notebook.react(
        explore.draw_learned,
        world=world,
        method=learner,
        episodes=episodes_in_world,
        alpha=learning_rate,
        gamma=gamma,
        epsilon=epsilon,
        slip=slip,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Choose the cliff, slip 0 and ε = 0.3, then Q-learning and SARSA in turn with 500 episodes. Which
    path does each learn, and which would you send over a real cliff?

    <details><summary>Answer</summary>

    Q-learning learns the path beside the cliff, and its values, as if it never erred; it falls in again and
    again while it learns. SARSA's values contain its own errors, so exactly it goes round by the top row; what it has
    learned comes near that slowly, for its targets are noisy. As long as it explores, SARSA is the safer one.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## From tables to networks: CartPole

    The pole's state is four real numbers: a table would need a row for each. A network takes its place, s → Q(s, a)
    (DQN, with a replay buffer and a target network; the course promises it, and has no code). A reward of 1 for every
    step that the pole stands, 500 at most. A few thousand steps are enough to see it learn; 50 000 solve it.
    """)
    return


@app.cell
def _(gymnasium):
    cartpole = gymnasium.make("CartPole-v1")
    cartpole.observation_space, cartpole.action_space
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The network and its gradient step, as the lab has them. **Look for** the target network, and for what becomes of
    the future where an episode *terminated*.
    """)
    return


@app.cell
def _(dqn, notebook):
    notebook.source(dqn.build_model, dqn.DQN.learn)
    return


@app.cell
def _(notebook):
    dqn_settings = notebook.form("Train the network", steps=notebook.slider("steps", 2000, 50_000, 4000, 2000))
    dqn_settings
    return (dqn_settings,)


@app.cell
def _(dqn, dqn_settings, notebook):
    balanced = notebook.trained(dqn.train, dqn_settings, period=1000, val_episodes=5, test_episodes=20)
    return (balanced,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Look for** the distance between the grey points (with exploring) and the red line (greedy), and for the red line
    falling back. In the lines printed above, look at the loss: does it fall?
    """)
    return


@app.cell
def _(balanced, explore, notebook):
    notebook.after(balanced, explore.figure("learning"))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The policy gets better and the loss rises. Is that an error?

    <details><summary>Answer</summary>

    No. The loss is the error of Q against its target, and both grow: longer episodes are worth more. A falling loss
    would not even show that the policy is good.

    </details>

    The same start before training, early in it, and with the best policy:
    """)
    return


@app.cell
def _(balanced, explore, notebook):
    notebook.after(balanced, explore.show_film)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where to go on

    `README.md` of this lab has the manual's Task № 6 as commands, what was measured, and exercises with answers.

    ```
    python -m labs.reinforcement_learning.gridworld                        # the slides' numbers beside the exact ones
    python -m labs.reinforcement_learning --preset task6                   # FrozenLake with the manual's settings
    python -m labs.reinforcement_learning.methods --env CliffWalking       # three methods, three seeds
    python -m labs.reinforcement_learning.policy_gradient                  # PPO and REINFORCE
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
