from labs.nlp.tagging.tagging import main

main()
