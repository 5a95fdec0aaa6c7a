from labs.cnn.detection.detection import main

main()
