from labs.vae.vae import main

main()
