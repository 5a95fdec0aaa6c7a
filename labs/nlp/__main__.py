from labs.nlp.nlp import main

main()
