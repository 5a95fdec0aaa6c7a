from labs.gan.gan import main

main()
