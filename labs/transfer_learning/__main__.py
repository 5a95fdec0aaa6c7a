from labs.transfer_learning.transfer_learning_cifar import main

main()
