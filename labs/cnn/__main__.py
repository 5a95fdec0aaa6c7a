from labs.cnn.cnn import main

main()
