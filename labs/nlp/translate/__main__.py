from labs.nlp.translate.translate import main

main()
