from labs.serve.command import main

main()
