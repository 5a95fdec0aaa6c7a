from labs.foundations.foundations import main

main()
