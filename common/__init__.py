"""The layer the labs share: command line, device, data sets, training loop, run directory, figures. Knows no lab."""
