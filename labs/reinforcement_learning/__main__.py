from labs.reinforcement_learning.reinforcement_learning import main

main()
