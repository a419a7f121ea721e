"""Which workloads to self-host together (economics 2.13): `inputs` what is asked, `cost` what any placement costs, `milp` the bound,
`search` the way to both, `optimum` the answer. Frames, months and configuration stay outside: callers bring hourly work and monthly money.
"""
