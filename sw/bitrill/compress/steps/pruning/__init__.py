"""Parts of the step ``prune``: units of weights, criteria, schedules, penalties, channels."""
