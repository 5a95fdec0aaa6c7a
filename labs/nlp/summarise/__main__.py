from labs.nlp.summarise.summarise import main

main()
