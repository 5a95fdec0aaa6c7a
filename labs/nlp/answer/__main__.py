from labs.nlp.answer.answer import main

main()
