from labs.nlp.cells.cells import main

main()
