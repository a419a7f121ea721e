"""What a valid input is: the columns each source kind delivers (`raw`) and the pandera contract of each feed.

Nothing here reads a file or speaks SQL: `pipelines.staging` asks these modules what to expect and what to refuse.
"""
