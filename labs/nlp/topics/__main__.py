from labs.nlp.topics.topics import main

main()
