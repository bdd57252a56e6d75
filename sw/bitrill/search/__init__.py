"""Search for the networks of a space that are best for a chip, by accuracy and by hardware.

A space (`space.Space`) names keys of a `bitrill.compress` recipe, of its network's function and of
its hardware, with the values that each may have. optuna draws trials from it; workers
(`bitrill.jobs`) build, judge and train them (`trial.run`), and what no other trial beats is the
front (`front`). The storage of optuna holds every trial, so a search can be stopped, resumed and
shared.
"""
